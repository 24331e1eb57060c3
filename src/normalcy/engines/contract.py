"""What spreads work: an engine opens a job once in each of its workers, gives items out in order, and yields outcomes.

    items --in order--> worker: work = job.open(); work(item) --as they are done--> Outcome(place, result or error)

An item whose worker dies is tried again; one that fails is an outcome with its error, never the end of the others.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
ItemIn = TypeVar("ItemIn", contravariant=True)
ResultOut = TypeVar("ResultOut", covariant=True)


class Job(Protocol[ItemIn, ResultOut]):
    """What each worker is to do. It travels to workers, so it is small and can be pickled, as are items and results."""

    def open(self) -> Callable[[ItemIn], ResultOut]:
        """Called once in each worker, for what is held while it lives, such as a model; gives what works on an item.

        Raises:
            NormalcyError: The worker cannot work at all; the run ends with it.
        """
        ...


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """What became of an item.

    Attributes:
        place: Of the item among all.
        result: What the work gave; None where it failed.
        error: Why it failed, in one line; None where it did not.
        tries: How often it was begun: more than once where a worker died.
    """

    place: int
    result: Result | None
    error: str | None = None
    tries: int = 1


class Engine(Protocol):
    """Processes that work. A context: workers end with it.

    Attributes:
        name: `local` or `ray`.
        workers: How many items are worked on at once.
    """

    name: str
    workers: int

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def run(self, job: Job[Item, Result], items: Sequence[Item]) -> Iterator[Outcome[Result]]:
        """Works on all items; outcomes come as they are done, each once.

        Items are begun in their order, so that one may wait for what an earlier one gives. Closing the iterator
        ends the work.

        Raises:
            NormalcyError: A worker could not open the job, or an item failed of what the others fail of as well:
                a setting, a missing package, or an output that cannot be written.
        """
        ...
