"""Counting alarms at every threshold, against counting them one threshold at a time."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from normalcy.scoring.declustering import alarm_levels

videos = st.lists(st.lists(st.integers(0, 6), max_size=25), min_size=1, max_size=3).filter(any)


def runs_at(threshold, score_T_by_video, gap_frames):
    """Alarms at one threshold, frame by frame."""
    alarms = 0
    for score_T in score_T_by_video:
        last = None
        for frame, score in enumerate(score_T):
            if score >= threshold:
                alarms += last is None or frame - last >= gap_frames
                last = frame
    return alarms


@given(videos, st.integers(1, 6))
def test_levels_are_the_highest_thresholds_of_each_count(score_T_by_video, gap_frames):
    levels = alarm_levels([np.array(v, float) for v in score_T_by_video], gap_frames=gap_frames)
    counts = {t: runs_at(t, score_T_by_video, gap_frames) for t in range(7)}
    expected = [
        max(threshold for threshold, count in counts.items() if count >= wanted)
        for wanted in range(1, max(counts.values()) + 1)
    ]
    assert levels.tolist() == expected


def test_close_peaks_are_one_alarm_until_the_threshold_parts_them():
    score_T = np.array([9.0, 2.0, 8.0, 0.0, 0.0, 0.0])
    assert alarm_levels([score_T], gap_frames=3).tolist() == [9.0]
    assert alarm_levels([score_T], gap_frames=2).tolist() == [9.0, 8.0]


def test_no_alarm_spans_two_videos():
    end, start = np.array([0.0, 5.0]), np.array([5.0, 0.0])
    assert alarm_levels([np.concatenate([end, start])], gap_frames=10).tolist() == [5.0]
    assert alarm_levels([end, start], gap_frames=10).tolist() == [5.0, 5.0]


def test_empty_videos_are_passed_over():
    assert alarm_levels([np.empty(0), np.array([1.0])], gap_frames=5).tolist() == [1.0]
