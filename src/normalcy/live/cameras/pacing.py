"""When a frame is due, and which frames are too many. Nothing here waits, or looks at a clock."""

LATE_SECONDS = 0.5
"""Whoever is later than this does not hurry to catch up."""

_SLACK_SECONDS = 0.001


class NaturalPace:
    """Plays frames as fast as they were recorded."""

    def __init__(self) -> None:
        self._offset_seconds: float | None = None

    def due(self, pts_seconds: float, *, now: float) -> float:
        """When the frame is due, on the clock that `now` is read from.

        Small delays are made up for. After a long one time goes on from there: no burst follows.
        """
        if self._offset_seconds is None or now - self._offset_seconds - pts_seconds > LATE_SECONDS:
            self._offset_seconds = now - pts_seconds
        return self._offset_seconds + pts_seconds


class RateCap:
    """Takes so many frames per second at most, as evenly as they come.

    Args:
        fps: Frames per second; None takes all.
    """

    def __init__(self, fps: float | None) -> None:
        self._period_seconds = 1 / fps if fps else 0.0
        self._due_seconds: float | None = None

    def takes(self, pts_seconds: float) -> bool:
        """Whether the frame of this time is taken; times grow."""
        due = self._due_seconds if self._due_seconds is not None else pts_seconds
        if pts_seconds < due - _SLACK_SECONDS:
            return False
        # What came a little late does not put off what follows, or the rate would fall below the cap.
        is_near = pts_seconds - due < self._period_seconds
        self._due_seconds = (due if is_near else pts_seconds) + self._period_seconds
        return True
