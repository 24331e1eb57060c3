import numpy as np
import pytest
from scene_memory_views import CONFIG, THUMB_HEIGHT, THUMB_WIDTH, picture

from normalcy.methods.scene_memory.scenes import Background, Scenes

GROUND = picture(THUMB_HEIGHT, THUMB_WIDTH)
PLACE = np.s_[4:9, 6:11]


def background(*, trusts_first: bool = True) -> Background:
    scenes = Scenes(CONFIG)
    scenes.background_SHW3[0] = GROUND
    return Background(scenes, 0, trusts_first=trusts_first)


def with_object(level: int = 230) -> np.ndarray:
    thumb = GROUND.copy()
    thumb[PLACE] = level
    return thumb


def elsewhere(values_HW: np.ndarray) -> np.ndarray:
    outside = np.ones(values_HW.shape, bool)
    outside[PLACE] = False
    return values_HW[outside]


def test_the_background_itself_is_not_strange():
    found = background().compare(GROUND, seconds=0.1)
    assert found.strange_HW.max() == 0
    np.testing.assert_allclose(found.image_HW3, GROUND, atol=1e-3)


@pytest.mark.parametrize("gain", [0.5, 0.8, 1.5])
def test_brightness_of_the_whole_picture_is_light(gain):
    found = background().compare((GROUND * gain).round().astype(np.uint8), seconds=0.1)
    assert found.strange_HW.max() < 1
    np.testing.assert_allclose(found.image_HW3, GROUND, atol=3)


def test_who_comes_is_strange_and_new_where_he_is():
    known = background()
    known.compare(GROUND, seconds=0.1)
    found = known.compare(with_object(), seconds=0.1)
    expected_HW = np.abs(230 - GROUND[PLACE].astype(float)).max(axis=-1) / 3
    np.testing.assert_allclose(found.strange_HW[PLACE], expected_HW, rtol=0.02)
    np.testing.assert_array_equal(found.new_HW, found.strange_HW)
    assert elsewhere(found.strange_HW).max() < 0.5


def test_what_was_found_at_the_start_is_strange_but_new_only_once_it_went_and_came_back():
    known = background()
    for _ in range(5):
        found = known.compare(with_object(), seconds=0.1)
        assert found.strange_HW[PLACE].min() > 10
        assert found.new_HW[PLACE].max() == 0
    gone = known.compare(GROUND, seconds=0.1)
    assert gone.strange_HW.max() < 1
    back = known.compare(with_object(), seconds=0.1)
    np.testing.assert_array_equal(back.new_HW, back.strange_HW)
    assert back.new_HW[PLACE].min() > 10


def test_what_comes_in_front_of_what_was_found_is_new():
    known = background()
    known.compare(with_object(230), seconds=0.1)
    assert known.compare(with_object(10), seconds=0.1).new_HW[PLACE].min() > 5


def drifted(levels: float) -> np.ndarray:
    """A quarter of the picture in a shadow that lifts."""
    thumb = GROUND.astype(np.float32)
    thumb[:8, :12] += levels
    return thumb.round().astype(np.uint8)


def test_a_slow_drift_of_light_in_part_of_the_picture_is_followed():
    """A level in two minutes; the background could follow three."""
    known = background()
    strange = [known.compare(drifted(step / 12), seconds=10.0).strange_HW.max() for step in range(144)]
    assert max(strange) < 1
    assert background().compare(drifted(12), seconds=10.0).strange_HW.max() == pytest.approx(4, rel=0.05)


def test_the_background_follows_at_the_same_pace_at_any_frame_rate():
    often, seldom = background(), background()
    for _ in range(100):
        one = often.compare(with_object(), seconds=0.3)
    for _ in range(10):
        other = seldom.compare(with_object(), seconds=3.0)
    # 30 seconds are a quarter of the time in which it moves by its deviation; the last step is not in it yet.
    start = background().compare(with_object(), seconds=0.1).strange_HW[PLACE]
    np.testing.assert_allclose(one.strange_HW[PLACE], start - 0.2475, atol=0.02)
    np.testing.assert_allclose(other.strange_HW[PLACE], start - 0.225, atol=0.02)


