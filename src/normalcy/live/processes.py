"""What the processes of the engine have in common: how they begin, how they are asked to stop, and how they end.

None outlives the process that started it.
"""

import gc
import logging
import math
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Protocol

from normalcy.engines.lifetime import end_with_parent
from normalcy.errors import ConfigError, InputError, MissingPackage, NormalcyError
from normalcy.live.logs import log_to_standard_error

logger = logging.getLogger(__name__)

CONTEXT = multiprocessing.get_context("spawn")

_POLL_SECONDS = 0.02
_DEFECT_EXIT_CODE = 70
_FOR_GOOD = (ConfigError, InputError, MissingPackage)


class Stop(Protocol):
    """Whether somebody was asked to stop: an event of threads, or a `StopFlag` between processes."""

    def set(self) -> None:
        """Asks."""
        ...

    def is_set(self) -> bool:
        """Whether it was asked."""
        ...

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until it is asked, at most so many seconds; False where it was not."""
        ...


class StopFlag:
    """Tells a process to stop: a byte of shared memory, and unlike an `Event` no lock that a killed process keeps."""

    def __init__(self) -> None:
        self._byte = CONTEXT.RawValue("b", 0)

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


@dataclass(frozen=True)
class LastWords:
    """Why a process ends that nobody told to.

    Attributes:
        why: In one line, without credentials.
        for_good: Starting it again is of no use before somebody mends something.
        exit_code: That the command would end with.
    """

    why: str
    for_good: bool
    exit_code: int


@dataclass(frozen=True)
class Beat:
    """A process still does what it is there for."""


class Heart:
    """Tells the supervisor now and then that a process is not stuck; any other message tells it as well.

    Args:
        control: To the supervisor.
        every_seconds: Beats that come sooner are left out.
    """

    def __init__(self, control: Connection, *, every_seconds: float = 1.0) -> None:
        self._control, self._every_seconds, self._last = control, every_seconds, -math.inf

    def beat(self) -> None:
        """Called by the loop that does the work, at every turn."""
        if (now := time.monotonic()) - self._last >= self._every_seconds:
            self._last = now
            with suppress(OSError):  # who is gone needs no sign of life
                self._control.send(Beat())


def keep_imported() -> None:
    """What is there when a long life begins is not looked through again for garbage.

    Collections are quick then, and Python makes them often: between two of them, what refers to itself takes megabytes.
    """
    gc.collect()
    gc.freeze()


def run_stage(
    target: Callable[..., None], job: Any, *, as_json: bool, stop: Stop, control: Connection, **shared: Any
) -> None:
    """What every process of the engine runs: its target, called with its job, `stop`, `control` and its bells.

    Args:
        target: What it does, until it is told to stop.
        job: What it is told.
        as_json: Logs are JSON lines.
        stop: Set by the supervisor, and by SIGTERM.
        control: To and from the supervisor.
        shared: Bells.
    """
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor takes it
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    log_to_standard_error(as_json=as_json)
    logging.captureWarnings(True)
    keep_imported()
    code = 0
    try:
        target(job, stop=stop, control=control, **shared)
    except Exception as error:
        words = _last_words(error)
        code = words.exit_code
        with suppress(OSError):
            control.send(words)
    logging.shutdown()
    # Everything is written; to take the interpreter down as well takes a second on a busy machine.
    os._exit(code)


def _last_words(error: Exception) -> LastWords:
    if isinstance(error, NormalcyError):
        logger.error("%s", error)
        return LastWords(str(error), isinstance(error, _FOR_GOOD), error.exit_code)
    logger.exception("a defect of normalcy")
    why = f"ended by a {type(error).__name__}, a defect of normalcy; the log shows where"
    return LastWords(why, False, _DEFECT_EXIT_CODE)
