"""Tells layers and losses, batch by batch, what of the whole batch is here, and puts its gradients together."""

from typing import Any

from normalcy.layers.spread_batch import working_on
from normalcy.training.distributed.group import Group
from normalcy.training.distributed.sampling import OwnRows
from normalcy.training.distributed.strategy import average_gradients
from normalcy.training.lightning_import import Callback


class SpreadBatches(Callback):
    """Around each batch, its backward pass and its step included.

    Args:
        training: Rows of this process to fit on.
        validation: Those to validate on.
        group: Of all processes.
    """

    def __init__(self, training: OwnRows[Any], validation: OwnRows[Any], group: Group) -> None:
        self._training, self._validation, self._group = training, validation, group

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Before a step."""
        working_on(self._training.part(batch_idx))

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        """Before gradients are clipped; a kind that steps by hand averages them by hand as well."""
        if pl_module.automatic_optimization:
            average_gradients(optimizer, self._group)

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """After it."""
        working_on(None)

    def on_validation_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Before clips that are not fitted on."""
        working_on(self._validation.part(batch_idx))

    def on_validation_batch_end(
        self,
        trainer: Any,
        pl_module: Any,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """After them."""
        working_on(None)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """A batch that was broken off."""
        working_on(None)
