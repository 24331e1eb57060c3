"""Jobs for the tests of engines: what workers are to do, to fail of, and to die of."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from normalcy.errors import BundleError, InputError, OutputError

SQUARES, DIES_ONCE, DIES, FAILS, DEFECT, FULL, SLOW = range(10, 17)


@dataclass(frozen=True)
class Squares:
    """Gives the square of an item and who made it, but for some items.

    Attributes:
        folder: Where it leaves what it did.
    """

    folder: Path

    def open(self) -> Callable[[int], tuple[int, int]]:
        return self.square

    def square(self, item: int) -> tuple[int, int]:
        first = not (marker := self.folder / f"tried-{item}").exists()
        marker.touch()
        if item == DIES or (item == DIES_ONCE and first):
            os.kill(os.getpid(), signal.SIGKILL)
        if item == FAILS:
            raise InputError("is of no use", where="item")
        if item == FULL:
            raise OutputError("no room is left", where="disk")
        if item == DEFECT:
            raise TypeError("nobody foresaw it")
        if item == SLOW:
            time.sleep(60)
        return item * item, os.getpid()


class Unopened:
    """Cannot be opened."""

    def open(self) -> Callable[[int], int]:
        raise BundleError("is not a bundle", where="somewhere", hint="Fit one")


class DeadOnArrival:
    """Its workers die as they open it."""

    def open(self) -> Callable[[int], int]:
        os._exit(7)
