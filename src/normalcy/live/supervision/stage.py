"""A process of the engine: started, watched, started again, stopped.

STOPPED --start--> RUNNING --died, or renewed--> RESTARTING --ended, and waited--> RUNNING
                     |  |                            |
                     |  +---asked--> STOPPED <-------+
                     |                  ^
                     +--too often, or for good--> FAILED --forgiven--> RESTARTING

A process that may be silent for only so long, and is silent for longer, hangs: it is killed, and so it died.
"""

import logging
import math
import signal
import socket
import struct
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any, Literal

from normalcy.engines.lifetime import deaf_to_ctrl_c
from normalcy.errors import NormalcyError
from normalcy.live.processes import CONTEXT, Beat, LastWords, StopFlag, run_stage
from normalcy.live.status import StageStatus
from normalcy.live.supervision.memory_use import resident_bytes
from normalcy.live.supervision.restarts import Restarts

logger = logging.getLogger(__name__)

_LISTENS_SECONDS = 1
_KILLED_SECONDS = 1.0
_LOOK_SECONDS = 0.02

_LATE_SECONDS = 5.0
"""Where nobody looked after a process for so long, its silence says nothing: this process was held up itself."""

State = Literal["running", "restarting", "stopped", "failed"]
Target = Callable[..., None]

TRANSITIONS: dict[State, frozenset[State]] = {
    "stopped": frozenset({"running"}),
    "running": frozenset({"restarting", "failed", "stopped"}),
    "restarting": frozenset({"running", "stopped"}),
    "failed": frozenset({"restarting", "stopped"}),
}


