"""Timing several things in turns, so that a machine that slows down or speeds up favours none of them."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

_LEAST_RUNS = {50: 1, 95: 20, 99: 100}
"""Percentiles, and how many runs it takes to say them."""


@dataclass(frozen=True)
class Times:
    """Milliseconds of each run, and how busy the process kept the processor.

    Attributes:
        milliseconds: Of each run.
        cores_busy: Processor time over time.
    """

    milliseconds: tuple[float, ...]
    cores_busy: float = 0.0

    def summary(self) -> dict[str, float]:
        """Percentiles as far as there are runs enough to know them, the mean, and how many runs there were."""
        runs = len(self.milliseconds)
        known = {f"p{each}_ms": each for each, least in _LEAST_RUNS.items() if runs >= least}
        found = {
            name: round(float(np.percentile(self.milliseconds, each)), 3) for name, each in known.items()
        }
        return {**found, "mean_ms": round(float(np.mean(self.milliseconds)), 3), "runs": runs}

    def deciles(self) -> list[float]:
        """From the tenth to the ninetieth percentile."""
        return [round(float(each), 3) for each in np.percentile(self.milliseconds, range(10, 100, 10))]

    def shared_by(self, count: int) -> "Times":
        """Of one, where each run does so many."""
        return Times(tuple(each / count for each in self.milliseconds), self.cores_busy)


@dataclass(frozen=True)
class Turn:
    """Runs one after the other.

    Attributes:
        milliseconds: Of each run.
        processor_seconds: Of the process, over all of them.
    """

    milliseconds: Sequence[float]
    processor_seconds: float


TakeTurn: TypeAlias = Callable[[], Turn]


def turn(runs: Sequence[Callable[[], object]]) -> Turn:
    """Does each once, and times it."""
    used = time.process_time()
    found = [milliseconds(run) for run in runs]
    return Turn(found, time.process_time() - used)


def milliseconds(run: Callable[[], object]) -> float:
    """What it takes once."""
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1000


def in_turns(
    things: Mapping[str, TakeTurn], *, rounds: int, on_turn: Callable[[int, int], None] | None = None
) -> dict[str, Times]:
    """Gives each thing a turn a round; every other round goes backwards; a first round warms up and is left out.

    Args:
        things: What is timed, by name.
        rounds: How often each has its turn.
        on_turn: Called with how many turns are done and how many there are.
    """
    taken: dict[str, list[float]] = {name: [] for name in things}
    busy = dict.fromkeys(things, 0.0)
    total, done = (rounds + 1) * len(things), 0
    for number in range(rounds + 1):
        names = list(things) if number % 2 else list(things)[::-1]
        for name in names:
            found = things[name]()
            if number:
                taken[name] += found.milliseconds
                busy[name] += found.processor_seconds
            done += 1
            if on_turn:
                on_turn(done, total)
    return {
        name: Times(tuple(each), busy[name] * 1000 / max(sum(each), 1e-9)) for name, each in taken.items()
    }
