"""What the processes of the engine have in common: how they are asked to stop, and that none outlives the engine."""

import multiprocessing
import os
import threading
from multiprocessing.connection import wait
from typing import Protocol

_ORPHANED_EXIT_CODE = 3


class Stop(Protocol):
    """Whether somebody was asked to stop: an event of threads, or `bells.StopFlag` between processes."""

    def set(self) -> None:
        """Asks."""
        ...

    def is_set(self) -> bool:
        """Whether it was asked."""
        ...

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until it is asked, at most so many seconds; False where it was not."""
        ...


def end_with_parent() -> None:
    """Ends this process, whatever it does, as soon as the process that started it is gone.

    The kernel could send a signal then (`PR_SET_PDEATHSIG`), but it does so when the *thread* that started the process
    ends, which may be one of a pool.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), name="parent", daemon=True).start()


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(_ORPHANED_EXIT_CODE)
