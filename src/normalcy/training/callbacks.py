"""What Lightning calls back while any kind of training runs."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from normalcy.progress import Progress
from normalcy.run_folder import RunFolder
from normalcy.training.checkpoints import ONLY_WEIGHTS
from normalcy.training.lightning_import import Callback, LightningModule, Trainer, WeightAveraging


@runtime_checkable
class Warns(Protocol):
    """A callback that has something to say of how training went."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know."""


class ReportProgress(Callback):
    """Tells how many steps of all are done, and the latest validation loss."""

    def __init__(self, progress: Progress, *, total_steps: int) -> None:
        self.progress, self.total_steps = progress, total_steps

    def on_train_batch_end(self, trainer: Trainer, *arguments: Any) -> None:
        """After each batch."""
        loss = trainer.callback_metrics.get("validation_loss")
        note = "" if loss is None else f", validation loss {float(loss):.4f}"
        done = trainer.current_epoch * int(trainer.num_training_batches) + trainer.fit_loop.batch_idx + 1
        self.progress(f"training, epoch {trainer.current_epoch + 1}{note}", done, self.total_steps)


class KeepSnapshots(Callback):
    """Keeps the weights aside every so many epochs."""

    def __init__(self, run: RunFolder, *, every_epochs: int) -> None:
        self.run, self.every_epochs = run, every_epochs

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Once an epoch's weights are settled."""
        epochs = trainer.current_epoch + 1
        if epochs % self.every_epochs == 0:
            # Not `weights_only`: that leaves out averaging, which puts its own weights into a checkpoint.
            trainer.save_checkpoint(self.run.snapshot(epochs), storage_options=ONLY_WEIGHTS)


def moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Exponential moving average whose decay grows with the updates so far, n: min(decay, (1 + n) / (10 + n)).

    So the weights that training started from are soon forgotten, however short it is.
    """

    def average(averaged: Tensor, now: Tensor, updates: Tensor | int) -> Tensor:
        so_far = torch.as_tensor(updates)
        kept = ((1 + so_far) / (10 + so_far)).clamp_max(decay)
        return kept * averaged + (1 - kept) * now

    return average


class GeneratorAveraging(WeightAveraging):
    """Averages the generator alone: all else, and counts within it, stays as it is now."""

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *rest: Any) -> None:
        """After each batch: averages all, then takes back what is not to be averaged."""
        super().on_train_batch_end(trainer, pl_module, *rest)
        assert self._average_model is not None
        now = dict(_tensors(pl_module))
        for name, averaged in _tensors(self._average_model.module):
            # Half of a count, such as BatchNorm's of batches, means nothing.
            if not (name.startswith("method.generator.") and averaged.is_floating_point()):
                averaged.data.copy_(now[name].data)


def _tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Weights and buffers by name, those that no checkpoint keeps as well."""
    return itertools.chain(module.named_parameters(), module.named_buffers())
