"""The attention score of a frame: by hand, and as the explanations have it."""

import numpy as np
import pytest
import torch

from normalcy.explain.attention.enhancement import attention_score
from normalcy.explain.attention.statistics import cosine, entropy_of_rows
from normalcy.layers.attention_score import attention_score_of


def test_a_frame_by_hand():
    even, first = [0.5, 0.5], [1.0, 0.0]
    weights_BAPTT = torch.tensor([[[[first, even]], [[first, first]]]])  # two heads, one place
    features_BTDP = torch.tensor([[[[1.0], [0.0]], [[0.0], [2.0]]]])  # turns by a right angle
    found = attention_score_of(weights_BAPTT, features_BTDP, frame=1)
    widely = np.log(2) + 1 - 1 / np.sqrt(2)  # entropy, and how far the row turned; the other head has neither
    assert found.tolist() == [[pytest.approx(widely / 2 + 1)]]


def test_it_is_the_formula_raised_by_one():
    torch.manual_seed(0)
    weights = torch.rand(1, 1, 1, 5, 5).softmax(dim=-1)
    features = torch.randn(1, 5, 8, 1)
    found = attention_score_of(weights, features, frame=-1).item()
    rows, after = weights[0, 0, 0].double().numpy(), features[0, ..., 0].double().numpy()
    expected = attention_score(
        entropy=entropy_of_rows(rows[-1:])[0],
        consistency=cosine(rows[-1], rows[-2]),
        features=cosine(after[-1], after[-2]),
    )
    assert found == pytest.approx(float(expected) + 1, abs=1e-6)


def test_what_neither_spreads_nor_changes_scores_nothing():
    weights = torch.zeros(1, 2, 3, 4, 4)
    weights[..., 0] = 1
    assert attention_score_of(weights, torch.ones(1, 4, 5, 3), frame=3).abs().max() < 1e-6


@pytest.mark.parametrize("frame", [0, -4])
def test_the_first_frame_has_none_before_it(frame):
    with pytest.raises(ValueError, match="none before it"):
        attention_score_of(torch.ones(1, 1, 1, 4, 4) / 4, torch.ones(1, 4, 2, 1), frame=frame)