class Stage:
    """One process, and what it takes to have it running. Not for several threads at once.

    The process is called with the job, and by name with `stop` (a `StopFlag`), `control` (its end of a pipe) and what
    was given as `shared`.

    Args:
        name: For people and logs.
        target: What the process runs.
        job: What it is started with; asked for at every start.
        shared: Bells and the like.
        as_json: Its log is JSON lines.
        restarts: How often it may die.
        on_message: Called with whatever it sends, but for a `Beat`.
        patience_seconds: How long it may send nothing by now; for ever without.

    Attributes:
        state: Where it stands.
        since: Since when, in seconds since 1970.
        heard: When it sent something last, or was started, on the monotonic clock.
        hung_at: When it was last killed because it gave no sign of life, in seconds since 1970.
        reason: Why it ended last.
        exit_code: What the command would end with, where it was given up.
        started: When it was started last, on the monotonic clock.
    """

    def __init__(
        self,
        name: str,
        *,
        target: Target,
        job: Callable[[], Any],
        shared: dict[str, Any],
        as_json: bool = False,
        restarts: Restarts | None = None,
        on_message: Callable[[Any], None] = lambda _: None,
        patience_seconds: Callable[[], float] = lambda: math.inf,
    ) -> None:
        self.name, self._target, self._job, self._shared, self._as_json = name, target, job, shared, as_json
        self._restarts, self._on_message = restarts or Restarts(), on_message
        self._patience_seconds = patience_seconds
        self.state: State = "stopped"
        self.reason, self.exit_code, self.started, self.since = "", 1, 0.0, time.time()
        self.heard = self._looked = 0.0
        self.hung_at: float | None = None
        self._killed_because = ""
        self._process: SpawnProcess | None = None
        self._control: Connection | None = None
        self._stop = StopFlag()
        self._last_words: LastWords | None = None
        self._due = self._kill_due = 0.0

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

    # -- asked for

    def start(self) -> None:
        """Starts the process; where that cannot be done now, it is tried again like one that died."""
        self._become("running")
        self.started = self.heard = self._looked = time.monotonic()
        self._killed_because = ""
        try:
            self._spawn()
        except (OSError, NormalcyError) as error:
            self._release()
            why = error.strerror if isinstance(error, OSError) else str(error)
            self._fell(f"cannot be started ({why})", self.started)

    def renew(self, now: float, *, grace_seconds: float) -> None:
        """Has it end by itself, or killed after that time, and started anew; nothing where it was stopped."""
        if self.state == "running":
            self._stop.set()
            self._become("restarting")
            self._due, self._kill_due = now, now + grace_seconds

    def forgive(self) -> None:
        """Starts it again although it was given up: somebody mended something."""
        self._restarts.forgive()
        if self.state == "failed":
            self._become("restarting")
            self._due = 0.0

    def ask_to_stop(self) -> None:
        """Tells the process to end by itself."""
        self._become("stopped")
        self._stop.set()

    def join(self, seconds: float) -> bool:
        """Waits for its end; kills it where that takes longer.

        Returns:
            False where it had to be killed, or where its last words tell of something that went wrong.
        """
        end = time.monotonic() + seconds
        while not self.has_ended() and time.monotonic() < end:
            time.sleep(_LOOK_SECONDS)
        in_time = self.has_ended()
        if not in_time:
            logger.warning("%s did not end in time, so it is killed", self.name)
            self.kill()
            if self._process:
                self._process.join(_KILLED_SECONDS)
        self._release()
        return in_time and self._last_words is None

    def has_ended(self) -> bool:
        """Whether there is no process; reads what it sends meanwhile, so that nothing holds it up."""
        self._read()
        return self._process is None or not self._process.is_alive()

    def kill(self, because: str = "") -> None:
        """Ends it at once, whatever it hangs in; why is what people are told."""
        if self._process and self._process.is_alive():
            self._killed_because = because or self._killed_because
            self._process.kill()

    def send(self, message: Any) -> None:
        """Sends a message; one that cannot arrive is given up: a new process is told everything."""
        try:
            if self._control and self.state == "running":
                self._control.send(message)
        except BlockingIOError:
            logger.warning("%s does not listen, so it is killed", self.name)
            self.kill("it did not listen")  # it may have got half of the message
        except OSError as error:
            logger.info("%s did not get a message: %s", self.name, error)

    # -- looked after

    def tick(self, now: float) -> None:
        """Looks after the process: reads what it sends, and starts it again where it died; monotonic clock."""
        has_ended = self.has_ended()
        self.heard = now if now - self._looked > _LATE_SECONDS else self.heard
        self._looked = now
        if self.state == "running" and has_ended:
            self._died(now)
        elif self.state == "running" and now - self.heard > self._patience_seconds():
            logger.error("%s gives no sign of life, so it is killed", self.name)
            self.hung_at = time.time()
            self.kill(f"it gave no sign of life for {now - self.heard:.0f} s")
        elif self.state == "restarting" and not has_ended and now >= self._kill_due:
            self.kill()
        elif self.state == "restarting" and has_ended and now >= self._due:
            self._release()
            self.start()

    def _spawn(self) -> None:
        self._stop, self._last_words = StopFlag(), None
        self._control, theirs = CONTEXT.Pipe()
        _limit_sending(self._control)
        words = {**self._shared, "as_json": self._as_json, "stop": self._stop, "control": theirs}
        job = (self._target, self._job())
        self._process = CONTEXT.Process(target=run_stage, args=job, kwargs=words, name=self.name, daemon=True)
        try:
            with deaf_to_ctrl_c():
                self._process.start()
        except OSError:
            self._process = None
            raise
        finally:
            theirs.close()

    def _read(self) -> None:
        try:
            while self._control and self._control.poll():
                message = self._control.recv()
                self.heard = time.monotonic()
                if isinstance(message, LastWords):
                    self._last_words = message
                elif not isinstance(message, Beat):
                    self._on_message(message)
        except (EOFError, OSError):
            return

    def _died(self, now: float) -> None:
        assert self._process is not None
        words, code = self._last_words, self._process.exitcode
        self._last_words = None
        self._release()
        self._fell(words.why if words else self._killed_because or _why(code), now, words)

    def _fell(self, why: str, now: float, words: LastWords | None = None) -> None:
        self.reason, self.exit_code = why, words.exit_code if words else 1
        wait_seconds = self._restarts.died(now)
        if wait_seconds is None or (words and words.for_good):
            self._become("failed")
            logger.error("%s is given up: %s", self.name, why)
        else:
            self._become("restarting")
            self._due = now + wait_seconds
            logger.warning("%s: %s; it is started again in %.2g s", self.name, why, wait_seconds)

    def _become(self, after: State) -> None:
        """The only place where the state changes."""
        if after == self.state:
            return
        assert after in TRANSITIONS[self.state], f"{self.name}: {self.state} cannot become {after}"
        self.state, self.since = after, time.time()

    def _release(self) -> None:
        if self._control:
            self._control.close()
            self._control = None
        if self._process and not self._process.is_alive():
            self._process.close()
            self._process = None


def _why(code: int | None) -> str:
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    named = {each.value: each.name for each in signal.Signals}
    return f"was killed by {named.get(-code, f'signal {-code}')}"


def _limit_sending(control: Connection) -> None:
    """A process that reads nothing must not hold up the supervisor."""
    with socket.fromfd(control.fileno(), socket.AF_UNIX, socket.SOCK_STREAM) as shared:
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _LISTENS_SECONDS, 0))
