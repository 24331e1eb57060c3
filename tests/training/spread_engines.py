"""Engines that tests of spread fits share: one that works in this process, and one whose workers die."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from normalcy.engines.contract import Job, Outcome
from normalcy.engines.local import LocalEngine
from normalcy.errors import NormalcyError


class Here:
    """Works in this process, on the last item first: nothing may depend on the order in which results come.

    Args:
        patient: Whether an item that fails is an outcome, as with other engines; else the test fails of it.
        elsewhere: Makes of a job the one that another machine would do.
    """

    name = "here"
    workers = 1

    def __init__(self, *, patient: bool = False, elsewhere: Callable[[Any], Any] = lambda job: job) -> None:
        self._patient, self._elsewhere = patient, elsewhere
        self.items: list[Any] = []
        self.tries: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def run(self, job: Job[Any, Any], items: Sequence[Any]) -> Iterator[Outcome[Any]]:
        self.items += items
        with pytest.MonkeyPatch.context() as patch:
            # This process goes on in the threads that it has.
            for room in ("memory_jobs", "features"):
                patch.setattr(f"normalcy.training.spread.{room}.compute_in", lambda threads: None)
            work = self._elsewhere(job).open()
        for place in reversed(range(len(items))):
            try:
                yield Outcome(place, work(items[place]))
            except NormalcyError as error:
                if not self._patient:
                    raise
                yield Outcome(place, None, str(error))


class Dying(Here):
    """One kind of job is done by two local processes, of which the one that begins the second item kills itself."""

    workers = 2

    def __init__(self, kind: type, marker: Path) -> None:
        super().__init__()
        self._kind, self._marker = kind, marker

    def run(self, job: Job[Any, Any], items: Sequence[Any]) -> Iterator[Outcome[Any]]:
        if not isinstance(job, self._kind):
            yield from super().run(job, items)
            return
        with LocalEngine(self.workers) as engine:
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
