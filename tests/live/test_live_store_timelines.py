"""Score timelines and states of cameras."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalcy.live.cameras.state import CameraState
from normalcy.live.store.cameras import StateChange, record_state, state_history
from normalcy.live.store.scores import downsample_max, read_scores, save_minute

pytest_plugins = ["live_databases"]

MINUTE = 20_000_000


def a_minute(*spans: tuple[int, int, float]) -> np.ndarray:
    """Scores of a minute: (first second, end, score), NaN between."""
    scores = np.full(60, np.nan, np.float32)
    for first, end, score in spans:
        scores[first:end] = score
    return scores


def test_scores_come_back_as_they_went(any_store):
    scores = np.linspace(0, 7, 60, dtype=np.float32)
    scores[17] = np.nan
    with any_store.transaction() as session:
        save_minute(session, "yard", MINUTE, scores, 1.5)
        save_minute(session, "yard", MINUTE + 2, scores + 1, None)
        save_minute(session, "gate", MINUTE, scores + 9, 1.5)
        save_minute(session, "yard", MINUTE, scores + 99, 2.5, region="door")
    with any_store.reading() as session:
        seconds_N, score_N, threshold_N = read_scores(session, "yard", MINUTE * 60, (MINUTE + 9) * 60)
        door = read_scores(session, "yard", MINUTE * 60, (MINUTE + 9) * 60, "door")
    assert (seconds_N.dtype, score_N.dtype, threshold_N.dtype) == (np.float64, np.float32, np.float64)
    np.testing.assert_array_equal(seconds_N[:60], MINUTE * 60 + np.arange(60))
    np.testing.assert_array_equal(seconds_N[60:], (MINUTE + 2) * 60 + np.arange(60))
    np.testing.assert_array_equal(score_N, np.concatenate([scores, scores + 1]))
    np.testing.assert_array_equal(threshold_N, [1.5] * 60 + [np.nan] * 60)
    np.testing.assert_array_equal(door[1], scores + 99)


def test_a_restart_within_a_minute_keeps_its_first_half(any_store):
    with any_store.transaction() as session:
        save_minute(session, "yard", MINUTE, a_minute((0, 30, 1.0)), 1.5)
    with any_store.transaction() as session:
        save_minute(session, "yard", MINUTE, a_minute((29, 31, 0.5), (40, 60, 2.0)), 1.75)
    with any_store.reading() as session:
        _, score_N, threshold_N = read_scores(session, "yard", MINUTE * 60, MINUTE * 60 + 60)
    np.testing.assert_array_equal(score_N, a_minute((0, 30, 1.0), (30, 31, 0.5), (40, 60, 2.0)))
    assert set(threshold_N) == {1.75}


@pytest.mark.parametrize(("since", "until"), [(0, 60), (10, 61), (59.5, 60.5), (30, 30), (-100, 500)])
def test_only_the_time_asked_for_is_read(any_store, since, until):
    start = MINUTE * 60
    with any_store.transaction() as session:
        for minute in (MINUTE, MINUTE + 1):
            save_minute(session, "yard", minute, a_minute((0, 60, 1.0)), 1.0)
    with any_store.reading() as session:
        seconds_N, _, _ = read_scores(session, "yard", start + since, start + until)
    expected = [second for second in range(120) if since <= second < until]
    np.testing.assert_array_equal(seconds_N - start, expected)


def test_nothing_stored_is_nothing_read(any_store):
    with any_store.reading() as session:
        assert [len(each) for each in read_scores(session, "yard", 0.0, 1e9)] == [0, 0, 0]


def test_a_minute_has_sixty_seconds(any_store):
    with pytest.raises(ValueError, match="60 scores"), any_store.transaction() as session:
        save_minute(session, "yard", MINUTE, np.zeros(59), 1.0)


@given(
    scores=st.lists(st.floats(-5, 5, width=32) | st.just(float("nan")), min_size=1, max_size=200),
    gap_at=st.integers(0, 200),
    most=st.integers(1, 50),
)
def test_what_is_drawn_keeps_the_maxima(scores, gap_at, most):
    seconds_N = np.arange(len(scores), dtype=np.float64)
    seconds_N[gap_at:] += 1000
    score_N = np.array(scores, np.float32)
    drawn_M, height_M, threshold_M = downsample_max(seconds_N, score_N, seconds_N, most=most)
    assert len(drawn_M) == len(height_M) == len(threshold_M) == min(most, len(scores))
    assert np.all(np.diff(drawn_M) > 0)
    assert np.fmax.reduce(height_M) == np.fmax.reduce(score_N) or np.isnan(score_N).all()
    # Each point is one that was there, with its own threshold.
    there = dict(zip(seconds_N, score_N, strict=True))
    for second, height, threshold in zip(drawn_M, height_M, threshold_M, strict=True):
        if not np.isnan(height):
            assert there[second] == height
            assert threshold == second


def test_a_gap_is_still_a_gap_when_drawn():
    seconds_N = np.concatenate([np.arange(100.0), 900 + np.arange(100.0)])
    score_N = np.sin(seconds_N).astype(np.float32)
    _, height_M, _ = downsample_max(seconds_N, score_N, score_N.astype(np.float64), most=10)
    assert np.isnan(height_M).tolist() == [False] + [True] * 8 + [False]


def test_states_of_a_camera_begin_with_the_one_that_held(any_store):
    with any_store.transaction() as session:
        record_state(session, "yard", CameraState.CONNECTING, "", 1.0)
        record_state(session, "yard", CameraState.ONLINE, "", 2.0)
        record_state(session, "gate", CameraState.FAILED, "no such file", 3.0)
        record_state(session, "yard", CameraState.OFFLINE, "it broke off", 4.0)
        record_state(session, "yard", CameraState.CONNECTING, "", 4.0)
    with any_store.reading() as session:
        assert state_history(session, "yard", 3.0) == [
            StateChange(CameraState.ONLINE, "", 2.0),
            StateChange(CameraState.OFFLINE, "it broke off", 4.0),
            StateChange(CameraState.CONNECTING, "", 4.0),
        ]
        assert state_history(session, "roof", 0.0) == []
