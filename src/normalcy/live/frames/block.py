"""A block of shared memory, without two traps of the standard library."""

import contextlib
import sys
import threading
from collections.abc import Sized
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory

_attaching = threading.Lock()


class SharedBlock(SharedMemory):
    """Shared memory that may be let go of while somebody still looks at it: it is mapped for as long as they do."""

    def close(self) -> None:
        """Lets go of it; may be called twice."""
        with contextlib.suppress(BufferError):
            super().close()


def attach_untracked(name: str) -> SharedBlock:
    """Attaches without telling the resource tracker, which would take the memory for this process's own.

    All processes of the engine share one tracker. A process that attaches while the maker unlinks would leave a name
    there that is freed, and warned of, a second time.

    Raises:
        FileNotFoundError: It is gone.
    """
    if sys.version_info >= (3, 13):
        return SharedBlock(name, track=False)
    with _attaching:
        register = resource_tracker.register
        resource_tracker.register = _register_nothing
        try:
            return SharedBlock(name)
        finally:
            resource_tracker.register = register


def _register_nothing(name: Sized, rtype: str) -> None:
    """Stands in for the tracker's own."""
