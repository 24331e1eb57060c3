import math

import pytest
import torch
from torch import nn

from normalcy.errors import NonFiniteLoss
from normalcy.methods.contract import ClipSpec
from normalcy.training.config import TrainingConfig
from normalcy.training.optimising import adam, rate_decay, require_finite


def test_pixels_come_in_the_range_that_is_read():
    clip = torch.tensor([0, 51, 255], dtype=torch.uint8)
    spec = ClipSpec(1, (1, 3), 1, value_range=(-1.0, 1.0))
    torch.testing.assert_close(spec.in_range(clip), torch.tensor([-1.0, -0.6, 1.0]))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_named_with_its_place(value):
    with pytest.raises(NonFiniteLoss, match=f"became {value} in epoch 3, batch 7. The last good"):
        require_finite(torch.tensor(value), epoch=3, where="batch 7")
    require_finite(torch.tensor(1e30), epoch=3, where="batch 7")


def rates(config: TrainingConfig, *, epochs: int) -> list[float]:
    """The learning rate of each epoch, where the first one has 2."""
    optimiser = adam([nn.Parameter(torch.zeros(1))], rate=2.0, config=config, beta1=0.9)
    schedule, found = rate_decay(optimiser, config=config), []
    for _ in range(epochs):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    return found


def test_the_learning_rate_goes_down_half_a_cosine_and_no_further():
    quarter = math.sqrt(0.5) / 2
    expected = [2, 1.5 + quarter, 1.5, 1.5 - quarter, 1, 1]
    assert rates(TrainingConfig(epochs=4, learning_rate_end=0.5), epochs=6) == pytest.approx(expected)


def test_the_learning_rate_falls_in_one_step_after_three_quarters():
    config = TrainingConfig(epochs=8, learning_rate_end=0.1, learning_rate_decay="step")
    assert rates(config, epochs=10) == pytest.approx([2] * 6 + [0.2] * 4)


@pytest.mark.parametrize(("asked", "expected"), [(None, 0.5), (0.9, 0.9), (0.0, 0.0)])
def test_the_momentum_of_the_configuration_goes_over_that_of_the_kind(asked, expected):
    optimiser = adam(
        [nn.Parameter(torch.zeros(1))], rate=1.0, config=TrainingConfig(adam_beta1=asked), beta1=0.5
    )
    assert optimiser.param_groups[0]["betas"] == (expected, 0.999)
