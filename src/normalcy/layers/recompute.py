"""Computing a step again in the backward pass, which saves memory, without counting its batch twice."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import TypeVar

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

Result = TypeVar("Result")


def recomputed(step: Callable[..., Result], *inputs: object, module: nn.Module) -> Result:
    """`step(*inputs)`, computed again in the backward pass instead of keeping its activations.

    Args:
        step: Runs layers of `module`.
        inputs: Its arguments.
        module: Its buffers, such as BatchNorm's running statistics, change in the first computation only.
    """
    out: Result = checkpoint(
        step, *inputs, use_reentrant=False, context_fn=lambda: (nullcontext(), BuffersHeld(module))
    )
    return out


class BuffersHeld:
    """Inside, `module` works on copies of its buffers; afterwards they are what they were.

    Switching BatchNorm's statistics off instead would change what autograd saves, and checkpointing compares that.
    A class, because it is entered once for every backward pass through the same step.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self._held: list[tuple[nn.Module, str, Tensor]] = []

    def __enter__(self) -> None:
        for owner in self.module.modules():
            for name, buffer in owner.named_buffers(recurse=False):
                self._held.append((owner, name, buffer))
                setattr(owner, name, buffer.clone())

    def __exit__(self, *error: object) -> None:
        while self._held:
            setattr(*self._held.pop())
