"""Doorbells wake another process. What there is to do lies elsewhere, so a lost ring costs little."""

from contextlib import suppress
from typing import Protocol


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
