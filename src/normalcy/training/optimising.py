"""What the steps of every kind of training share."""

import math

import torch
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from normalcy.errors import NonFiniteLoss
from normalcy.training.config import TrainingConfig


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


def cosine_decay(optimiser: torch.optim.Optimizer, *, config: TrainingConfig) -> LambdaLR:
    """Takes the learning rate down to `learning_rate_end` of it over the epochs."""
    end, epochs = config.learning_rate_end, config.epochs
    return LambdaLR(
        optimiser, lambda epoch: end + (1 - end) * (1 + math.cos(math.pi * min(epoch / epochs, 1))) / 2
    )
