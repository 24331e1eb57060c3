"""Means of what is logged, over all clips of an epoch, in however many processes they were."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from normalcy.layers.spread_batch import counted_rows
from normalcy.training.distributed.group import Group
from normalcy.training.lightning_import import Callback
from normalcy.training.optimising import require_finite


class ClipMeans:
    """Adds values up, weighted by the clips that they are means of."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = defaultdict(float)
        self._clips: dict[str, int] = defaultdict(int)

    def add(self, values: Mapping[str, Tensor], *, clips: int) -> None:
        """Takes the means of a batch of so many clips, of which those that count here are counted."""
        counted = counted_rows(clips)
        for name, value in values.items():
            # What does not count may even be NaN.
            self._sums[name] += value.item() * counted if counted else 0.0
            self._clips[name] += counted

    def take(self, group: Group) -> dict[str, float]:
        """The means over the clips of all processes; begins anew."""
        own = {name: (total, self._clips[name]) for name, total in self._sums.items()}
        self._sums, self._clips = defaultdict(float), defaultdict(int)
        everyone = group.everyone(own)
        means = {}
        for name in own:
            sums, clips = zip(*(each[name] for each in everyone), strict=True)
            means[name] = sum(sums) / sum(clips)
        return means


class LogMeans(Callback):
    """Logs what the kind of training added to `trained_means` and `validation_means`, once an epoch.

    It comes before all callbacks that read what is logged.
    """

    def __init__(self, group: Group) -> None:
        self._group = group

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Of the clips that were fitted on."""
        for name, mean in pl_module.trained_means.take(self._group).items():
            pl_module.log(f"train_{name}", mean)

    def on_validation_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Of those that were not.

        Raises:
            NonFiniteLoss: The loss became NaN or infinite.
        """
        means = pl_module.validation_means.take(self._group)
        require_finite(torch.tensor(means["loss"]), epoch=trainer.current_epoch, where="validation")
        for name, mean in means.items():
            pl_module.log(f"validation_{name}", mean)
