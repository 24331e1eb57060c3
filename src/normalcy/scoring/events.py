"""From smoothed scores to alarms and events, one source at a time, without looking ahead.

A *span* opens at a score of at least `enter_threshold` and stays open until the score falls below
`exit_threshold`. It is confirmed, and the alarm shows, once it has lasted `min_seconds`; a span that closes
before is forgotten. Confirmed spans less than `merge_gap_seconds` apart are one event. It is handed out when no
span can join it any more:

    QUIET   --open-->  RISING    --lasted-->  ALARMED  --closed-->  HOLDING  --gap over-->  QUIET
                       RISING    --closed-->  QUIET    (forgotten)           (event handed out)
    HOLDING --open-->  REOPENING --lasted-->  ALARMED  (same event)
                       REOPENING --closed-->  HOLDING  (forgotten)

The alarm is on in ALARMED only. An event reaches from the first frame of its first span, which is before its
alarm shows, to the last frame of its last span. Several arrows can be taken on one frame.
"""

from dataclasses import dataclass, field
from enum import Enum, auto

from normalcy.errors import ConfigError
from normalcy.scoring.types import Event, FrameStamp

_ROUNDING_SECONDS = 1e-6
"""Times differ by the rounding of floats: at 10 fps, 0.7 - 0.4 is less than 0.3."""


class AlarmState(Enum):
    """Where one source stands."""

    QUIET = auto()
    RISING = auto()
    ALARMED = auto()
    HOLDING = auto()
    REOPENING = auto()


TRANSITIONS: dict[AlarmState, frozenset[AlarmState]] = {
    AlarmState.QUIET: frozenset({AlarmState.RISING}),
    AlarmState.RISING: frozenset({AlarmState.ALARMED, AlarmState.QUIET}),
    AlarmState.ALARMED: frozenset({AlarmState.HOLDING}),
    AlarmState.HOLDING: frozenset({AlarmState.REOPENING, AlarmState.QUIET}),
    AlarmState.REOPENING: frozenset({AlarmState.ALARMED, AlarmState.HOLDING}),
}
_UNCONFIRMED = (AlarmState.RISING, AlarmState.REOPENING)


@dataclass(frozen=True)
class EventRule:
    """When an alarm is raised and ended.

    Attributes:
        enter_threshold: A span opens at this score; infinity never alarms.
        exit_threshold: It closes below this score, at most enter_threshold.
        min_seconds: From the first to the last frame of a span; shorter ones are never events.
        merge_gap_seconds: Spans less than this apart are one event.

    Raises:
        ConfigError: When the values contradict each other.
    """

    enter_threshold: float
    exit_threshold: float
    min_seconds: float
    merge_gap_seconds: float

    def __post_init__(self) -> None:
        if not self.exit_threshold <= self.enter_threshold:
            raise ConfigError(
                f"the exit threshold {self.exit_threshold} is above the enter threshold {self.enter_threshold}",
                where="event rule",
                hint="an alarm ends at a lower score than it begins",
            )
        if not (self.min_seconds >= 0.0 and self.merge_gap_seconds >= 0.0):
            raise ConfigError(
                f"min_seconds {self.min_seconds} and merge_gap_seconds {self.merge_gap_seconds} "
                "must both be at least 0",
                where="event rule",
            )


@dataclass
class _Span:
    """Frames from start to end, and the highest score among them."""

    start: FrameStamp
    end: FrameStamp
    peak: FrameStamp
    peak_score: float
    parts: dict[str, float] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return self.end.pts_seconds - self.start.pts_seconds

    def extend(self, later: "_Span") -> None:
        """Takes in a later span; the earlier peak stays where both are as high."""
        self.end = later.end
        if later.peak_score > self.peak_score:
            self.peak, self.peak_score, self.parts = later.peak, later.peak_score, later.parts


class EventDetector:
    """The alarm of one source.

    Args:
        rule: Thresholds and times; another one holds from the next frame on.
        source_id: Written into every event.
    """

    def __init__(self, rule: EventRule, *, source_id: str) -> None:
        self.rule = rule
        self._source_id = source_id
        self._state = AlarmState.QUIET
        self._span: _Span | None = None
        """The open span while it is not confirmed."""
        self._event: _Span | None = None
        """All confirmed spans that are one event so far."""

    @property
    def state(self) -> AlarmState:
        """Where the source stands after the last frame."""
        return self._state

    @property
    def open_event(self) -> Event | None:
        """The event that the alarm was raised for, as far as it has come; None where none is open."""
        return _as_event(self._event, self._source_id) if self._event else None

    def update(
        self, stamp: FrameStamp, *, score: float, parts: dict[str, float]
    ) -> tuple[bool, Event | None]:
        """Takes the next frame.

        Returns:
            Whether the alarm is on at this frame, and the event that no later frame can change, if there is one.
        """
        if score < self.rule.exit_threshold:
            self._close_span()
        finished = self._finish_if_gap_over(stamp)
        frame = _Span(stamp, stamp, stamp, score, parts)
        if score >= self.rule.enter_threshold:
            self._open_span(frame)
        self._extend(frame)
        return self._state is AlarmState.ALARMED, finished

    def flush(self) -> Event | None:
        """Ends the source: the event that is open, if there is one."""
        self._close_span()
        return self._finish() if self._state is AlarmState.HOLDING else None

    def _open_span(self, frame: _Span) -> None:
        if self._state is AlarmState.QUIET:
            self._go(AlarmState.RISING)
        elif self._state is AlarmState.HOLDING:
            self._go(AlarmState.REOPENING)
        else:
            return
        self._span = frame

    def _extend(self, frame: _Span) -> None:
        """Adds the frame to the span that is open, and confirms that once it has lasted."""
        if self._state in _UNCONFIRMED and self._span:
            self._span.extend(frame)
            if self._span.seconds >= self.rule.min_seconds - _ROUNDING_SECONDS:
                self._confirm(self._span)
        elif self._state is AlarmState.ALARMED and self._event:
            self._event.extend(frame)

    def _confirm(self, span: _Span) -> None:
        if self._event:
            self._event.extend(span)
        else:
            self._event = span
        self._span = None
        self._go(AlarmState.ALARMED)

    def _close_span(self) -> None:
        self._span = None
        if self._state is AlarmState.RISING:
            self._go(AlarmState.QUIET)
        elif self._state in (AlarmState.ALARMED, AlarmState.REOPENING):
            self._go(AlarmState.HOLDING)

    def _finish_if_gap_over(self, stamp: FrameStamp) -> Event | None:
        if self._state is not AlarmState.HOLDING or self._event is None:
            return None
        gap_seconds = stamp.pts_seconds - self._event.end.pts_seconds
        is_over = gap_seconds >= self.rule.merge_gap_seconds - _ROUNDING_SECONDS
        return self._finish() if is_over else None

    def _finish(self) -> Event | None:
        event, self._event = self._event, None
        self._go(AlarmState.QUIET)
        return _as_event(event, self._source_id) if event else None

    def _go(self, state: AlarmState) -> None:
        assert state in TRANSITIONS[self._state], f"{self._state} cannot become {state}"
        self._state = state


def _as_event(span: _Span, source_id: str) -> Event:
    return Event(
        source_id=source_id,
        start_index=span.start.index,
        end_index=span.end.index,
        start_seconds=span.start.pts_seconds,
        end_seconds=span.end.pts_seconds,
        peak_index=span.peak.index,
        peak_seconds=span.peak.pts_seconds,
        peak_score=span.peak_score,
        parts=span.parts,
    )
