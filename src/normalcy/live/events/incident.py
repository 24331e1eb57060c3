"""One incident of one region: from the alarm's first frame until nothing can join it any more.

    NONE --alarm--> OPEN --its scores ended it--> COOLING --cool-down over--> NONE (closed)
                     ^                               |
                     +-------------alarm-------------+   the same event, and no other alert

While an incident is not NONE its event is `open` in the store, so an engine that is killed finds it there again.
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


class Change(Enum):
    """What became of an event."""

    OPENED = auto()
    ESCALATED = auto()
    UPDATED = auto()
    CLOSED = auto()


@dataclass(frozen=True, eq=False)
class Peak:
    """The worst moment of an incident so far."""

    score: float
    at: float
    rate_per_day: float | None
    parts: Mapping[str, float]
    map_HW: FloatArray | None
    index: int
    pts_seconds: float


@dataclass(frozen=True, eq=False)
class Step:
    """A change of an event, and what it is now."""

    change: Change
    event: EventRecord
    peak: Peak


@dataclass(frozen=True)
class IncidentRule:
    """When an incident is over, and how bad it is.

    Attributes:
        cool_down_seconds: An alarm so soon after the last one belongs to it.
        update_seconds: A growing event is told of no more often.
        resume_seconds: After a restart, an alarm so soon after an open event's last frame goes on with it.
    """

    cool_down_seconds: float
    update_seconds: float = 1.0
    resume_seconds: float = 60.0


class Incident:
    """The incidents of one region, one after the other.

    Args:
        camera, region, bundle: Written into its events.
        rule: When they are over.
        resumed: An event that was open when the engine died.
    """

    def __init__(
        self,
        camera: str,
        *,
        region: str,
        bundle: str,
        rule: IncidentRule,
        resumed: EventRecord | None = None,
    ) -> None:
        self._camera, self._region, self._bundle = camera, region, bundle
        self.rule = rule
        self._event, self._peak = resumed, None if resumed is None else _peak_of(resumed)
        self._state = IncidentState.NONE if resumed is None else IncidentState.COOLING
        self._is_resumed = resumed is not None
        self._told_at = 0.0

    @property
    def event(self) -> EventRecord | None:
        """The open event."""
        return self._event

    @property
    def peak(self) -> Peak | None:
        """Its worst moment."""
        return self._peak

    def update(
        self,
        verdict: FrameScore,
        *,
        alarm: Event | None,
        at: float,
        threshold: float,
        alert_threshold: float,
        rate_of: Callable[[float], float],
        may_open: bool,
    ) -> list[Step]:
        """Takes the verdict on the next frame.

        Args:
            verdict: On the frame.
            alarm: The open event of the score track, None where none is.
            at: Wall clock of the frame.
            threshold: That the alarm was raised by.
            alert_threshold: A peak from here on makes it an alert.
            rate_of: How often a day normal video reaches a score; NaN where nobody knows.
            may_open: Whether its schedule lets it alarm; an open event goes on regardless.
        """
        if alarm is None or (self._state is IncidentState.NONE and not may_open):
            return self._wait(at)
        severity: Severity = "alert" if alarm.peak_score >= alert_threshold else "notice"
        peak = self._peak_with(verdict, alarm, at, rate_of)
        if self._event is None:
            return [self._open(verdict, alarm, peak, at=at, threshold=threshold, severity=severity)]
        return self._go_on(verdict, alarm, peak, at=at, severity=severity)

    def close(self, *, interrupted: bool = False) -> list[Step]:
        """Ends the open event, whatever it waits for."""
        if self._event is None or self._peak is None:
            return []
        step = Step(Change.CLOSED, replace(self._event, state="closed", interrupted=interrupted), self._peak)
        self._event, self._peak, self._state = None, None, IncidentState.NONE
        self._is_resumed = False
        return [step]

    def expire(self, at: float) -> list[Step]:
        """Ends an event whose cool-down is over by the wall clock, where no frames come."""
        return self._wait(at)

    def _wait(self, at: float) -> list[Step]:
        if self._state is IncidentState.NONE or self._event is None:
            return []
        self._state = IncidentState.COOLING
        patience = self.rule.resume_seconds if self._is_resumed else self.rule.cool_down_seconds
        # A clock that was set back must not keep it open for ever.
        gone = at - self._event.ended_at
        return self.close(interrupted=self._is_resumed) if gone >= patience or gone < -patience else []

    def _open(
        self,
        verdict: FrameScore,
        alarm: Event,
        peak: Peak,
        *,
        at: float,
        threshold: float,
        severity: Severity,
    ) -> Step:
        self._state, self._peak, self._told_at = IncidentState.OPEN, peak, at
        self._event = EventRecord(
            id=uuid.uuid4().hex,
            camera=self._camera,
            region=self._region,
            severity=severity,
            state="open",
            started_at=at - (verdict.pts_seconds - alarm.start_seconds),
            alarmed_at=at,
            ended_at=at - (verdict.pts_seconds - alarm.end_seconds),
            peak_at=peak.at,
            peak_score=peak.score,
            threshold=threshold,
            rate_per_day=peak.rate_per_day,
            parts=dict(peak.parts),
            bundle=self._bundle,
        )
        return Step(Change.OPENED, self._event, peak)

    def _go_on(
        self, verdict: FrameScore, alarm: Event, peak: Peak, *, at: float, severity: Severity
    ) -> list[Step]:
        assert self._event is not None
        escalates = severity == "alert" and self._event.severity == "notice"
        self._state, self._peak, self._is_resumed = IncidentState.OPEN, peak, False
        ended_at = at - (verdict.pts_seconds - alarm.end_seconds)
        self._event = replace(
            self._event,
            severity="alert" if escalates else self._event.severity,
            ended_at=max(self._event.ended_at, ended_at),
            peak_at=peak.at,
            peak_score=peak.score,
            rate_per_day=peak.rate_per_day,
            parts=dict(peak.parts),
        )
        if not escalates and at - self._told_at < self.rule.update_seconds:
            return []
        self._told_at = at
        return [Step(Change.ESCALATED if escalates else Change.UPDATED, self._event, peak)]

    def _peak_with(
        self, verdict: FrameScore, alarm: Event, at: float, rate_of: Callable[[float], float]
    ) -> Peak:
        """The worst of what it was, of the alarm so far, and of this frame."""
        here = Peak(
            verdict.smoothed,
            at,
            _known(verdict.false_alarms_per_day),
            verdict.parts,
            verdict.map_HW,
            verdict.index,
            verdict.pts_seconds,
        )
        worst = self._peak if self._peak and self._peak.score >= here.score else here
        if alarm.peak_score <= worst.score:
            return worst
        # The alarm's first frames, before it showed: their maps are gone, that of this frame is the nearest.
        at_peak = at - (verdict.pts_seconds - alarm.peak_seconds)
        return replace(
            here,
            score=alarm.peak_score,
            at=at_peak,
            rate_per_day=_known(rate_of(alarm.peak_score)),
            parts=alarm.parts,
            index=alarm.peak_index,
            pts_seconds=alarm.peak_seconds,
        )


def _peak_of(event: EventRecord) -> Peak:
    return Peak(event.peak_score, event.peak_at, event.rate_per_day, event.parts, None, -1, float("nan"))


def _known(rate: float) -> float | None:
    return rate if rate == rate else None
