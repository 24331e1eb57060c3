"""A process of the engine: started, watched, started again, stopped.

STOPPED --start--> RUNNING --died--> RESTARTING --waited--> RUNNING
                      |                  |
                      +--asked--> STOPPED  +--too often--> FAILED
"""

import logging
import multiprocessing
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any, Literal

from normalcy.live.bells import StopFlag
from normalcy.live.status import StageStatus
from normalcy.live.supervision.memory_use import resident_bytes
from normalcy.live.supervision.restarts import Restarts

logger = logging.getLogger(__name__)

CONTEXT = multiprocessing.get_context("spawn")

_KILLED_SECONDS = 1.0

State = Literal["running", "restarting", "stopped", "failed"]
Target = Callable[..., None]


@dataclass(frozen=True)
class LastWords:
    """Why a process ends that nobody told to."""

    why: str


class Stage:
    """One process, and what it takes to have it running.

    The process is called with the job, and by name with `stop` (a `StopFlag`), `control` (its end of a pipe) and what
    was given as `shared`.

    Args:
        name: For people and logs.
        target: What the process runs.
        job: What it is started with; asked for at every start.
        shared: Bells and the like.
        restarts: How often it may die.
        on_message: Called with whatever it sends.
    """

    def __init__(
        self,
        name: str,
        *,
        target: Target,
        job: Callable[[], Any],
        shared: dict[str, Any],
        restarts: Restarts | None = None,
        on_message: Callable[[Any], None] = lambda _: None,
    ) -> None:
        self.name, self._target, self._job, self._shared = name, target, job, shared
        self._restarts, self._on_message = restarts or Restarts(), on_message
        self.state: State = "stopped"
        self.reason = ""
        self._process: SpawnProcess | None = None
        self._control: Connection | None = None
        self._stop, self._last_words = StopFlag(), ""
        self._due = 0.0

    @property
    def pid(self) -> int | None:
        """Of the process, where there is one."""
        return self._process.pid if self._process and self._process.is_alive() else None

    @property
    def status(self) -> StageStatus:
        """As it is now."""
        pid = self.pid
        memory_bytes = resident_bytes(pid) if pid else None
        return StageStatus(self.name, self.state, pid, self._restarts.total, self.reason, memory_bytes)

    def start(self) -> None:
        """Starts the process."""
        self._stop, self._last_words = StopFlag(), ""
        self._control, theirs = CONTEXT.Pipe()
        words = {**self._shared, "stop": self._stop, "control": theirs}
        self._process = CONTEXT.Process(
            target=self._target, args=(self._job(),), kwargs=words, name=self.name, daemon=True
        )
        self._process.start()
        theirs.close()
        self.state = "running"

    def tick(self, now: float) -> None:
        """Looks after the process: reads what it sends, and starts it again where it died; monotonic clock."""
        self._read()
        if self.state == "running" and self._process and not self._process.is_alive():
            self._died(now)
        elif self.state == "restarting" and now >= self._due:
            self.start()

    def send(self, message: Any) -> None:
        """Sends a message; one that cannot arrive is given up: a new process is told everything."""
        try:
            if self._control and self.state == "running":
                self._control.send(message)
        except OSError as error:
            logger.info("%s did not get a message: %s", self.name, error)

    def ask_to_stop(self) -> None:
        """Tells the process to end by itself."""
        self.state = "stopped"
        self._stop.set()

    def join(self, seconds: float) -> bool:
        """Waits for its end; kills it where that takes longer. False where it had to be killed."""
        if self._process is None:
            return True
        end = time.monotonic() + seconds
        while self._process.is_alive() and time.monotonic() < end:
            self._read()
            self._process.join(0.05)
        in_time = not self._process.is_alive()
        if not in_time:
            logger.warning("%s did not end within %.3g s, so it is killed", self.name, seconds)
            self.kill()
        self._release()
        return in_time

    def kill(self) -> None:
        """Ends it at once, whatever it hangs in."""
        if self._process and self._process.is_alive():
            self._process.kill()
            self._process.join(_KILLED_SECONDS)

    def forgive(self) -> None:
        """Starts it again although it was given up: somebody mended something."""
        self._restarts.forgive()
        if self.state == "failed":
            self.state, self._due = "restarting", 0.0

    def _read(self) -> None:
        try:
            while self._control and self._control.poll():
                message = self._control.recv()
                if isinstance(message, LastWords):
                    self._last_words = message.why
                else:
                    self._on_message(message)
        except (EOFError, OSError):
            return

    def _died(self, now: float) -> None:
        assert self._process is not None
        self.reason = self._last_words or _why(self._process.exitcode)
        self._release()
        wait_seconds = self._restarts.died(now)
        if wait_seconds is None:
            self.state = "failed"
            logger.error("%s: %s, too often: it is given up", self.name, self.reason)
        else:
            self.state, self._due = "restarting", now + wait_seconds
            logger.warning("%s: %s; it is started again in %.2g s", self.name, self.reason, wait_seconds)

    def _release(self) -> None:
        if self._control:
            self._control.close()
            self._control = None
        if self._process and not self._process.is_alive():
            self._process.close()
            self._process = None


def _why(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
