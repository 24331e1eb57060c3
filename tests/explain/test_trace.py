from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from normalcy.explain import drawing
from normalcy.explain.spans import true_runs
from normalcy.explain.ticks import tick_step
from normalcy.explain.trace import ScoreTrace, TracePoint

HEIGHT, WIDTH = 110, 400


def draw(points, *, threshold=1.0, duration_seconds=10.0):
    trace = ScoreTrace(size_px=(HEIGHT, WIDTH), threshold=threshold, duration_seconds=duration_seconds)
    for point in points:
        trace.add(point)
    return trace.draw()


def near(canvas_HWC, colour):
    """Anti-aliased lines share their pixels with the ground, so they only come near their colour."""
    return np.abs(canvas_HWC.astype(int) - colour).sum(axis=2) < 150


def columns_with(canvas_HWC, colour):
    return np.flatnonzero(near(canvas_HWC, colour).any(axis=0))


def row_of(canvas_HWC, colour, column):
    return np.flatnonzero(near(canvas_HWC, colour)[:, column])


@given(hnp.arrays(bool, st.integers(0, 40)))
def test_runs_rebuild_the_flags(flag_T):
    rebuilt_T = np.zeros_like(flag_T)
    runs = true_runs(flag_T)
    for start, end in runs:
        rebuilt_T[start : end + 1] = True
    np.testing.assert_array_equal(rebuilt_T, flag_T)
    assert all(end + 1 < start for (_, end), (start, _) in pairwise(runs))


@pytest.mark.parametrize(("span", "step"), [(8.0, 1.0), (9.0, 2.0), (20.0, 5.0), (100.0, 20.0), (0.4, 0.05)])
def test_tick_steps_are_round(span, step):
    assert tick_step(span, at_most=8) == pytest.approx(step)


def test_an_empty_trace_can_be_drawn():
    assert draw([]).shape == (HEIGHT, WIDTH, 3)


def test_the_whole_video_is_spanned_when_its_length_is_known():
    canvas_HWC = draw([TracePoint(second / 10, 0.5, False, None) for second in range(51)])
    line = columns_with(canvas_HWC, drawing.SCORE)
    assert line.min() <= 12
    assert line.max() == pytest.approx(10 + 380 / 2, abs=4)


@pytest.mark.parametrize("duration_seconds", [None, 4000.0])
def test_a_long_or_endless_video_slides(duration_seconds):
    points = [TracePoint(second / 2, 0.5, second == 0, None) for second in range(200)]
    canvas_HWC = draw(points, duration_seconds=duration_seconds)
    assert columns_with(canvas_HWC, drawing.SCORE).max() >= WIDTH - 15
    assert columns_with(canvas_HWC, drawing.ALARM).size == 0  # the alarm of the first frame slid away


def test_sliding_keeps_no_more_than_is_in_sight():
    trace = ScoreTrace(size_px=(HEIGHT, WIDTH), threshold=1.0, sliding_seconds=5.0)
    for second in range(1000):
        trace.add(TracePoint(float(second), 0.1, False, None))
    assert len(trace._points) == 6


def test_higher_scores_are_drawn_higher():
    canvas_HWC = draw([TracePoint(second, second / 10, False, None) for second in range(10)])
    rows = [row_of(canvas_HWC, drawing.SCORE, column).min() for column in (50, 150, 250, 340)]
    assert rows == sorted(rows, reverse=True)
    assert len(set(rows)) == 4


@pytest.mark.parametrize("peak", [6.0, 5000.0])
def test_a_far_score_is_cut_off_so_that_the_threshold_stays_readable(peak):
    canvas_HWC = draw([TracePoint(0.0, 0.0, False, None), TracePoint(9.0, peak, False, None)])
    threshold_row = (canvas_HWC == drawing.DIM).all(axis=2)[:88].sum(axis=1).argmax()
    assert threshold_row == pytest.approx(86 - (86 - 10) / 5, abs=1)


def test_truth_is_shaded_only_where_it_is_known_to_be_abnormal():
    points = [TracePoint(second / 10, 0.2, False, 30 <= second < 60) for second in range(100)]
    canvas_HWC = draw(points)
    shaded = np.flatnonzero((canvas_HWC[50] != drawing.SURFACE).any(axis=1))
    assert shaded.min() == pytest.approx(10 + 380 * 0.3, abs=2)
    assert shaded.max() == pytest.approx(10 + 380 * 0.59, abs=2)


def test_alarms_are_red_on_the_line_and_at_the_foot():
    canvas_HWC = draw(
        [TracePoint(second / 10, 0.2 + (second > 50), second > 50, None) for second in range(100)]
    )
    red = columns_with(canvas_HWC[-23:-20], drawing.ALARM)
    assert red.min() == pytest.approx(10 + 380 * 0.51, abs=2)
    assert columns_with(canvas_HWC[:40], drawing.ALARM).size > 50


def test_the_threshold_is_a_dashed_line_and_missing_when_there_is_none():
    dashed = (draw([TracePoint(0, 0.1, False, None)]) == drawing.DIM).all(axis=2).sum(axis=1)
    assert 0.4 * WIDTH < dashed[:90].max() < 0.8 * WIDTH
    without = (
        (draw([TracePoint(0, 0.1, False, None)], threshold=float("inf")) == drawing.DIM)
        .all(axis=2)
        .sum(axis=1)
    )
    assert without[:90].max() == 0


def test_scores_that_never_change_are_drawn():
    canvas_HWC = draw([TracePoint(second, 0.0, False, None) for second in range(9)], threshold=0.0)
    assert columns_with(canvas_HWC, drawing.SCORE).size > 200
