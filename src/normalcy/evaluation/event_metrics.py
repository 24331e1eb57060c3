"""Event-level metrics: were the abnormal events noticed, how soon, and how often was there nothing.

A true event is a run of abnormal frames. An alarm finds every true event that it overlaps in time, and is false
when it overlaps none. Overlap alone can be had by an alarm that never ends: `normal_alarmed_share` shows that.

Letters: T frames of a video.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from normalcy.scoring.types import Event

Float64Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class TrueEvent:
    """A run of abnormal frames, both ends included."""

    start_index: int
    end_index: int
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True, eq=False)
class VideoEvents:
    """The alarms raised on one labelled video.

    Attributes:
        name: Name of the video.
        label_T: True where abnormal.
        pts_seconds_T: Presentation times, ascending.
        alarms: Alarm events, in the same time.
    """

    name: str
    label_T: BoolArray
    pts_seconds_T: Float64Array
    alarms: tuple[Event, ...]


@dataclass(frozen=True)
class EventMatch:
    """True events and alarms of one video, matched.

    Attributes:
        detected: True events, each with the earliest alarm that overlaps it.
        missed: True events without an alarm.
        false_alarms: Alarms that overlap no true event.
    """

    detected: tuple[tuple[TrueEvent, Event], ...]
    missed: tuple[TrueEvent, ...]
    false_alarms: tuple[Event, ...]


@dataclass(frozen=True)
class EventSummary:
    """Events of all videos, counted.

    Attributes:
        true_events: How many there are.
        detected: How many were found.
        missed: How many were not.
        recall: Share found; None where there are none.
        alarms: How many alarms were raised.
        false_alarms: How many of them overlap no true event.
        false_alarms_per_hour: Per hour of normal video; None where there is none.
        normal_alarmed_share: Share of the normal frames that lie within an alarm; None where there are none.
        mean_latency_seconds: From the start of a true event to its alarm, over those found; None without any.
        median_latency_seconds: The same, median.
    """

    true_events: int
    detected: int
    missed: int
    recall: float | None
    alarms: int
    false_alarms: int
    false_alarms_per_hour: float | None
    normal_alarmed_share: float | None
    mean_latency_seconds: float | None
    median_latency_seconds: float | None


def true_events(label_T: BoolArray, *, pts_seconds_T: Float64Array) -> tuple[TrueEvent, ...]:
    """The runs of abnormal frames of a video.

    >>> [event.start_index for event in true_events(np.array([1, 1, 0, 1], bool), pts_seconds_T=np.arange(4.0))]
    [0, 3]
    """
    edge = np.diff(np.concatenate([[0], label_T.astype(np.int8), [0]]))
    starts, ends = np.flatnonzero(edge == 1), np.flatnonzero(edge == -1) - 1
    return tuple(
        TrueEvent(int(start), int(end), float(pts_seconds_T[start]), float(pts_seconds_T[end]))
        for start, end in zip(starts, ends, strict=True)
    )


def match_events(truths: Sequence[TrueEvent], alarms: Sequence[Event]) -> EventMatch:
    """Matches by overlap in time: one alarm may find several true events, several alarms may find one."""
    ordered = sorted(alarms, key=lambda alarm: alarm.start_seconds)
    found = [(truth, next((a for a in ordered if _overlap(truth, a)), None)) for truth in truths]
    return EventMatch(
        detected=tuple((truth, alarm) for truth, alarm in found if alarm),
        missed=tuple(truth for truth, alarm in found if not alarm),
        false_alarms=tuple(a for a in ordered if not any(_overlap(truth, a) for truth in truths)),
    )


def latency_seconds(truth: TrueEvent, alarm: Event, *, alarm_delay_seconds: float) -> float:
    """From the start of the true event to the alarm, 0 where it was on already.

    Args:
        truth: What happened.
        alarm: The alarm that found it.
        alarm_delay_seconds: How long after the start of its span an alarm shows: the rule's `min_seconds`.
    """
    return max(0.0, alarm.start_seconds + alarm_delay_seconds - truth.start_seconds)


def summarise_events(videos: Sequence[VideoEvents], *, alarm_delay_seconds: float) -> EventSummary:
    """Counts over all videos; `alarm_delay_seconds` is the event rule's `min_seconds`."""
    matches = [match_events(_truths(video), video.alarms) for video in videos]
    latencies = [
        latency_seconds(truth, alarm, alarm_delay_seconds=alarm_delay_seconds)
        for match in matches
        for truth, alarm in match.detected
    ]
    detected, missed = len(latencies), sum(len(match.missed) for match in matches)
    false_alarms = sum(len(match.false_alarms) for match in matches)
    return EventSummary(
        true_events=detected + missed,
        detected=detected,
        missed=missed,
        recall=_ratio(detected, detected + missed),
        alarms=sum(len(video.alarms) for video in videos),
        false_alarms=false_alarms,
        false_alarms_per_hour=_ratio(3600.0 * false_alarms, sum(map(_normal_seconds, videos))),
        normal_alarmed_share=_normal_alarmed_share(videos),
        mean_latency_seconds=float(np.mean(latencies)) if latencies else None,
        median_latency_seconds=float(np.median(latencies)) if latencies else None,
    )


def _truths(video: VideoEvents) -> tuple[TrueEvent, ...]:
    return true_events(video.label_T, pts_seconds_T=video.pts_seconds_T)


def _overlap(truth: TrueEvent, alarm: Event) -> bool:
    return alarm.start_seconds <= truth.end_seconds and truth.start_seconds <= alarm.end_seconds


def _normal_seconds(video: VideoEvents) -> float:
    """Time of the normal frames, each as long as the mean frame."""
    frames = len(video.pts_seconds_T)
    if frames < 2:
        return 0.0
    frame_seconds = float(video.pts_seconds_T[-1] - video.pts_seconds_T[0]) / (frames - 1)
    return frame_seconds * int((~video.label_T).sum())


def _normal_alarmed_share(videos: Sequence[VideoEvents]) -> float | None:
    normal = sum(int((~video.label_T).sum()) for video in videos)
    alarmed = sum(int((_alarmed(video) & ~video.label_T).sum()) for video in videos)
    return _ratio(alarmed, normal)


def _alarmed(video: VideoEvents) -> BoolArray:
    alarmed_T = np.zeros(len(video.label_T), dtype=np.bool_)
    for alarm in video.alarms:
        alarmed_T |= (video.pts_seconds_T >= alarm.start_seconds) & (video.pts_seconds_T <= alarm.end_seconds)
    return alarmed_T


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0.0 else None
