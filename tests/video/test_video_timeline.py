from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalcy.video._timeline import Timeline


def timeline(*, start=0):
    """Ticks of 10 ms, frames of 100 ms."""
    return Timeline(time_base=Fraction(1, 100), start=start, step_seconds=0.1)


def place(line, *timestamps):
    return [line.place(pts) for pts in timestamps]


def test_after_damage_time_counts_from_the_start_of_the_stream():
    line = timeline(start=40)
    line.report_damage()
    assert place(line, 50) == [(0, 0.1)]


def test_plain_timestamps():
    assert place(timeline(start=40), 50, 60, 90) == [(0, 0.0), (1, 0.1), (2, 0.4)]


def test_the_first_timestamp_is_zero():
    assert place(timeline(start=None), 777, 787) == [(0, 0.0), (1, 0.1)]


def test_without_timestamps_frames_follow_by_their_duration():
    line = timeline(start=None)
    assert place(line, None, None) == [(0, 0.0), (1, 0.1)]
    assert line.place(None, duration=50) == (2, pytest.approx(0.6))
    assert line.end_seconds == pytest.approx(1.1)


def test_the_first_timestamp_follows_the_frames_that_had_none():
    # A camera's first pictures come before its clock is known.
    assert place(timeline(start=None), None, -1, 9) == [(0, 0.0), (1, 0.1), (2, 0.2)]


def test_a_restart_of_the_source_goes_on_where_it_was():
    times = [seconds for _, seconds in place(timeline(), 0, 10, 20, 30, 0, 10, 25)]
    assert times == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.65])


def test_a_repeated_timestamp_moves_by_half_a_step_and_the_next_is_its_own():
    assert [seconds for _, seconds in place(timeline(), 0, 10, 10, 20)] == pytest.approx([0, 0.1, 0.15, 0.2])


def test_packets_without_a_frame_count_only_after_damage():
    line = timeline()
    for pts in (0, 10, 20, 30, 40):
        line.expect(pts)
    assert place(line, 0, 20) == [(0, 0.0), (1, 0.2)]
    assert line.lost == 0
    line.report_damage()
    assert place(line, 40) == [(3, 0.4)]
    assert line.lost == 1


def test_all_reports_count_where_packets_have_no_timestamps():
    line = timeline()
    line.expect(None)
    line.report_damage()
    line.report_damage()
    assert place(line, None) == [(0, 0.0)]
    assert line.lost == 2


def test_frames_that_never_come_are_lost():
    line = timeline()
    for pts in (0, 10, 20):
        line.expect(pts)
    place(line, 0)
    line.report_damage()
    assert line.lost == 2


def test_a_frame_without_a_timestamp_uses_up_the_earliest_packet():
    line = timeline()
    for pts in (0, 10, 20):
        line.expect(pts)
    line.report_damage()
    assert place(line, None, 10, 20) == [(0, 0.0), (1, 0.1), (2, 0.2)]


@given(st.lists(st.one_of(st.none(), st.integers(-(10**9), 10**9)), min_size=2), st.booleans())
def test_times_always_grow_and_indices_too(timestamps, damaged):
    line = timeline(start=None)
    if damaged:
        line.report_damage()
    for pts in timestamps:
        line.expect(pts)
    placed = place(line, *timestamps)
    assert all(a < b for (a, _), (b, _) in pairwise(placed))
    assert all(a < b for (_, a), (_, b) in pairwise(placed))
