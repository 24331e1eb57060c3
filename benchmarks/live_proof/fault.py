"""What a fault is."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from live_proof.site import Conditions, Site

Strike = Callable[[Site, int], float]
"""Breaks something, in the round of a number from 0 on, and waits until it works again: seconds that took."""


@contextmanager
def ordinary(folder: Path) -> Iterator[Conditions]:
    """A data folder on the disk."""
    yield Conditions(folder / "data")


@dataclass(frozen=True)
class Fault:
    """Something that befalls the engine.

    Attributes:
        name: In the results.
        rounds: How often it is tried.
        strike: Does it once.
        missing: What it takes and is not there; empty where it can be tried.
        conditions: What the engine lives in meanwhile, given a folder.
    """

    name: str
    rounds: int
    strike: Strike
    missing: Callable[[], str] = lambda: ""
    conditions: Callable[[Path], AbstractContextManager[Conditions]] = ordinary
