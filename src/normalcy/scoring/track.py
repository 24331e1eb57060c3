"""The score track of one source: aligns scores to frames, smooths, calibrates, raises and ends alarms. All causal.

Letters: T scored frames of a clip, H height, W width.
"""

import math
import warnings
from dataclasses import dataclass

from normalcy.errors import ShortCalibrationWarning
from normalcy.methods.contract import ClipSpec
from normalcy.scoring.calibration import Calibration
from normalcy.scoring.events import EventDetector, EventRule
from normalcy.scoring.settings import ScoringSettings
from normalcy.scoring.smoothing import CausalSmoother
from normalcy.scoring.types import Clip, ClipScores, Event, FloatArray, FrameScore, FrameStamp


@dataclass(frozen=True)
class TrackUpdate:
    """What one clip settled.

    Attributes:
        frames: Verdicts, in order.
        events: That no later frame can change any more.
        open_events: The event that is open at each frame, as far as it had come; None where none was.
    """

    frames: list[FrameScore]
    events: list[Event]
    open_events: list[Event | None]


@dataclass(frozen=True, eq=False)
class _Score:
    raw: float
    parts: dict[str, float]
    map_HW: FloatArray


class ScoreTrack:
    """State of one source between clips.

    Args:
        spec: The clip the method reads.
        source_id: Which camera or file.
        settings: Smoothing and alarm settings.
        calibration: Without one, no frame is alarmed.

    Attributes:
        rule: The thresholds and times of its alarm.
    """

    def __init__(
        self, spec: ClipSpec, *, source_id: str, settings: ScoringSettings, calibration: Calibration | None
    ) -> None:
        self._spec = spec
        self._source_id = source_id
        self._calibration = calibration
        self._settings = settings
        self._smoother = CausalSmoother(settings.smoothing_alpha)
        self._last: _Score | None = None
        self.rule = alarm_rule(settings, calibration)
        self._detector = EventDetector(self.rule, source_id=source_id)

    def retune(self, *, settings: ScoringSettings, calibration: Calibration | None) -> None:
        """Goes on with another calibration or threshold; an event that is open stays open until its scores end it."""
        self._settings, self._calibration = settings, calibration
        self.rule = alarm_rule(settings, calibration)
        self._detector.rule = self.rule

    def update(self, clip: Clip, scores: ClipScores) -> TrackUpdate:
        """Settles the frames that are due.

        A frame without a score of its own keeps the last one, so that no verdict waits for the future; only the
        frames before the first score take that.
        """
        place = {clip.stamps[position].index: t for t, position in enumerate(self._spec.scored)}
        self._last = self._last or _score_at(scores, 0)
        update = TrackUpdate([], [], [])
        for stamp in clip.due:
            own = stamp.index in place
            if own:
                self._last = _score_at(scores, place[stamp.index])
            self._settle(stamp, self._last, own=own, update=update)
        return update

    def flush(self) -> list[Event]:
        """Ends the source: closes the event that is open, if any. What comes next is another one's first frame."""
        event = self._detector.flush()
        self._smoother, self._last = CausalSmoother(self._settings.smoothing_alpha), None
        return [event] if event else []

    def rate_of(self, score: float) -> float:
        """How often a day normal video reaches a smoothed score; NaN without a calibration."""
        return self._calibration.false_alarms_per_day(score) if self._calibration else math.nan

    def _settle(self, stamp: FrameStamp, score: _Score, *, own: bool, update: TrackUpdate) -> None:
        smoothed = self._smoother.update(score.raw)
        alarmed, event = self._detector.update(stamp, score=smoothed, parts=score.parts)
        rate = self.rate_of(smoothed)
        update.frames.append(
            FrameScore(
                self._source_id,
                stamp.index,
                stamp.pts_seconds,
                score.raw,
                smoothed,
                rate,
                alarmed,
                own,
                score.parts,
                score.map_HW,
            )
        )
        update.open_events.append(self._detector.open_event)
        if event:
            update.events.append(event)


def _score_at(scores: ClipScores, t: int) -> _Score:
    parts = {name: float(part_T[t]) for name, part_T in scores.parts.items()}
    return _Score(float(scores.score_T[t]), parts, scores.map_THW[t])


def alarm_rule(settings: ScoringSettings, calibration: Calibration | None) -> EventRule:
    """Thresholds on the smoothed score: the fixed one, or those that keep the asked false-alarm rate.

    Without a calibration and without a fixed one they are out of reach.
    """
    enter = leave = math.inf if settings.threshold is None else settings.threshold
    if calibration and settings.threshold is None:
        with warnings.catch_warnings():
            # How far the rate is extrapolated is said where a bundle is made and judged, not for every source.
            warnings.simplefilter("ignore", ShortCalibrationWarning)
            enter = calibration.threshold(settings.false_alarms_per_day)
            leave = min(enter, calibration.threshold(settings.false_alarms_per_day * settings.exit_factor))
    return EventRule(enter, leave, settings.min_event_seconds, settings.merge_gap_seconds)


def describe_threshold(settings: ScoringSettings, calibration: Calibration) -> str:
    """One sentence: where the threshold comes from, and what it means on normal video."""
    if settings.threshold is None:
        return calibration.describe(false_alarms_per_day=settings.false_alarms_per_day)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ShortCalibrationWarning)
        rate = calibration.false_alarms_per_day(settings.threshold)
    return (
        f"Fixed at {settings.threshold:g}, which normal video reaches {rate:,.3g} times a day. "
        + calibration.describe()
    )
