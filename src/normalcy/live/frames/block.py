"""A block of shared memory, without two traps of the standard library."""

import contextlib
import os
import sys
import threading
from collections.abc import Sized
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory

from normalcy.errors import OutputError

_attaching = threading.Lock()


class SharedBlock(SharedMemory):
    """Shared memory that may be let go of while somebody still looks at it: it is mapped for as long as they do."""

    def close(self) -> None:
        """Lets go of it; may be called twice."""
        with contextlib.suppress(BufferError):
            super().close()


def made_whole(size: int) -> SharedBlock:
    """Makes a block of which every byte is there: the system would promise more than it has, and end who writes there.

    Raises:
        OutputError: There is no room for it.
    """
    block = None
    try:
        block = SharedBlock(create=True, size=size)
        _reserve(block, size)
    except OSError as error:
        if block is not None:
            block.close()
            block.unlink()
        raise OutputError(
            f"there is no shared memory left for {size / 1e6:.0f} MB ({error.strerror})",
            hint="Give /dev/shm more room: a container takes `--shm-size`",
        ) from error
    return block


def _reserve(block: SharedMemory, size: int) -> None:
    """Where the system can; elsewhere memory is there once it was made."""
    descriptor = getattr(block, "_fd", -1)
    if descriptor >= 0 and hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)


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
