"""The processes of one training, and what they tell each other.

Everything goes over gloo but tensors of GPUs, which go over NCCL. Where a process ends, gloo breaks off at once, and
`Deserted` is raised; `failures.py` finds out why. NCCL waits: `watching.py` ends what hangs there.

Letters: R processes.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from normalcy.errors import TrainingError

Value = TypeVar("Value")


class Deserted(TrainingError):
    """Another process ended in the middle of an exchange."""

    def __init__(
        self, what: str = "another process of this training is gone", *, where: object = "", hint: str = ""
    ) -> None:
        super().__init__(what, where=where, hint=hint)


@dataclass(frozen=True)
class Place:
    """Which of the processes this is.

    Attributes:
        rank: Of all, from 0; the first one alone writes and speaks.
        size: How many there are.
        local_rank: Of those on this machine.
        local_size: How many there are on each machine.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1

    @property
    def nodes(self) -> int:
        """How many machines there are."""
        return self.size // self.local_size

    @property
    def node(self) -> int:
        """Which of them this is."""
        return self.rank // self.local_size


ONLY = Place()


class Group:
    """All processes of a training. Each calls the same methods in the same order; one process alone exchanges nothing.

    Args:
        place: Which of them this is.
        of_gpus: What tensors of GPUs are exchanged by.
        leave: Called once nothing more is exchanged, perhaps more than once.
    """

    def __init__(
        self,
        place: Place = ONLY,
        *,
        of_gpus: dist.ProcessGroup | None = None,
        leave: Callable[[], None] = lambda: None,
    ) -> None:
        self.place, self._of_gpus, self.leave = place, of_gpus, leave
        self.rank, self.size = place.rank, place.size

    @property
    def is_first(self) -> bool:
        """Whether this process writes and speaks."""
        return self.rank == 0

    @property
    def is_alone(self) -> bool:
        """Whether there is no other."""
        return self.size == 1

    def wait(self) -> None:
        """Until all have come here."""
        self.everyone(None)

    def share(self, value: Value | None = None) -> Value:
        """What the first process gives."""
        if self.is_alone:
            return cast(Value, value)
        box = [value]
        with _breaking_off():
            dist.broadcast_object_list(box, src=0, device=torch.device("cpu"))
        return cast(Value, box[0])

    def everyone(self, value: Value) -> list[Value]:
        """What each process gives, by rank."""
        if self.is_alone:
            return [value]
        boxes: list[Any] = [None] * self.size
        with _breaking_off():
            dist.all_gather_object(boxes, value)
        return boxes

    def add(self, tensor: Tensor) -> Tensor:
        """Sum over all processes."""
        if self.is_alone:
            return tensor
        total = tensor.detach().clone(memory_format=torch.contiguous_format)
        with _breaking_off():
            dist.all_reduce(total, group=self._group(total))
        return total

    def largest(self, numbers: Sequence[int]) -> list[int]:
        """The largest of each number over all processes."""
        if self.is_alone:
            return list(numbers)
        tensor = torch.tensor(numbers)
        with _breaking_off():
            dist.all_reduce(tensor, op=dist.ReduceOp.MAX)
        found: list[int] = tensor.tolist()
        return found

    def gather(self, tensor: Tensor) -> Tensor:
        """That tensor of each process: (R, *shape)."""
        tensor = tensor.detach().contiguous()
        if self.is_alone:
            return tensor[None]
        each = [torch.empty_like(tensor) for _ in range(self.size)]
        with _breaking_off():
            dist.all_gather(each, tensor, group=self._group(tensor))
        return torch.stack(each)

    def align(self, module: nn.Module) -> None:
        """Gives all processes the weights and buffers of the first."""
        if self.is_alone:
            return
        for tensor in (*module.parameters(), *module.buffers()):
            whole = tensor.detach().cpu().contiguous()
            with _breaking_off():
                dist.broadcast(whole, src=0)
            tensor.data.copy_(whole)

    def require_same(self, videos: list[tuple[str, int]]) -> None:
        """Checks that all processes have the same videos, which they may read from disks of their own.

        Raises:
            TrainingError: One has others.
        """
        for rank, each in enumerate(self.everyone(videos)):
            if each != videos:
                raise TrainingError(
                    f"process {rank} has {len(each)} videos of {sum(frames for _, frames in each)} frames, "
                    f"process {self.rank} has {len(videos)} of {sum(frames for _, frames in videos)}",
                    hint="All machines must read the same dataset",
                )

    def fail_together(self, check: Callable[[], None]) -> None:
        """Raises on all processes what a check raises on any of them."""
        if self.is_alone:
            check()
            return
        error = None
        try:
            check()
        except TrainingError as raised:
            error = raised
        if any(self.largest([error is not None])):
            raise next(filter(None, self.everyone(error)))

    def _group(self, tensor: Tensor) -> dist.ProcessGroup | None:
        return self._of_gpus if tensor.is_cuda else None


ALONE = Group()
"""One process."""


@contextmanager
def _breaking_off() -> Iterator[None]:
    """Tells an exchange that broke off from a mistake in what was exchanged."""
    try:
        yield
    except RuntimeError as error:
        raise Deserted(f"another process of this training is gone ({_first_line(error)})") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
