"""Attaching to shared memory that another process made, and frees."""

import sys
import threading
from collections.abc import Sized
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory

_attaching = threading.Lock()


def attach_untracked(name: str) -> SharedMemory:
    """Attaches without telling the resource tracker, which would take the memory for this process's own.

    All processes of the engine share one tracker. A process that attaches while the maker unlinks would leave a name
    there that is freed, and warned of, a second time.

    Raises:
        FileNotFoundError: It is gone.
    """
    if sys.version_info >= (3, 13):
        return SharedMemory(name, track=False)
    with _attaching:
        register = resource_tracker.register
        resource_tracker.register = _register_nothing
        try:
            return SharedMemory(name)
        finally:
            resource_tracker.register = register


def _register_nothing(name: Sized, rtype: str) -> None:
    """Stands in for the tracker's own."""
