"""Ends a process that hangs in an exchange because another one failed.

gloo breaks off where a process ends; NCCL waits for it, and so does who waits for nobody. So a thread of each process
looks whether one failed, here and elsewhere, and where the training has not noticed by then:

    one failed --GRACE--> `Deserted` is raised where it trains --LAST--> its line is printed, and the process ends

The first reaches Python code alone: what hangs inside of NCCL only the second ends.
"""

import ctypes
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

from normalcy.errors import NormalcyError, TrainingError
from normalcy.training.distributed.failures import read_failure, say_failure
from normalcy.training.distributed.group import Deserted, Place
from normalcy.training.distributed.stores import Store

LOOK_SECONDS = 1.0
GRACE_SECONDS = 5.0
LAST_SECONDS = 10.0
_INTERRUPTED = 130


@dataclass(frozen=True)
class Children:
    """The processes that this one started.

    Attributes:
        require_alive: Raises TrainingError where one ended by a failure.
        kill: Ends them at once.
    """

    require_alive: Callable[[], None] = lambda: None
    kill: Callable[[], None] = lambda: None


NO_CHILDREN = Children()


class Watch:
    """Looks for failures beside the thread that made it, which trains.

    Args:
        place: Which process this is; the first alone prints.
        store: Where failures are told.
        children: What else may fail unseen, and goes with this process.
    """

    def __init__(self, place: Place, store: Store, children: Children) -> None:
        self._place, self._children = place, children
        # A client waits for one answer at a time; PyTorch before 2.8 has but the one.
        self._store: Store = store.clone() if hasattr(store, "clone") else store
        self._training = threading.get_ident()
        self._may_raise, self._over = False, threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._look, name="normalcy-watch", daemon=True)
        self._thread.start()

    @contextmanager
    def raising(self) -> Iterator[None]:
        """While the block runs, `Deserted` may be raised in it."""
        self._may_raise = True
        try:
            yield
        finally:
            self._let_go()

    def stop(self) -> None:
        """Nothing is exchanged any more."""
        self._over.set()
        self._let_go()
        self._thread.join(LOOK_SECONDS)

    def _look(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            failure = self._failure()
            if failure is not None:
                self._act_on(failure)
                return

    def _failure(self) -> BaseException | None:
        try:
            self._children.require_alive()
            return read_failure(self._store)
        except TrainingError as error:
            say_failure(self._store, self._place.rank, error)
            return read_failure(self._store) or error
        except RuntimeError:
            return TrainingError("the first process of this training is gone")

    def _act_on(self, failure: BaseException) -> None:
        if self._over.wait(GRACE_SECONDS):
            return
        sys.settrace(None)  # until what is raised arrives, nothing that is traced gets on: see `_let_go`
        self._raise()
        if not self._over.wait(LAST_SECONDS):
            self._end(failure)

    def _raise(self) -> None:
        with self._lock:
            if self._may_raise:
                _raise_in(self._training, Deserted)

    def _let_go(self) -> None:
        """Nothing is raised after it; what is on its way comes in here.

        Taking that back (`PyThreadState_SetAsyncExc` with NULL) would leave Python 3.11 looking for ever for what to
        raise, and where a debugger or coverage traces it, it gets no further.
        """
        with self._lock:
            self._may_raise = False
        time.sleep(0)  # here Python looks what other threads raise

    def _end(self, failure: BaseException) -> NoReturn:
        is_ours = isinstance(failure, NormalcyError)
        if self._place.rank == 0:
            start = "\n" if sys.stderr.isatty() else ""
            said = f"Error: {' '.join(str(failure).split())}" if is_ours else "Stopped."
            print(f"{start}{said}", file=sys.stderr, flush=True)
        self._children.kill()
        os._exit(failure.exit_code if isinstance(failure, NormalcyError) else _INTERRUPTED)


@contextmanager
def watched(place: Place, store: Store, children: Children = NO_CHILDREN) -> Iterator[Watch]:
    """Watches while the block runs, or until it is stopped."""
    watch = Watch(place, store, children)
    try:
        yield watch
    finally:
        watch.stop()


def _raise_in(thread: int, kind: type[Exception]) -> None:
    """Raises in another thread, once it runs Python code."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(kind))
