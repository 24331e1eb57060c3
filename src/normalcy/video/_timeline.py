"""Where a decoded frame stands in its source, and when it is shown, also where packets or timestamps are missing."""

import heapq
from fractions import Fraction

# Going back by more than this is a source that starts anew; by less, a frame with a bad timestamp.
RESTART_STEPS = 2


class Timeline:
    """Gives each frame its index and its presentation time, which always grows.

    Time counts from the first frame, or from `start` where the first frames are lost. The index counts the frames of
    the source; where the decoder reports damage, the packets that gave no frame are counted as well, so that labels
    made on the undamaged file still fit.
    """

    def __init__(self, *, time_base: Fraction, start: int | None, step_seconds: float) -> None:
        self._time_base, self._start, self._step_seconds = time_base, start, step_seconds
        self._origin: int | None = None
        self._awaited: list[int] = []
        self._damage_reports = self._gaps = self._next_index = 0
        self._last_seconds: float | None = None

    @property
    def lost(self) -> int:
        """Frames that did not come, as far as known; complete when the source is at its end."""
        awaited = len(self._awaited) if self._damage_reports else 0
        return max(self._damage_reports, self._gaps + awaited)

    @property
    def end_seconds(self) -> float:
        """When the last placed frame ends."""
        return 0.0 if self._last_seconds is None else self._last_seconds + self._step_seconds

    def stream_seconds(self, pts: int | None) -> float | None:
        """A timestamp in seconds, as the source counts."""
        return None if pts is None else self._to_seconds(pts)

    def expect(self, pts: int | None) -> None:
        """A packet was sent to the decoder: a frame with this timestamp should follow."""
        if pts is not None:
            heapq.heappush(self._awaited, pts)

    def report_damage(self) -> None:
        """A packet could not be decoded."""
        self._damage_reports += 1

    def place(self, pts: int | None, *, duration: int = 0) -> tuple[int, float]:
        """Index and presentation time in seconds of the next frame, from its timestamp and duration."""
        if duration > 0:
            self._step_seconds = self._to_seconds(duration)
        index = self._next_index + self._skipped(pts)
        self._next_index = index + 1
        self._last_seconds = self._seconds(pts)
        return index, self._last_seconds

    def _skipped(self, pts: int | None) -> int:
        if pts is None:
            if self._awaited:
                heapq.heappop(self._awaited)
            return 0
        skipped = 0
        while self._awaited and self._awaited[0] <= pts:
            skipped += heapq.heappop(self._awaited) < pts
        # Undamaged files have packets without a frame too (hidden reference frames, second fields).
        skipped = skipped if self._damage_reports else 0
        self._gaps += skipped
        return skipped

    def _seconds(self, pts: int | None) -> float:
        following = self.end_seconds
        if pts is None:
            return following
        if self._origin is None:
            self._set_origin(pts, following)
        seconds = self._since_origin(pts)
        last = self._last_seconds
        if last is None or seconds > last:
            return seconds
        if last - seconds > RESTART_STEPS * self._step_seconds:
            self._restart(pts, following)
            return following
        return last + self._step_seconds / 2

    def _set_origin(self, pts: int, following: float) -> None:
        if self._damage_reports and self._start is not None:
            self._origin = self._start
        else:
            self._restart(pts, following)

    def _restart(self, pts: int, at_seconds: float) -> None:
        self._origin = pts - round(at_seconds / self._time_base)

    def _since_origin(self, pts: int) -> float:
        return self._to_seconds(pts - (self._origin or 0))

    def _to_seconds(self, ticks: int) -> float:
        # One division of whole numbers: frame 3 at 10 fps is 0.3, as index / fps is.
        return ticks * self._time_base.numerator / self._time_base.denominator
