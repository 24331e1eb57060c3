"""Timing several things in turns, so that a machine that slows down or speeds up favours none of them."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

_LEAST_RUNS = {50: 1, 95: 20, 99: 100}
"""Percentiles, and how many runs it takes to say them."""

Run = Callable[[int], object]
"""Does the thing once; the number tells runs apart."""


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


def in_turns(
    things: Mapping[str, Run],
    *,
    rounds: int,
    runs: int,
    on_run: Callable[[int, int], None] | None = None,
) -> dict[str, Times]:
    """Times each thing `runs` times a round; every other round goes backwards; a first round warms up and is left out.

    Args:
        things: What is timed, by name.
        rounds: How often each has its turn.
        runs: How often it is done then.
        on_run: Called with how many turns are done and how many there are.
    """
    taken: dict[str, list[float]] = {name: [] for name in things}
    busy = dict.fromkeys(things, 0.0)
    total, done = (rounds + 1) * len(things), 0
    for number in range(rounds + 1):
        names = list(things) if number % 2 else list(things)[::-1]
        for name in names:
            found, spent = _turn(things[name], runs)
            if number:
                taken[name] += found
                busy[name] += spent
            done += 1
            if on_run:
                on_run(done, total)
    return {
        name: Times(tuple(each), busy[name] * 1000 / max(sum(each), 1e-9)) for name, each in taken.items()
    }


def _turn(run: Run, runs: int) -> tuple[Sequence[float], float]:
    """Milliseconds of each run, and seconds of the processor for all."""
    found, used = [], time.process_time()
    for number in range(runs):
        start = time.perf_counter()
        run(number)
        found.append((time.perf_counter() - start) * 1000)
    return found, time.process_time() - used
