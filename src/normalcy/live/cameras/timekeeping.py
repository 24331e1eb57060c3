"""Where a frame stands in the life of its camera, over all connections."""

from dataclasses import dataclass
from enum import Enum, auto

JUMP_SECONDS = 5.0
"""Timestamps that run ahead of the clock by more, from one frame to the next, are wrong."""

_SMALLEST_STEP_SECONDS = 0.001


class Timing(Enum):
    """What tells the time of frames.

    STREAM: the timestamps of the stream, from where the clock stood when it was connected to.
    ARRIVAL: the clock, because the stream has no timestamps.
    CONTINUOUS: the timestamps, without the gaps between one run through a file and the next.
    """

    STREAM = auto()
    ARRIVAL = auto()
    CONTINUOUS = auto()


@dataclass(frozen=True)
class Placed:
    """Place and time of a frame in the camera's life.

    Attributes:
        index: Counts the frames of all connections.
        pts_seconds: Since the camera's first frame; always grows.
        jumped: The timestamps did, so that the frame does not follow the one before it.
    """

    index: int
    pts_seconds: float
    jumped: bool = False


@dataclass
class Timekeeper:
    """Places frames one after the other. The clock is a monotonic one.

    Attributes:
        next_index: Of the frame that comes next.
        pts_seconds: Of the last frame.
        life_start: Clock at the first frame; None before it.
    """

    next_index: int = 0
    pts_seconds: float = 0.0
    life_start: float | None = None

    def __post_init__(self) -> None:
        self.connect(Timing.STREAM, step_seconds=0.0)

    def connect(self, timing: Timing, *, step_seconds: float) -> None:
        """Another connection begins, or another run through a file; frames come every `step_seconds`."""
        self._timing, self._step_seconds = timing, step_seconds
        self._index_base = self.next_index
        self._base_seconds: float | None = None
        self._last = 0.0, 0.0  # timestamp and clock

    def place(self, index: int, pts_seconds: float, *, now: float) -> Placed:
        """Place and time of the next frame, from those it has in its connection."""
        is_first = self.life_start is None
        self.life_start = now if self.life_start is None else self.life_start
        jumped = self._runs_ahead(pts_seconds, now)
        if self._base_seconds is None or jumped:
            self._base_seconds = self._start(is_first, now - self.life_start) - pts_seconds
        seconds = self._base_seconds + pts_seconds
        if self._timing is Timing.ARRIVAL:
            seconds = now - self.life_start
        if not is_first:
            seconds = max(seconds, self.pts_seconds + _SMALLEST_STEP_SECONDS)
        self._last = pts_seconds, now
        self.pts_seconds, placed_index = seconds, self._index_base + index
        self.next_index = placed_index + 1
        return Placed(placed_index, seconds, jumped)

    def _runs_ahead(self, pts_seconds: float, now: float) -> bool:
        if self._timing is not Timing.STREAM or self._base_seconds is None:
            return False
        last_pts_seconds, last_now = self._last
        return (pts_seconds - last_pts_seconds) - (now - last_now) > JUMP_SECONDS

    def _start(self, is_first: bool, age_seconds: float) -> float:
        """Time of the first frame after a gap."""
        following = 0.0 if is_first else self.pts_seconds + self._step_seconds
        return following if self._timing is Timing.CONTINUOUS else max(age_seconds, following)
