"""How many true events are found when so many false alarms an hour are put up with: recall at a false-alarm rate.

The threshold is chosen on the labelled test videos, so this compares methods; it is no promise for a camera.

Letters: T frames of a video.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from normalcy.evaluation.event_metrics import EventSummary, VideoEvents, summarise_events
from normalcy.evaluation.labelled import TimedScores, labels_of
from normalcy.scoring.events import EventDetector, EventRule
from normalcy.scoring.types import Event, FrameStamp

Float64Array = npt.NDArray[np.float64]

_THRESHOLDS = 100


@dataclass(frozen=True)
class OperatingPoint:
    """What happens to the events at one threshold."""

    threshold: float
    summary: EventSummary


def recall_at_false_alarms(
    videos: Sequence[TimedScores],
    *,
    false_alarms_per_hour: float,
    min_seconds: float,
    merge_gap_seconds: float,
) -> OperatingPoint:
    """The lowest threshold that keeps to a false-alarm rate, and the recall there.

    A hundred quantiles of the scores are tried from the highest down, until the rate is first exceeded: below
    that, alarms merge and their number falls again without being any better. Enter and exit threshold are one.

    Raises:
        LabelError: When a video has no labels.
    """
    score_N = np.concatenate([video.smoothed_T for video in videos])
    best = math.inf
    for threshold in np.unique(np.quantile(score_N, np.linspace(0.0, 1.0, _THRESHOLDS)))[::-1]:
        rule = EventRule(float(threshold), float(threshold), min_seconds, merge_gap_seconds)
        rate = _summary(videos, rule).false_alarms_per_hour
        if rate is not None and rate > false_alarms_per_hour:
            break
        best = float(threshold)
    return OperatingPoint(best, _summary(videos, EventRule(best, best, min_seconds, merge_gap_seconds)))


def detect_events(
    score_T: npt.NDArray[np.floating], *, pts_seconds_T: Float64Array, rule: EventRule, source_id: str
) -> tuple[Event, ...]:
    """The alarms that a rule raises on one video's smoothed scores: the live detector, replayed."""
    detector = EventDetector(rule, source_id=source_id)
    closed = [
        detector.update(FrameStamp(index, float(seconds)), score=float(score), parts={})[1]
        for index, (score, seconds) in enumerate(zip(score_T, pts_seconds_T, strict=True))
    ]
    return tuple(event for event in [*closed, detector.flush()] if event)


def _summary(videos: Sequence[TimedScores], rule: EventRule) -> EventSummary:
    return summarise_events(
        [_with_alarms(video, rule) for video in videos], alarm_delay_seconds=rule.min_seconds
    )


def _with_alarms(video: TimedScores, rule: EventRule) -> VideoEvents:
    alarms = detect_events(
        video.smoothed_T, pts_seconds_T=video.pts_seconds_T, rule=rule, source_id=video.name
    )
    return VideoEvents(video.name, labels_of(video), video.pts_seconds_T, alarms)
