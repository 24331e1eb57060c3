"""What the steps of every kind of training share."""

import math
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from normalcy.errors import NonFiniteLoss
from normalcy.training.config import TrainingConfig

STEP_AFTER = 0.75
"""Share of the epochs after which a rate that falls in one step falls."""

_RISES = 0.3  # of the epochs of one cycle


def require_finite(loss: Tensor, *, epoch: int, where: str) -> None:
    """Stops the training before a loss that is not finite reaches the weights.

    Raises:
        NonFiniteLoss: It is not; names the epoch and the place in it.
    """
    if not torch.isfinite(loss):
        raise NonFiniteLoss(
            f"the loss became {loss.item()} in epoch {epoch}, {where}",
            hint="The last good checkpoint is kept. Begin again with --overwrite and a lower "
            "training.learning_rate, or with training.precision=float32",
        )


def seed_batch(seed: int, *, epoch: int, batch: int) -> None:
    """Makes what a batch draws from torch's generator depend on its place alone, so that resuming is exact."""
    torch.manual_seed(int(np.random.SeedSequence((seed, epoch, batch)).generate_state(1, np.uint64)[0]))


def adam(
    weights: Iterable[nn.Parameter], *, rate: float, config: TrainingConfig, beta1: float
) -> torch.optim.Adam:
    """Adam with the momentum of the configuration, or else `beta1`."""
    momentum = beta1 if config.adam_beta1 is None else config.adam_beta1
    return torch.optim.Adam(weights, lr=rate, betas=(momentum, 0.999))


def rate_decay(
    optimiser: torch.optim.Optimizer, *, config: TrainingConfig, steps_per_epoch: int = 1
) -> LambdaLR:
    """Takes the learning rate down to `learning_rate_end` of it over the epochs.

    Args:
        optimiser: Whose rate.
        config: How.
        steps_per_epoch: How often it is stepped in an epoch.
    """
    return LambdaLR(optimiser, lambda step: rate_factor(step / steps_per_epoch, config=config))


def rate_factor(epoch: float, *, config: TrainingConfig) -> float:
    """What the learning rate is multiplied by in an epoch, the first one being 0.

    One cycle: Leslie N. Smith and Nicholay Topin, "Super-Convergence", 2018, https://arxiv.org/abs/1708.07120.
    """
    end, done = config.learning_rate_end, min(epoch / config.epochs, 1)
    if config.learning_rate_decay == "one-cycle":
        return _one_cycle(done)
    if config.learning_rate_decay == "step":
        return end if done >= STEP_AFTER else 1.0
    return _cosine(1.0, end, done)


def _one_cycle(done: float) -> float:
    """Up along a cosine from a 25th, then down to next to nothing."""
    if done < _RISES:
        return _cosine(1 / 25, 1.0, done / _RISES)
    return _cosine(1.0, 1e-4 / 25, (done - _RISES) / (1 - _RISES))


def _cosine(start: float, end: float, done: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2
