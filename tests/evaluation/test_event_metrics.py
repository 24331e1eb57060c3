"""Event metrics, all by hand: one frame a second."""

import numpy as np
import pytest

from normalcy.errors import LabelError
from normalcy.evaluation.event_metrics import (
    TrueEvent,
    VideoEvents,
    latency_seconds,
    match_events,
    summarise_events,
    true_events,
)
from normalcy.evaluation.event_sweep import detect_events, recall_at_false_alarms
from normalcy.scoring.events import EventRule
from normalcy.scoring.record import as_columns
from normalcy.scoring.types import Event, FrameScore


def alarm(start, end):
    return Event("v", start, end, float(start), float(end), start, float(start), 1.0)


def truth(start, end):
    return TrueEvent(start, end, float(start), float(end))


def labelled(spans, frames):
    label_T = np.zeros(frames, bool)
    for start, end in spans:
        label_T[start : end + 1] = True
    return label_T


def video(spans, alarms, frames=20):
    return VideoEvents(
        "v", labelled(spans, frames), np.arange(float(frames)), tuple(alarm(*span) for span in alarms)
    )


def scored(scores, spans):
    verdicts = [FrameScore("v", i, float(i), s, s, 0.0, False, True) for i, s in enumerate(scores)]
    return as_columns("v", verdicts, label_T=None if spans is None else labelled(spans, len(scores)))


def test_true_events_are_the_runs_of_labels():
    label_T = labelled([(0, 1), (4, 4), (7, 8)], 9)
    assert true_events(label_T, pts_seconds_T=np.arange(9) / 10) == (
        TrueEvent(0, 1, 0.0, 0.1),
        TrueEvent(4, 4, 0.4, 0.4),
        TrueEvent(7, 8, 0.7, 0.8),
    )
    assert true_events(labelled([], 4), pts_seconds_T=np.arange(4.0)) == ()


def test_matching_by_overlap():
    first, second, third = truth(2, 4), truth(6, 8), truth(15, 16)
    early, bridge, nothing = alarm(0, 1), alarm(4, 6), alarm(9, 14)
    match = match_events([first, second, third], [nothing, bridge, early])
    assert match.detected == ((first, bridge), (second, bridge))
    assert match.missed == (third,)
    assert match.false_alarms == (early, nothing)


def test_the_earliest_alarm_finds_the_event():
    match = match_events([truth(2, 9)], [alarm(7, 8), alarm(3, 4)])
    assert match.detected == ((truth(2, 9), alarm(3, 4)),)
    assert match.false_alarms == ()


def test_ends_are_included():
    assert match_events([truth(5, 6)], [alarm(6, 9)]).detected
    assert match_events([truth(5, 6)], [alarm(7, 9)]).missed


@pytest.mark.parametrize(
    ("start", "delay", "latency"), [(5, 0.0, 1.0), (5, 0.5, 1.5), (1, 0.5, 0.0), (3.8, 0.5, 0.3)]
)
def test_latency_is_from_the_event_to_the_alarm_that_shows(start, delay, latency):
    assert latency_seconds(truth(4, 9), alarm(start, 9), alarm_delay_seconds=delay) == pytest.approx(latency)


def test_summary_by_hand():
    """Alarms at frames 0-1 (false), 6-7 (half beside its event) and 12; two videos more without alarms."""
    videos = [video([(4, 6), (10, 13)], [(0, 1), (6, 7), (12, 12)]), video([], [])]
    summary = summarise_events([*videos, video([(19, 19)], [])], alarm_delay_seconds=0.5)
    normal = 13 + 20 + 19
    assert (summary.true_events, summary.detected, summary.missed) == (3, 2, 1)
    assert summary.recall == pytest.approx(2 / 3)
    assert (summary.alarms, summary.false_alarms) == (3, 1)
    assert summary.false_alarms_per_hour == pytest.approx(3600 / normal)
    assert summary.normal_alarmed_share == pytest.approx(3 / normal)
    assert summary.mean_latency_seconds == summary.median_latency_seconds == 2.5


def test_an_alarm_that_never_ends_is_told_by_its_share():
    summary = summarise_events([video([(10, 12)], [(0, 19)])], alarm_delay_seconds=0.0)
    assert (summary.recall, summary.false_alarms, summary.normal_alarmed_share) == (1.0, 0, 1.0)


def test_what_is_undefined_is_none():
    nothing = summarise_events([video([], [])], alarm_delay_seconds=0.0)
    assert nothing.recall is nothing.mean_latency_seconds is nothing.median_latency_seconds is None
    always = summarise_events([video([(0, 19)], [])], alarm_delay_seconds=0.0)
    assert always.false_alarms_per_hour is always.normal_alarmed_share is None
    assert summarise_events([video([], [], frames=1)], alarm_delay_seconds=0.0).false_alarms_per_hour is None


# --- sweeping the threshold


def test_replays_the_live_detector():
    rule = EventRule(2.0, 1.0, 1.0, 0.0)
    (event,) = detect_events(
        np.array([0, 2, 1, 0, 3, 0]), pts_seconds_T=np.arange(6.0), rule=rule, source_id="v"
    )
    assert (event.source_id, event.start_index, event.end_index) == ("v", 1, 2)


def test_recall_at_a_number_of_false_alarms():
    """Peaks 9 (true), 7 (false), 5 (true), 3 (false); 16 s of normal video, so one false alarm is 225 an hour."""
    scores = [0.0] * 20
    for place, height in ((2, 9.0), (6, 7.0), (10, 5.0), (14, 3.0)):
        scores[place] = height
    videos = [scored(scores, [(2, 3), (9, 10)])]

    def at(rate):
        return recall_at_false_alarms(
            videos, false_alarms_per_hour=rate, min_seconds=0.0, merge_gap_seconds=0.0
        )

    assert (at(0).summary.recall, at(0).summary.false_alarms) == (0.5, 0)
    assert 7.0 < at(0).threshold <= 9.0
    assert (at(225).summary.recall, at(225).summary.false_alarms) == (1.0, 1)
    assert 3.0 < at(225).threshold <= 5.0


def test_a_never_ending_alarm_does_not_win():
    """At the lowest threshold the whole video is one alarm and none is false; the sweep stops long before."""
    point = recall_at_false_alarms(
        [scored([1, 2, 1, 2, 1, 2, 1, 1, 1], [(6, 6)])],
        false_alarms_per_hour=0,
        min_seconds=0.0,
        merge_gap_seconds=0.0,
    )
    assert (point.threshold, point.summary.recall) == (np.inf, 0.0)


def test_events_need_labels():
    with pytest.raises(LabelError, match="video v: has no labels"):
        recall_at_false_alarms(
            [scored([1, 2], None)], false_alarms_per_hour=1, min_seconds=0.0, merge_gap_seconds=0.0
        )