def test_two_cameras_of_a_scene_have_backgrounds_of_their_own():
    scenes = Scenes(CONFIG)
    scenes.background_SHW3[0] = GROUND
    one, other = Background(scenes, 0), Background(scenes, 0)
    for _ in range(50):
        one.compare(with_object(), seconds=10.0)
    assert other.compare(GROUND, seconds=0.1).strange_HW.max() == 0
    np.testing.assert_array_equal(scenes.background_SHW3[0], GROUND)


def test_noise_all_over_the_picture_makes_little_strange_and_an_object_still_stands_out():
    rng, known = np.random.default_rng(0), background()
    noisy = [
        np.clip(image + rng.normal(0, 15, GROUND.shape), 0, 255).astype(np.uint8)
        for image in (GROUND, GROUND, with_object())
    ]
    known.compare(noisy[0], seconds=0.1)
    found = known.compare(noisy[1], seconds=0.1)
    assert (found.strange_HW > CONFIG.dwell.foreground).mean() < 0.05
    assert (found.new_HW > CONFIG.dwell.foreground).mean() < 0.05
    visited = known.compare(noisy[2], seconds=0.1)
    assert (visited.new_HW[PLACE] > CONFIG.dwell.foreground).mean() > 0.9
    assert (elsewhere(visited.new_HW) > CONFIG.dwell.foreground).mean() < 0.05


def test_what_was_found_at_the_start_is_not_new_for_noise_that_training_has_seen():
    """Noise of one usual deviation, for three seconds."""
    rng, known = np.random.default_rng(0), background()
    for _ in range(30):
        noisy = with_object() + rng.normal(0, 3, GROUND.shape)
        found = known.compare(np.clip(noisy, 0, 255).astype(np.uint8), seconds=0.1)
    assert (found.new_HW[PLACE] > CONFIG.dwell.foreground).mean() < 0.1


def test_a_gap_moves_the_background_no_farther_than_what_is_seen():
    changed = GROUND.copy()
    changed[:, : THUMB_WIDTH // 3] += 2
    watched = background()
    for _ in range(3):
        watched.compare(changed, seconds=3600)
    np.testing.assert_allclose(watched.compare(changed, seconds=0.1).image_HW3, changed, atol=2)
    assert watched.compare(changed, seconds=0.1).strange_HW.max() < 0.1


def test_what_is_found_at_the_start_is_new_where_nobody_says_that_it_was_there_for_long():
    for trusts_first in (True, False):
        watched = background(trusts_first=trusts_first)
        for _ in range(20):
            found = watched.compare(with_object(), seconds=0.1)
        assert (found.new_HW[PLACE] > 0).all() == (not trusts_first)
        assert (found.strange_HW[PLACE] > 0).all()


def two_scenes() -> Scenes:
    scenes = Scenes(CONFIG, count=2)
    other = picture(THUMB_HEIGHT, THUMB_WIDTH, seed=5)
    scenes.background_SHW3[:] = GROUND, other
    return scenes


def test_a_camera_has_left_its_scene_once_it_showed_another_for_a_while():
    other = picture(THUMB_HEIGHT, THUMB_WIDTH, seed=5)
    watched = Background(two_scenes(), 0)
    assert not any(watched.has_left(GROUND, seconds=0.1) for _ in range(200))
    left = [watched.has_left(other, seconds=0.1) for _ in range(80)]
    assert 40 <= left.index(True) <= 62
    # For a moment is not for a while.
    watched = Background(two_scenes(), 0)
    for _ in range(5):
        assert not any(watched.has_left(other, seconds=0.1) for _ in range(35))
        assert not any(watched.has_left(GROUND, seconds=0.1) for _ in range(25))


def test_the_only_scene_is_never_left():
    other = picture(THUMB_HEIGHT, THUMB_WIDTH, seed=5)
    watched = background()
    assert not any(watched.has_left(other, seconds=1) for _ in range(50))
