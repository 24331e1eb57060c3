"""The state of a camera as its capture process keeps it: in shared memory, where everybody sees it."""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from statistics import median

from normalcy.live.cameras.state import CameraState, require_transition
from normalcy.live.frames.memory import CameraMemory, as_bytes

logger = logging.getLogger(__name__)

STALL_SECONDS = 2.0
"""No camera is stalled that was silent for less."""

_STALL_PERIODS = 5
_PERIODS_REMEMBERED = 9

_LEFT_BEHIND = frozenset({CameraState.ONLINE, CameraState.STALLED, CameraState.CONNECTING})


def silent_after(period_seconds: float) -> float:
    """Seconds of silence after which a camera that sends so often is stalled."""
    return max(STALL_SECONDS, _STALL_PERIODS * period_seconds)


class Life:
    """Where a camera stands. One thread reads frames, and another one notices when none come.

    Args:
        memory: Of the camera.
        name: Of the camera.
        clock: Monotonic, in seconds.
    """

    def __init__(
        self, memory: CameraMemory, *, name: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._memory, self._name, self._clock = memory, name, clock
        self._changing = threading.Lock()
        self._awaiting_since: float | None = None
        self._last_frame: float | None = None
        self._online_since: float | None = None
        self._periods_seconds: deque[float] = deque(maxlen=_PERIODS_REMEMBERED)
        self._begin()

    def _begin(self) -> None:
        record = self._memory.capture
        record.ended[0] = 0
        self.beat()
        if record.state_since[0] and self.state in _LEFT_BEHIND:
            self.become(CameraState.OFFLINE, "its process ended")
        record.pid[0] = os.getpid()  # last: from now on others take the record for that of this process

    @property
    def state(self) -> CameraState:
        """Where it stands."""
        return CameraState(int(self._memory.capture.state[0]))

    def become(self, after: CameraState, reason: str = "") -> None:
        """The only place where the state changes.

        Raises:
            ImpossibleTransition: No arrow leads there.
        """
        with self._changing:
            self._become(after, reason)

    def _become(self, after: CameraState, reason: str) -> None:
        record, before = self._memory.capture, self.state
        if before is after and record.state_since[0]:
            return
        if before is not after:
            require_transition(before, after)
        record.reason[0] = as_bytes(reason)
        record.state[0], record.state_since[0] = after, time.time()
        self._online_since = self._clock() if after is CameraState.ONLINE else self._online_since
        extra = {"camera": self._name, "state": after.name.lower(), "reason": reason}
        logger.info(
            "camera %s is %s%s", self._name, after.name.lower(), f": {reason}" if reason else "", extra=extra
        )

    def beat(self) -> None:
        """The thread that reads frames is not stuck."""
        self._memory.capture.heartbeat[0] = self._clock()

    def await_frame(self) -> None:
        """A frame was asked for."""
        self.beat()
        with self._changing:
            self._awaiting_since = self._clock()

    def frame_came(self) -> float:
        """It came; when it did, by the monotonic clock."""
        now = self._clock()
        with self._changing:
            self._awaiting_since = None
            if self._last_frame is not None:
                self._periods_seconds.append(now - self._last_frame)
            self._memory.capture.last_frame[0] = self._last_frame = now
            self._become(CameraState.ONLINE, "")
        return now

    def none_came(self) -> float:
        """The source ended or broke off; how long it had been online, in seconds."""
        with self._changing:
            self._awaiting_since = self._last_frame = None
            online_since, self._online_since = self._online_since, None
        return 0.0 if online_since is None else self._clock() - online_since

    def stall_if_silent(self) -> None:
        """Notices that a frame is overdue."""
        with self._changing:
            since = self._awaiting_since
            if since is None or self.state is not CameraState.ONLINE:
                return
            silent_seconds = self._clock() - since
            # The median, which a single stall does not move.
            if silent_seconds > silent_after(median(self._periods_seconds or [0.0])):
                self._become(CameraState.STALLED, f"no frame for {silent_seconds:.0f} s")
