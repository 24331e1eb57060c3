import math

import pytest
import torch
from torch import nn

from normalcy.errors import NonFiniteLoss
from normalcy.methods.contract import ClipSpec
from normalcy.training.config import TrainingConfig
from normalcy.training.optimising import cosine_decay, require_finite


def test_pixels_come_in_the_range_that_is_read():
    clip = torch.tensor([0, 51, 255], dtype=torch.uint8)
    spec = ClipSpec(1, (1, 3), 1, value_range=(-1.0, 1.0))
    torch.testing.assert_close(spec.in_range(clip), torch.tensor([-1.0, -0.6, 1.0]))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_named_with_its_place(value):
    with pytest.raises(NonFiniteLoss, match=f"became {value} in epoch 3, batch 7. The last good"):
        require_finite(torch.tensor(value), epoch=3, where="batch 7")
    require_finite(torch.tensor(1e30), epoch=3, where="batch 7")


def test_the_learning_rate_goes_down_half_a_cosine_and_no_further():
    optimiser = torch.optim.Adam([nn.Parameter(torch.zeros(1))], lr=2.0)
    schedule = cosine_decay(optimiser, config=TrainingConfig(epochs=4, learning_rate_end=0.5))
    rates = []
    for _ in range(6):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    quarter = math.sqrt(0.5) / 2
    assert rates == pytest.approx([2, 1.5 + quarter, 1.5, 1.5 - quarter, 1, 1])
