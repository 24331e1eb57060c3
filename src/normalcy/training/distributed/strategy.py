"""Lightning's strategy for a process of each device: whole networks, and gradients averaged in one piece.

Lightning's own wraps the module in DistributedDataParallel, whose hooks expect that every backward pass reaches every
weight. Where two players share a pass and each gradient is taken by its own player's weights alone, that does not hold.
Here nothing is wrapped: before an optimiser steps, what all its weights have gathered is added up at once.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from normalcy.layers.synced_batch_norm import plain, synced
from normalcy.training.distributed.group import Group, Place
from normalcy.training.lightning_import import ClusterEnvironment, DDPStrategy, LayerSync


class Joined(ClusterEnvironment):
    """Tells Lightning where this process stands; the processes are there and know each other already."""

    creates_processes_externally = True
    main_address, main_port = "", 0

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place

    @staticmethod
    def detect() -> bool:
        """Never of its own accord."""
        return False

    def world_size(self) -> int:
        """All processes."""
        return self._place.size

    def set_world_size(self, size: int) -> None:
        """It is settled."""

    def global_rank(self) -> int:
        """Of all."""
        return self._place.rank

    def set_global_rank(self, rank: int) -> None:
        """It is settled."""

    def local_rank(self) -> int:
        """Of this machine's."""
        return self._place.local_rank

    def node_rank(self) -> int:
        """Of the machine."""
        return self._place.node


class SyncedNorms(LayerSync):
    """BatchNorm with the statistics of whole batches, for as long as training lasts."""

    def apply(self, model: torch.nn.Module) -> torch.nn.Module:
        """At the beginning."""
        return synced(model)

    def revert(self, model: torch.nn.Module) -> torch.nn.Module:
        """At the end."""
        return plain(model)


class AveragedGradients(DDPStrategy):
    """Exchanges by a group that is joined already; whoever steps calls `average_gradients` first."""

    def __init__(self, group: Group) -> None:
        super().__init__(cluster_environment=Joined(group.place))
        self.group = group

    def _configure_launcher(self) -> None:
        self._launcher = None

    def setup_distributed(self) -> None:
        """Only says which rank this is."""
        self.set_world_ranks()

    def configure_ddp(self) -> None:
        """Wraps nothing."""

    def barrier(self, *names: Any, **options: Any) -> None:
        """Waits for all."""
        self.group.wait()

    def broadcast(self, obj: Any, src: int = 0) -> Any:
        """What the first process has."""
        assert src == 0
        return self.group.share(obj)

    def reduce(self, tensor: Any, group: Any = None, reduce_op: Any = "mean") -> Any:
        """Sum or mean of a tensor over all processes."""
        if not isinstance(tensor, Tensor):
            return tensor
        total = self.group.add(tensor.cpu()).to(tensor.device)
        return total / self.group.size if str(reduce_op).lower() in ("mean", "avg") else total

    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = None) -> dict[str, Any]:
        """What the first process reads: the others may not see its disk."""
        load: Callable[..., dict[str, Any]] = super().load_checkpoint
        return self.group.share(
            load(checkpoint_path, weights_only=weights_only) if self.group.is_first else None
        )


def average_gradients(optimiser: Optimizer, group: Group) -> None:
    """Gives each weight of an optimiser the mean of its gradients over all processes, in one exchange.

    A weight that has a gradient in some processes counts as zero in the others; one that has none anywhere keeps none.
    """
    if group.is_alone:
        return
    weights = [weight for settings in optimiser.param_groups for weight in settings["params"]]
    reached = group.largest([weight.grad is not None for weight in weights])
    shared = [weight for weight, is_reached in zip(weights, reached, strict=True) if is_reached]
    if not shared:
        return
    for weight in shared:
        if weight.grad is None:
            weight.grad = torch.zeros_like(weight)
    # In one order in memory, whatever the layout of each.
    flat = torch.cat([weight.grad.contiguous().flatten() for weight in shared])
    means = torch.split(group.add(flat) / group.size, [weight.numel() for weight in shared])
    for weight, mean in zip(shared, means, strict=True):
        weight.grad.copy_(mean.view(weight.grad.shape))
