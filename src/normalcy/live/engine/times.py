"""When the last few thousand frames of a camera were captured."""

from collections import deque
from dataclasses import dataclass

from normalcy.live.frames.memory import Stamped

_FRAMES_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Captured:
    """When a frame was captured.

    Attributes:
        index: In the camera's life.
        clock: Monotonic, in seconds.
        at: Wall clock, in seconds since 1970.
    """

    index: int
    clock: float
    at: float


class CaptureTimes:
    """Remembers frames in order."""

    def __init__(self) -> None:
        self._frames: deque[Captured] = deque(maxlen=_FRAMES_REMEMBERED)

    def remember(self, frame: Stamped) -> None:
        """Takes the next frame."""
        self._frames.append(Captured(frame.index, frame.captured, frame.captured_at))

    def of(self, index: int) -> Captured:
        """Of a frame, or of the last one before it that is remembered, else of the first one.

        Raises:
            IndexError: Nothing is remembered.
        """
        for each in reversed(self._frames):
            if each.index <= index:
                return each
        return self._frames[0]
