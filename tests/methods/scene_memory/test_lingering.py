"""The streams dwell and stillness: what stays."""

import math

import numpy as np
import pytest
from scene_memory_views import COLUMNS, CONFIG, ROWS, everywhere, picture, view

from normalcy.methods.scene_memory.streams.dwell import Dwell
from normalcy.methods.scene_memory.streams.stillness import Stillness


def here(value: float = 10.0) -> np.ndarray:
    """As new as that in an area of 4 x 4 cells, thumbnails 4 to 12."""
    new_HW = everywhere(0)
    new_HW[4:12, 4:12] = value
    return new_HW


def test_presence_rises_while_something_stays_and_falls_after():
    stream = Dwell(CONFIG, scenes=1)
    state = stream.begin()
    rising = [stream.judge(view(new_HW=here()), state)[3, 3] for _ in range(20)]
    assert (np.diff(rising) > 0).all()
    assert rising[-1] == pytest.approx(1 - 1 / math.e, rel=1e-3)  # after two seconds
    falling = [stream.judge(view(), state)[3, 3] for _ in range(20)]
    assert (np.diff(falling) < 0).all()
    assert falling[-1] == pytest.approx((1 - 1 / math.e) / math.e, rel=1e-3)


def test_presence_is_the_same_at_any_frame_rate():
    stream = Dwell(CONFIG, scenes=1)
    often, seldom = stream.begin(), stream.begin()
    for _ in range(30):
        one = stream.judge(view(new_HW=here(), seconds=0.1), often)
    for _ in range(6):
        other = stream.judge(view(new_HW=here(), seconds=0.5), seldom)
    np.testing.assert_allclose(one, other, rtol=1e-4)


def test_presence_lies_where_something_is():
    stream = Dwell(CONFIG, scenes=1)
    map_RC = stream.judge(view(new_HW=here()), stream.begin())
    assert map_RC[3, 3] == map_RC.max() > 0
    assert (map_RC[7:] == 0).all()
    assert (map_RC[:, 7:] == 0).all()


@pytest.mark.parametrize("make", [Dwell, Stillness])
def test_what_is_not_foreground_or_was_there_before_does_not_linger(make):
    stream = make(CONFIG, scenes=1)
    state = stream.begin()
    for _ in range(20):
        map_RC = stream.judge(view(new_HW=everywhere(2.9), strange_HW=everywhere(50)), state)
    assert (map_RC == 0).all()


@pytest.mark.parametrize("make", [Dwell, Stillness])
def test_the_first_seconds_of_a_camera_are_not_remembered(make):
    stream = make(CONFIG, scenes=1)
    state = stream.begin()
    for _ in range(3):
        stream.remember(view(seconds=0.5, new_HW=here()), state)
    assert stream.seen.count_SRCB.sum() == 0
    for _ in range(3):
        stream.remember(view(seconds=0.5, new_HW=here()), state)
    assert stream.seen.count_SRCB.sum() == 3 * ROWS * COLUMNS


@pytest.mark.parametrize("make", [Dwell, Stillness])
def test_two_cameras_linger_apart(make):
    stream = make(CONFIG, scenes=1)
    busy, empty = stream.begin(), stream.begin()
    for _ in range(10):
        stream.judge(view(new_HW=here()), busy)
        map_RC = stream.judge(view(), empty)
    assert (map_RC == 0).all()


def test_where_somebody_usually_stays_presence_is_no_multiple_of_the_usual():
    stream = Dwell(CONFIG, scenes=2)
    state = stream.begin()
    for _ in range(80):
        stream.remember(view(new_HW=here(), scene=1, seconds=0.25), state)
    stream.seen.count_SRCB *= 1e5
    stream.settle()
    state = stream.begin()
    for _ in range(80):
        map_RC = stream.judge(view(new_HW=everywhere(10), scene=1, seconds=0.25), state)
    assert map_RC[3, 3] == pytest.approx(1, rel=0.05)
    assert map_RC[3, -1] > 10
    assert stream.usual_SRC[1].min().item() == pytest.approx(0.08)


def lying(seconds: float, *, step: float = 0.1, level: float = 100.0) -> list:
    """Views in which something lies still."""
    thumb_HW3 = np.full((16, 24, 3), level, np.float32)
    return [view(new_HW=here(), thumb_HW3=thumb_HW3, seconds=step) for _ in range(round(seconds / step))]


@pytest.mark.parametrize("step", [0.1, 0.25])
def test_stillness_is_how_many_seconds_something_new_has_been_lying(step):
    stream = Stillness(CONFIG, scenes=1)
    state = stream.begin()
    found = [stream.judge(each, state)[3, 3] for each in lying(3, step=step)]
    np.testing.assert_allclose(found, step * np.arange(1, len(found) + 1), rtol=1e-4)


def test_stillness_counts_no_further_than_its_limit():
    stream = Stillness(CONFIG, scenes=1)
    state = stream.begin()
    last = [stream.judge(each, state).max() for each in lying(9, step=0.5)][-1]
    assert last == pytest.approx(CONFIG.dwell.still_seconds)


def test_what_moves_is_not_still_until_it_lies_down():
    stream = Stillness(CONFIG, scenes=1)
    state = stream.begin()
    walker = picture(16, 60, seed=3).astype(np.float32) * 1.5
    for t in range(10):
        moving = view(new_HW=here(), thumb_HW3=walker[:, 3 * t : 3 * t + 24].copy())
        map_RC = stream.judge(moving, state)
    assert map_RC[3, 3] < 0.15
    for _ in range(10):
        map_RC = stream.judge(view(new_HW=here(), thumb_HW3=walker[:, 27:51].copy()), state)
    assert map_RC[3, 3] == pytest.approx(1.0, abs=0.15)


def test_stillness_starts_anew_once_something_was_away():
    stream = Stillness(CONFIG, scenes=1)
    state = stream.begin()
    for each in lying(2):
        stream.judge(each, state)
    stream.judge(view(), state)
    assert stream.judge(lying(0.1)[0], state)[3, 3] == pytest.approx(0.1)


def test_a_thumbnail_that_is_judged_is_left_as_it_was():
    stream = Stillness(CONFIG, scenes=1)
    state = stream.begin()
    first, second = lying(0.1, level=100)[0], lying(0.1, level=104)[0]
    stream.judge(first, state)
    stream.judge(second, state)
    assert (first.thumb_HW3 == 100).all()
    assert (second.thumb_HW3 == 104).all()


def test_stillness_is_a_multiple_of_what_is_usual_at_the_place():
    stream = Stillness(CONFIG, scenes=1)
    stream.seen.count_SRCB[..., 8] = 1e6  # of 48 bins up to six seconds: one to one and an eighth
    stream.settle()
    np.testing.assert_allclose(stream.usual_SRC, 1.125, atol=0.01)
    state = stream.begin()
    last = [stream.judge(each, state)[3, 3] for each in lying(4.5)][-1]
    assert last == pytest.approx(4, rel=0.02)
