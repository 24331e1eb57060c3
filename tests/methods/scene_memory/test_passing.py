"""The streams speed and velocity: how things pass."""

import numpy as np
import pytest
from scene_memory_views import COLUMNS, CONFIG, ROWS, going, view

from normalcy.methods.scene_memory.streams.speed import Speed
from normalcy.methods.scene_memory.streams.velocity import Velocity


def learned_speed(*speed_of_rows: tuple[int, float], times: float = 1e5) -> Speed:
    """What passes in each of these rows, often."""
    stream = Speed(CONFIG, scenes=1)
    velocity_RC2 = np.zeros((ROWS, COLUMNS, 2), np.float32)
    for row, speed in speed_of_rows:
        velocity_RC2[row, :, 1] = speed
    stream.remember(view(velocity_RC2=velocity_RC2), None)
    stream.usual.seen.count_SRCB *= times
    stream.settle()
    return stream


def test_speed_is_a_multiple_of_what_is_usual_in_the_row():
    stream = learned_speed((1, 10), (5, 40))
    map_RC = stream.judge(going(12, 16), None)
    np.testing.assert_allclose(map_RC[1], 2, rtol=0.06)
    np.testing.assert_allclose(map_RC[5], 0.5, rtol=0.06)


def test_the_usual_of_a_row_is_also_that_of_its_neighbours():
    stream = learned_speed((1, 10), (5, 40))
    np.testing.assert_allclose(stream.usual.usual_SR[0, :3], 10, rtol=0.06)
    np.testing.assert_allclose(stream.usual.usual_SR[0, 4:7], 40, rtol=0.06)


def test_usual_is_what_all_but_the_fastest_stay_below():
    stream = Speed(CONFIG, scenes=1)
    for speed in np.linspace(1, 100, 200):
        stream.remember(going(speed), None)
    stream.settle()
    np.testing.assert_allclose(stream.usual.usual_SR, 98, rtol=0.06)


def test_what_stands_still_is_not_counted_among_the_speeds():
    stream = Speed(CONFIG, scenes=1)
    stream.remember(view(), None)
    assert stream.usual.seen.count_SRCB.sum() == 0
    stream.remember(going(5, where=np.s_[3, 4]), None)
    assert stream.usual.seen.count_SRCB.nonzero()[1].tolist() == [3]


def test_a_row_in_which_nothing_is_fast_is_not_believed_beyond_a_tenth_of_the_fastest():
    stream = learned_speed((1, 1), (5, 200), times=1e7)
    assert stream.usual.usual_SR[0, 1].item() == pytest.approx(20, rel=0.06)


def test_each_scene_has_a_usual_speed_of_its_own():
    stream = Speed(CONFIG, scenes=2)
    for scene, speed in ((0, 10), (1, 40)):
        velocity_RC2 = np.full((ROWS, COLUMNS, 2), (speed, 0), np.float32)
        stream.remember(view(scene=scene, velocity_RC2=velocity_RC2), None)
    stream.settle()
    for scene, multiple in ((0, 2.0), (1, 0.5)):
        seen = view(scene=scene, velocity_RC2=np.full((ROWS, COLUMNS, 2), (20, 0), np.float32))
        np.testing.assert_allclose(stream.judge(seen, None), multiple, rtol=0.06)


def learned_velocity(*views, times: float = 1e5) -> Velocity:
    stream = Velocity(CONFIG, scenes=2)
    stream.pace_R.fill(10)
    for each in views:
        stream.remember(each, None)
    stream.count_SKRC *= times
    stream.settle()
    return stream


def middle(map_RC: np.ndarray) -> float:
    return float(map_RC[ROWS // 2, COLUMNS // 2])


def test_against_the_stream_is_more_surprising_than_with_it():
    stream = learned_velocity(going(12))
    along, across, against = (middle(stream.judge(going(*way), None)) for way in ((12, 0), (0, 12), (-12, 0)))
    assert against > along + 3
    assert across > along + 3


@pytest.mark.parametrize("unseen", [2, 70])
def test_a_speed_that_nobody_has_is_surprising_whether_fast_or_slow(unseen):
    stream = learned_velocity(going(12))
    assert middle(stream.judge(going(unseen), None)) > middle(stream.judge(going(12), None)) + 3


def test_what_moves_as_one_in_four_does_surprises_by_the_logarithm_of_that():
    stream = learned_velocity(going(12), going(12), going(12), going(-12))
    rare, usual = (middle(stream.judge(going(way), None)) for way in (-12, 12))
    assert rare - usual == pytest.approx(np.log(3), abs=0.02)
    # Half of each direction's chance is that of its two neighbours.
    assert rare == pytest.approx(-np.log(0.25 / 2), abs=0.02)


def test_nothing_that_stands_still_surprises():
    stream = learned_velocity(going(12))
    assert (stream.judge(view(), None) == 0).all()
    map_RC = stream.judge(going(-12, where=np.s_[2, 2]), None)
    assert map_RC[2, 2] > 0
    assert (map_RC[5:] == 0).all()
    assert (map_RC[:, 5:] == 0).all()


def test_each_place_has_its_own_stream():
    left, right = np.s_[:, : COLUMNS // 2], np.s_[:, COLUMNS // 2 :]
    stream = learned_velocity(going(12, where=left), going(-12, where=right))
    to_the_right = stream.judge(going(12), None)
    assert to_the_right[4, 1] < to_the_right[4, -2] - 2
    to_the_left = stream.judge(going(-12), None)
    assert to_the_left[4, 1] > to_the_left[4, -2] + 2


def test_a_place_where_nobody_passed_is_judged_by_its_row():
    stream = learned_velocity(going(12, where=np.s_[:, :3]))
    with_it, against = (stream.judge(going(way), None)[4, -2] for way in (12, -12))
    assert against > with_it + 3


def test_speeds_are_told_apart_in_paces_of_the_row():
    """20 pixels a second are twice the pace above, and half of it below."""
    stream = Velocity(CONFIG, scenes=1)
    stream.pace_R[:] = np.linspace(10, 45, ROWS)
    stream.remember(going(20), None)
    kinds_of_rows = [set(stream.count_SKRC[0, :, row].nonzero()[0].tolist()) for row in range(ROWS)]
    assert [len(kinds) for kinds in kinds_of_rows] == [1] * ROWS
    assert kinds_of_rows[0] != kinds_of_rows[-1]


def test_each_scene_has_its_own_velocities():
    stream = learned_velocity(going(12))
    other_scene = view(scene=1, velocity_RC2=going(12).velocity_RC2)
    assert middle(stream.judge(other_scene, None)) > middle(stream.judge(going(12), None)) + 2


def test_what_is_remembered_after_judging_counts_once_settled():
    stream = learned_velocity(going(12))
    before = middle(stream.judge(going(-12), None))
    for _ in range(3):
        stream.remember(going(-12), None)
    np.minimum(stream.count_SKRC, 3, out=stream.count_SKRC)
    stream.settle()
    assert middle(stream.judge(going(-12), None)) < before - 1
