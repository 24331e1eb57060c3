"""Engines that tests of spread fits share: one that works in this process, and one whose workers die."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from normalcy.engines.contract import Job, Outcome
from normalcy.engines.local import LocalEngine


class Here:
    """Works in this process, on the last item first: nothing may depend on the order in which results come."""

    name, workers = "here", 1

    def __init__(self) -> None:
        self.items: list[Any] = []
        self.tries: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def run(self, job: Job[Any, Any], items: Sequence[Any]) -> Iterator[Outcome[Any]]:
        self.items += items
        work = job.open()
        for place in reversed(range(len(items))):
            yield Outcome(place, work(items[place]))


class Dying(Here):
    """One kind of job is done by two local processes, of which the one that begins the second item kills itself."""

    def __init__(self, kind: type, marker: Path) -> None:
        super().__init__()
        self._kind, self._marker = kind, marker

    def run(self, job: Job[Any, Any], items: Sequence[Any]) -> Iterator[Outcome[Any]]:
        if not isinstance(job, self._kind):
            yield from super().run(job, items)
            return
        with LocalEngine(2) as engine:
            for outcome in engine.run(Killed(job, self._marker, items[1]), items):
                self.tries.append(outcome.tries)
                yield outcome


@dataclass(frozen=True)
class Killed:
    """A job whose worker is killed at one of its items, once."""

    job: Job[Any, Any]
    marker: Path
    item: Any

    def open(self) -> Callable[[Any], Any]:
        work = self.job.open()

        def work_or_die(item: Any) -> Any:
            if item == self.item and not self.marker.exists():
                self.marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return work(item)

        return work_or_die
