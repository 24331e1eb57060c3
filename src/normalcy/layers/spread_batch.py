"""A batch that is spread over processes: what one process alone cannot know of it.

Row i of the whole batch is in process i modulo their number. While a batch is worked on, training says so by
`working_on`; layers and losses that depend on more than their own rows ask here, and in one process they are given what
they have. So two processes with half of a batch each do what one does with all of it.

Letters: B rows of this process.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True, eq=False)
class Part:
    """What of a batch is here. A process that is left without a row works on a spare one, which counts for nothing.

    Attributes:
        rank: This process, from 0.
        processes: How many there are.
        rows: Of the whole batch.
        add: The sum of a tensor over all processes, without gradient.
        gather: That tensor of each process, stacked, without gradient.
    """

    rank: int
    processes: int
    rows: int
    add: Callable[[Tensor], Tensor]
    gather: Callable[[Tensor], Tensor]

    @property
    def counted(self) -> int:
        """Rows of this process; 0 where it works on a spare one."""
        return len(range(self.rank, self.rows, self.processes))

    def own(self, whole: Tensor) -> Tensor:
        """Rows of this process, of what was made for the whole batch."""
        return whole[self.rank :: self.processes] if self.counted else whole[:1]


# No context variable: a backward pass may run in another thread.
_part: Part | None = None


def working_on(part: Part | None) -> None:
    """Says what of a batch this process works on from now on; None that what it has is all."""
    global _part
    _part = part


def current_part() -> Part | None:
    """What of a batch is here; None where it is all."""
    return _part


def counted_rows(own_rows: int) -> int:
    """How many of this process's rows count."""
    return own_rows if _part is None else _part.counted


def whole_rows(own_rows: int) -> int:
    """Rows of the whole batch."""
    return own_rows if _part is None else _part.rows


def as_share(loss: Tensor) -> Tensor:
    """A mean over the rows here, so that its plain mean over processes is the mean over the whole batch."""
    if _part is None or _part.counted * _part.processes == _part.rows:
        return loss
    return loss * (_part.counted * _part.processes / _part.rows)


def share_of_weights(weight_B: Tensor) -> Tensor | float:
    """Factor of a mean that is weighted by row, so that the mean by rows over processes is that of the whole batch.

    Such a mean is divided by the weights of its own rows; that of the whole batch by those of all.
    """
    if _part is None:
        return 1.0
    own = weight_B.sum() if _part.counted else 0 * weight_B.sum()
    return own / _part.add(own.detach()) * (_part.rows / max(1, _part.counted))


def deviation(x: Tensor) -> Tensor:
    """Standard deviation over the rows of the whole batch, without gradient; of the shape of a row."""
    x = x.detach()
    if _part is None:
        return x.std(dim=0)
    counts = 1.0 if _part.counted else 0.0
    mean = _part.add(counts * x.sum(dim=0)) / _part.rows
    squares = _part.add(counts * (x - mean).square().sum(dim=0))
    return (squares / (_part.rows - 1)).sqrt()


def normal_like(x: Tensor) -> Tensor:
    """Normal noise of the shape of `x`, which has a row for each of the batch: its rows of what is drawn for all."""
    if _part is None:
        return torch.randn_like(x)
    return _part.own(torch.randn_like(_whole_like(x, _part.rows)))


class Dropout(nn.Dropout):
    """Dropout whose draws are those of the whole batch."""

    def forward(self, x: Tensor) -> Tensor:
        """Drops some of `x`, which has a row for each of the batch."""
        if _part is None or not self.training or not self.p:
            return F.dropout(x, self.p, self.training)
        kept = _whole_like(x, _part.rows).bernoulli_(1 - self.p).div_(1 - self.p)
        return x * _part.own(kept)


class Gathered(torch.autograd.Function):
    """A tensor of each process, stacked; its gradient is the sum of what all of them ask of it."""

    @staticmethod
    def forward(context: torch.autograd.function.FunctionCtx, x: Tensor, part: Part) -> Tensor:
        """Asks all for theirs."""
        context.part = part  # type: ignore[attr-defined]
        return part.gather(x)

    @staticmethod
    def backward(context: torch.autograd.function.FunctionCtx, *gradients: Tensor) -> tuple[Tensor, None]:
        """Gives each what all ask of its own."""
        part: Part = context.part  # type: ignore[attr-defined]
        return part.add(gradients[0].contiguous())[part.rank], None


def gathered(x: Tensor, part: Part) -> Tensor:
    """`Gathered`, by its type: (processes, *x.shape)."""
    out: Tensor = Gathered.apply(x, part)  # type: ignore[no-untyped-call]
    return out


def _whole_like(x: Tensor, rows: int) -> Tensor:
    """Room for the whole batch, laid out in memory as `x` is: draws are made in that order."""
    strides = x.stride()
    # A batch of one row does not show where it lies: where it may be either, it lies within.
    order = sorted(range(x.dim()), key=lambda dim: (-strides[dim], dim == 0, dim))
    shape = [rows if dim == 0 else x.shape[dim] for dim in order]
    return x.new_empty(shape).permute([order.index(dim) for dim in range(x.dim())])
