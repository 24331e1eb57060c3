"""Doorbells wake another process. What there is to do lies elsewhere, so a lost ring costs little."""

import math
import multiprocessing
import time
from contextlib import suppress
from typing import Protocol

_POLL_SECONDS = 0.02


class Bell(Protocol):
    """A semaphore of `multiprocessing`; one that is released by a process that dies next is no harm."""

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Waits for a ring."""
        ...

    def release(self) -> object:
        """Rings."""
        ...


def ring(bell: Bell) -> None:
    """Wakes who waits; rings without end where nobody listens are none."""
    with suppress(ValueError, OSError):
        bell.release()


def wait(bell: Bell, seconds: float) -> bool:
    """Waits for a ring, at most so long; several rings are one. False where none came."""
    if not bell.acquire(timeout=seconds):
        return False
    while bell.acquire(block=False):
        pass
    return True


class StopFlag:
    """Tells a process to stop: a byte of shared memory, and unlike an `Event` no lock that a killed process keeps."""

    def __init__(self) -> None:
        self._byte = multiprocessing.get_context("spawn").RawValue("b", 0)

    def set(self) -> None:
        """Tells it."""
        self._byte.value = 1

    def is_set(self) -> bool:
        """Whether it was told."""
        return bool(self._byte.value)

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until it is told, at most so many seconds; False where it was not."""
        end = math.inf if timeout is None else time.monotonic() + timeout
        while not self.is_set():
            left = end - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(left, _POLL_SECONDS))
        return True
