"""One incident of one region: from the alarm's first frame until nothing can join it any more.

    NONE --alarm--> OPEN --its scores ended it--> COOLING --cool-down over--> NONE (closed)
                     ^                               |
                     +-------------alarm-------------+   the same event, and no other alert

While an incident is not NONE its event is `open` in the store, so an engine that is killed finds it there again, and
goes on with it from COOLING.

An event's times are of the wall clock where it opened; from there the monotonic clock counts on. So a wall clock that
is set back or forth moves no end, and makes no event of two.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto

from normalcy.live.store.records import EventRecord, Severity
from normalcy.scoring.types import Event, FloatArray, FrameScore


class IncidentState(Enum):
    """Where a region stands."""

    NONE = auto()
    OPEN = auto()
    COOLING = auto()


TRANSITIONS: dict[IncidentState, frozenset[IncidentState]] = {
    IncidentState.NONE: frozenset({IncidentState.OPEN}),
    IncidentState.OPEN: frozenset({IncidentState.COOLING, IncidentState.NONE}),
    IncidentState.COOLING: frozenset({IncidentState.OPEN, IncidentState.NONE}),
}


class Change(Enum):
    """What became of an event."""

    OPENED = auto()
    ESCALATED = auto()
    UPDATED = auto()
    CLOSED = auto()


@dataclass(frozen=True, eq=False)
class Peak:
    """The worst moment of an incident so far.

    Attributes:
        score: Smoothed.
        at: Wall clock.
        rate_per_day: How often normal video reaches the score; None where nobody knows.
        parts: Terms of the score.
        map_HW: None where an engine saw it that died since.
        pts_seconds: Time in the camera's life; None likewise.
    """

    score: float
    at: float
    rate_per_day: float | None
    parts: Mapping[str, float]
    map_HW: FloatArray | None = None
    pts_seconds: float | None = None


@dataclass(frozen=True, eq=False)
class Step:
    """A change of an event, and what it is now.

    Attributes:
        change: What became of it.
        event: As it is now.
        peak: Its worst moment.
        span_seconds: First and last frame that this engine saw, in the camera's life; None where it saw none.
    """

    change: Change
    event: EventRecord
    peak: Peak
    span_seconds: tuple[float, float] | None


@dataclass(frozen=True)
class IncidentRule:
    """When an incident is over, and how often it is told of.

    Attributes:
        cool_down_seconds: An alarm so soon after the last one belongs to it.
        update_seconds: A growing event is told of no more often.
        resume_seconds: After a restart, an alarm so soon after an open event's last frame goes on with it.
    """

    cool_down_seconds: float
    update_seconds: float = 1.0
    resume_seconds: float = 60.0


@dataclass(frozen=True)
class Judgement:
    """What else there is to know of a frame.

    Attributes:
        alarm: The event of the score track that is open at the frame; None where none is.
        at: Wall clock of the frame.
        clock: Monotonic clock of the frame.
        threshold: That raises the alarm.
        alert_threshold: A peak from here on makes it an alert.
        rate_of: How often a day normal video reaches a score; NaN where nobody knows.
        may_open: Whether its schedule lets it alarm; an open event goes on regardless.
    """

    alarm: Event | None
    at: float
    clock: float
    threshold: float
    alert_threshold: float
    rate_of: Callable[[float], float]
    may_open: bool = True


class Incident:
    """The incidents of one region, one after the other.

    Args:
        camera, region, bundle, detector: Written into its events; the last is the identity of what scores.
        rule: When they are over; another one holds from the next frame on.
        resumed: An event that was open when the engine died.
    """

    def __init__(
        self,
        camera: str,
        *,
        region: str,
        bundle: str,
        detector: str = "",
        rule: IncidentRule,
        resumed: EventRecord | None = None,
    ) -> None:
        self._camera, self._region, self._bundle, self._detector = camera, region, bundle, detector
        self.rule = rule
        self._event, self._peak = resumed, None if resumed is None else _peak_of(resumed)
        self.state = IncidentState.NONE if resumed is None else IncidentState.COOLING
        self._is_resumed = resumed is not None
        self._wall_offset: float | None = None
        self._span_seconds: tuple[float, float] | None = None
        self._told_at = 0.0

    @property
    def event(self) -> EventRecord | None:
        """The open event."""
        return self._event

    @property
    def patience_seconds(self) -> float:
        """How long after its last frame an alarm still belongs to the open event."""
        return self.rule.resume_seconds if self._is_resumed else self.rule.cool_down_seconds

    def update(self, verdict: FrameScore, judgement: Judgement) -> list[Step]:
        """Takes the verdict on the next frame, and what else there is to know of it."""
        at = self._steady(judgement)
        alarm = judgement.alarm
        if alarm is None and self.state is IncidentState.OPEN:
            self._go(IncidentState.COOLING)
        quiet_until = at if alarm is None else at - (verdict.pts_seconds - alarm.start_seconds)
        steps = self._close_if_over(at, quiet_until)
        if alarm is None or (self._event is None and not judgement.may_open):
            return steps
        severity: Severity = "alert" if alarm.peak_score >= judgement.alert_threshold else "notice"
        self._peak = self._worst(verdict, alarm, at, judgement.rate_of)
        if self._event is None:
            return [
                *steps,
                self._open(verdict, alarm, at=at, threshold=judgement.threshold, severity=severity),
            ]
        return [*steps, *self._go_on(verdict, alarm, at=at, severity=severity)]

    def close(self) -> list[Step]:
        """Ends the open event, whatever it waits for; one that was resumed and went on no more is `interrupted`."""
        if self._event is None or self._peak is None:
            return []
        event = replace(self._event, state="closed", interrupted=self._is_resumed)
        step = Step(Change.CLOSED, event, self._peak, self._span_seconds)
        self._event = self._peak = self._span_seconds = None
        self._is_resumed = False
        self._go(IncidentState.NONE)
        return [step]

    def _steady(self, judgement: Judgement) -> float:
        """The wall clock, which stands still against the monotonic one while an event is open."""
        if self._event is None or self._wall_offset is None:
            self._wall_offset = judgement.at - judgement.clock
        return self._wall_offset + judgement.clock

    def _close_if_over(self, at: float, until: float) -> list[Step]:
        """Ends the event where it has been quiet for too long until a time."""
        if self.state is not IncidentState.COOLING or self._event is None:
            return []
        is_over = until - self._event.ended_at >= self.patience_seconds
        # The clock may have been set back while no engine ran: that must not keep an event open for ever.
        is_ahead = self._is_resumed and self._event.ended_at - at > self.patience_seconds
        return self.close() if is_over or is_ahead else []

    def _open(
        self, verdict: FrameScore, alarm: Event, *, at: float, threshold: float, severity: Severity
    ) -> Step:
        assert self._peak is not None
        self._go(IncidentState.OPEN)
        self._told_at, self._span_seconds = at, (alarm.start_seconds, alarm.end_seconds)
        self._event = EventRecord(
            id=uuid.uuid4().hex,
            camera=self._camera,
            region=self._region,
            severity=severity,
            state="open",
            started_at=at - (verdict.pts_seconds - alarm.start_seconds),
            alarmed_at=at,
            ended_at=at - (verdict.pts_seconds - alarm.end_seconds),
            peak_at=self._peak.at,
            peak_score=self._peak.score,
            threshold=threshold,
            rate_per_day=self._peak.rate_per_day,
            parts=dict(self._peak.parts),
            bundle=self._bundle,
            detector=self._detector,
        )
        return Step(Change.OPENED, self._event, self._peak, self._span_seconds)

    def _go_on(self, verdict: FrameScore, alarm: Event, *, at: float, severity: Severity) -> list[Step]:
        assert self._event is not None
        assert self._peak is not None
        escalates = severity == "alert" and self._event.severity == "notice"
        if self.state is IncidentState.COOLING:
            self._go(IncidentState.OPEN)
        self._is_resumed = False
        first_seconds = self._span_seconds[0] if self._span_seconds else alarm.start_seconds
        self._span_seconds = first_seconds, alarm.end_seconds
        self._event = replace(
            self._event,
            severity="alert" if escalates else self._event.severity,
            ended_at=max(self._event.ended_at, at - (verdict.pts_seconds - alarm.end_seconds)),
            peak_at=self._peak.at,
            peak_score=self._peak.score,
            rate_per_day=self._peak.rate_per_day,
            parts=dict(self._peak.parts),
        )
        if not escalates and at - self._told_at < self.rule.update_seconds:
            return []
        self._told_at = at
        change = Change.ESCALATED if escalates else Change.UPDATED
        return [Step(change, self._event, self._peak, self._span_seconds)]

    def _worst(self, verdict: FrameScore, alarm: Event, at: float, rate_of: Callable[[float], float]) -> Peak:
        """The worse of what it was before and of the alarm.

        Where the alarm's peak was reached before the alarm showed, its map is gone: that of this frame is the nearest.
        """
        if self._peak is not None and self._peak.score >= alarm.peak_score:
            return self._peak
        return Peak(
            alarm.peak_score,
            at - (verdict.pts_seconds - alarm.peak_seconds),
            _known(rate_of(alarm.peak_score)),
            alarm.parts,
            verdict.map_HW,
            alarm.peak_seconds,
        )

    def _go(self, state: IncidentState) -> None:
        assert state in TRANSITIONS[self.state], f"{self.state} cannot become {state}"
        self.state = state


def _peak_of(event: EventRecord) -> Peak:
    return Peak(event.peak_score, event.peak_at, event.rate_per_day, event.parts)


def _known(rate: float) -> float | None:
    return rate if rate == rate else None
