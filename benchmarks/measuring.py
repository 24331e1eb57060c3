"""Time and memory of variants of the same work, side by side."""

import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

from normalcy.allocator import keep_freed_memory

# A round of one variant is at least so long, so that short calls are not lost in the clock.
LEAST_SECONDS = 0.2
_PER_MIB = 2**20 if sys.platform == "darwin" else 2**10


class Spread(NamedTuple):
    """Median and quartiles of so many rounds."""

    median: float
    lower_quartile: float
    upper_quartile: float
    rounds: int


class Memory(NamedTuple):
    """Largest resident memory of a process, in MiB: before the work, and in all."""

    before_mib: float
    peak_mib: float


def interleaved(
    variants: Mapping[str, Callable[[], object]], *, rounds: int, warm_up: int
) -> dict[str, Spread]:
    """Seconds of a call of each variant.

    Every round calls all of them, each round in the other direction, so that a slow minute of the machine hits all.
    """
    calls = {name: _calls_in_a_round(work, warm_up) for name, work in variants.items()}
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    order = list(variants)
    for _ in range(rounds):
        for name in order:
            seconds[name].append(_seconds(variants[name], calls[name]))
        order.reverse()
    return {name: spread(each) for name, each in seconds.items()}


def spread(values: list[float]) -> Spread:
    """Median and quartiles.

    >>> spread([1.0, 2.0, 3.0, 4.0, 5.0])
    Spread(median=3.0, lower_quartile=2.0, upper_quartile=4.0, rounds=5)
    """
    quartiles = statistics.quantiles(values, method="inclusive") if len(values) > 1 else values * 3
    lower, median, upper = quartiles
    return Spread(median, lower, upper, len(values))


def memory_of(prepare: Callable[..., Callable[[], object]], *arguments: object) -> Memory:
    """Peak of a process of its own in which `prepare(*arguments)` makes the work, which is then done twice.

    Linux lets a new process inherit the peak of the one that started it: measure before anything large is built here.
    """
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawned) as pool:
        return pool.submit(_memory, prepare, *arguments).result()


def _memory(prepare: Callable[..., Callable[[], object]], *arguments: object) -> Memory:
    keep_freed_memory()
    work = prepare(*arguments)
    before_mib = _peak_mib()
    for _ in range(2):
        work()
    return Memory(before_mib, _peak_mib())


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _PER_MIB


def _calls_in_a_round(work: Callable[[], object], warm_up: int) -> int:
    for _ in range(warm_up):
        work()
    return max(1, round(LEAST_SECONDS / _seconds(work, 1)))


def _seconds(work: Callable[[], object], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        work()
    return (time.perf_counter() - start) / calls
