import math

import pytest
import torch
from torch.nn import functional as F

from normalcy.layers.class_losses import adjusted_logits, effective_number_weights, focal_loss

LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.0, 0.0, 0.0], [-3.0, 4.0, 1.0]])
TARGET = torch.tensor([0, 2, 2])


def test_focal_loss_without_focus_is_cross_entropy():
    found = focal_loss(LOGITS, TARGET, gamma=0.0, alpha=1.0)
    assert torch.isclose(found, F.cross_entropy(LOGITS, TARGET))


def test_focal_loss_by_hand():
    # p of the right class is one third: -0.25 (2/3)^2.5 log(1/3)
    found = focal_loss(torch.zeros(1, 3), torch.tensor([1]))
    assert float(found) == pytest.approx(0.25 * (2 / 3) ** 2.5 * math.log(3), rel=1e-6)


def test_what_is_classified_well_hardly_counts():
    sure, unsure = torch.tensor([[6.0, 0.0]]), torch.tensor([[0.0, 0.0]])
    target = torch.tensor([0])
    focal = [float(focal_loss(logits, target)) for logits in (sure, unsure)]
    plain = [float(F.cross_entropy(logits, target)) for logits in (sure, unsure)]
    assert focal[0] / focal[1] < 1e-4 * plain[0] / plain[1] * 10


def test_focal_loss_has_a_finite_gradient_where_all_is_certain():
    logits = torch.tensor([[80.0, -80.0], [80.0, -80.0]], requires_grad=True)
    focal_loss(logits, torch.tensor([0, 1])).backward()
    assert torch.isfinite(logits.grad).all()


def test_effective_number_by_hand():
    # (1 - b) / (1 - b^n) of 1 and 2 examples at b = 0.5: 1 and 2/3, over their mean 5/6.
    assert effective_number_weights([1, 2], beta=0.5).tolist() == pytest.approx([1.2, 0.8])


def test_effective_number_without_beta_counts_classes_alike():
    assert effective_number_weights([5, 500], beta=0.0).tolist() == [1.0, 1.0]


def test_effective_number_near_one_is_inverse_frequency():
    weight = effective_number_weights([10, 1000], beta=1 - 1e-9)
    assert float(weight[0] / weight[1]) == pytest.approx(100, rel=1e-3)


def test_a_class_without_examples_weighs_as_with_one():
    weight = effective_number_weights([0, 1, 100])
    assert weight[0] == weight[1] > weight[2]


def test_logits_are_raised_by_the_log_of_how_common():
    found = adjusted_logits(torch.zeros(1, 2), [30, 10])
    assert found[0].tolist() == pytest.approx([math.log(0.75), math.log(0.25)])
    assert (adjusted_logits(LOGITS, [7, 7, 7]).argmax(1) == LOGITS.argmax(1)).all()
    assert torch.equal(adjusted_logits(LOGITS, [1, 2, 3], tau=0.0), LOGITS)
