"""Which of a batch's clips each process takes: row i of the whole batch goes to process i modulo their number.

So all rows together are the batch of one process, whatever the seed, the epoch and the number of processes, and a
training that is resumed by others goes on with the same batches.
"""

from collections.abc import Iterable, Iterator, Sized
from typing import Generic, Protocol, TypeVar, cast

from torch.utils.data import Sampler

from normalcy.layers.spread_batch import Part
from normalcy.training.distributed.group import Group

Item = TypeVar("Item", covariant=True)


class Order(Sized, Iterable[Item], Protocol[Item]):
    """The items of an epoch in their order, for all processes together."""


class OwnRows(Sampler[Item], Generic[Item]):
    """The rows of one process, batch by batch; only the last batch may be smaller.

    A process that is left without a row of it takes the first once more, which then counts for nothing: all take
    equally many steps.

    Args:
        order: All items.
        batch_size: Of the whole batch.
        group: Of which process.
        drop_last: Leaves a smaller last batch out.
    """

    def __init__(self, order: Order[Item], *, batch_size: int, group: Group, drop_last: bool = False) -> None:
        self._order, self._group = order, group
        self._batch_size = batch_size
        self._count = len(order) // batch_size * batch_size if drop_last else len(order)

    @property
    def own_batch_size(self) -> int:
        """Rows of this process in a whole batch."""
        return self._rows(self._batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch; Lightning calls it before each one."""
        if hasattr(self._order, "set_epoch"):
            self._order.set_epoch(epoch)

    def part(self, batch: int) -> Part:
        """What of a batch is here."""
        rows = min(self._batch_size, self._count - batch * self._batch_size)
        return Part(self._group.rank, self._group.size, rows, self._group.add, self._group.gather)

    def __len__(self) -> int:
        last = self._count % self._batch_size
        whole = (self._count - last) // self._batch_size * self._rows(self._batch_size)
        return whole + (self._rows(last) if last else 0)

    def _rows(self, rows: int) -> int:
        """Of so many, those that are worked on here."""
        return max(1, len(range(self._group.rank, rows, self._group.size)))

    def __iter__(self) -> Iterator[Item]:
        batch: list[Item] = []
        for place, item in enumerate(self._order):
            if place == self._count:
                return
            batch.append(item)
            if len(batch) == self._batch_size or place == self._count - 1:
                yield from batch[self._group.rank :: self._group.size] or batch[:1]
                batch = []


def own_rows(
    order: Order[Item], *, batch_size: int, group: Group, drop_last: bool = False
) -> tuple[Sampler[Item], int]:
    """A sampler of the rows of this process, and how many there are in a batch; of all where there is one process."""
    if group.is_alone:
        return cast("Sampler[Item]", order), batch_size
    sampler = OwnRows(order, batch_size=batch_size, group=group, drop_last=drop_last)
    return sampler, sampler.own_batch_size
