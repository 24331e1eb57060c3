"""Progress: bars with an ETA on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column

LINE_EVERY_SECONDS = 10.0
# A long path must not push the bar away.
DESCRIPTION = Column(max_width=40, no_wrap=True, overflow="ellipsis")


class Report(Protocol):
    """Told how far a step is."""

    def __call__(self, what: str, done: int, total: int, /) -> None:
        """What is being done, how much is done, and how much there is: 0 where nobody knows."""
        ...


@dataclass
class Steps:
    """Tells where one step ends and the next begins: another first word, another total, or less done than before."""

    _key: tuple[str, int] = ("", -1)
    _done: int = 0

    def is_new(self, what: str, done: int, total: int) -> bool:
        """Whether this report belongs to another step than the one before."""
        key = (what.partition(" ")[0].rstrip(","), total)
        is_new = key != self._key or done < self._done
        self._key, self._done = key, done
        return is_new


class Bars:
    """A bar for each step."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._steps = Steps()
        self._task: TaskID | None = None

    def __call__(self, what: str, done: int, total: int, /) -> None:
        """Moves the bar of the step, or begins one."""
        if self._steps.is_new(what, done, total) or self._task is None:
            if self._task is not None:
                self._progress.stop_task(self._task)
            self._task = self._progress.add_task(escape(what), total=total or None)
        self._progress.update(self._task, completed=done, description=escape(what))


class Lines:
    """For logs: a line when a step begins and ends, and every ten seconds between."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._steps = Steps()
        self._started = self._last = 0.0
        self._first_done = 0

    def __call__(self, what: str, done: int, total: int, /) -> None:
        """Prints a line where one is due."""
        now = time.monotonic()
        if self._steps.is_new(what, done, total):
            self._started, self._first_done = now, done
        elif now - self._last < LINE_EVERY_SECONDS and done != total:
            return
        self._last = now
        amount = f"{done}/{total}" if total else f"{done}"
        self._console.print(f"{what}: {amount}{self._time(now, done, total)}", markup=False, soft_wrap=True)

    def _time(self, now: float, done: int, total: int) -> str:
        elapsed, gained = now - self._started, done - self._first_done
        if not gained:
            return ""
        if done >= total:
            return f" in {clock(elapsed)}"
        return f", ETA {clock(elapsed / gained * (total - done))}"


@contextmanager
def progress_on(console: Console) -> Iterator[Report]:
    """Shows progress while the block runs."""
    if not console.is_terminal:
        yield Lines(console)
        return
    columns = (
        TextColumn("{task.description}", table_column=DESCRIPTION),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        yield Bars(progress)


def clock(seconds: float) -> str:
    """A duration for people.

    >>> clock(7.4), clock(127), clock(7300)
    ('7 s', '2 min 7 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
