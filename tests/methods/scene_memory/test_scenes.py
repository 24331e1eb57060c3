import numpy as np
import pytest
from scene_memory_views import CONFIG, THUMB_HEIGHT, THUMB_WIDTH, picture

from normalcy.errors import FallbackWarning
from normalcy.methods.scene_memory.scenes import Scenes, thumbnail

A, B = (picture(THUMB_HEIGHT, THUMB_WIDTH, seed=seed) for seed in (0, 1))


def footage(image_HW3: np.ndarray, *, light: float = 1.0, seed: int = 0, frames: int = 7) -> np.ndarray:
    """Thumbnails of a still picture under this light, with a little noise."""
    noise = np.random.default_rng(seed).normal(0, 1, (frames, *image_HW3.shape))
    return np.clip(image_HW3 * light + noise, 0, 255).astype(np.uint8)


def surveyed(*videos: np.ndarray) -> Scenes:
    scenes = Scenes(CONFIG)
    scenes.survey(videos)
    return scenes


def test_two_backgrounds_are_two_scenes_each_its_own():
    scenes = surveyed(footage(A), footage(B), footage(A, seed=1))
    assert scenes.count == 2
    np.testing.assert_allclose(scenes.background_SHW3[0], A, atol=2)
    np.testing.assert_allclose(scenes.background_SHW3[1], B, atol=2)


@pytest.mark.parametrize("light", [0.6, 0.8, 1.4])
def test_the_same_background_in_other_light_is_one_scene(light):
    scenes = surveyed(footage(A), footage(A, light=light))
    assert scenes.count == 1


@pytest.mark.parametrize("light", [0.6, 1.0, 1.4])
def test_the_nearest_scene_is_known_in_other_light(light):
    scenes = surveyed(footage(A), footage(B))
    assert scenes.nearest(footage(A, light=light, seed=5)[0]) == 0
    assert scenes.nearest(footage(B, light=light, seed=5)[0]) == 1


def test_somebody_who_covers_a_third_of_the_picture_does_not_make_another_scene_of_it():
    covered = A.copy()
    covered[:, :8] = 250
    scenes = surveyed(footage(A), footage(B))
    assert scenes.nearest(covered) == 0
    assert surveyed(footage(A), footage(covered)).count == 1


def test_backgrounds_are_told_apart_from_the_difference_on_that_is_set():
    other = (A.astype(int) + np.where(np.arange(THUMB_WIDTH) % 2, 10, -10)[:, None]).astype(np.uint8)
    for difference, count in ((6.0, 2), (15.0, 1)):
        scenes = Scenes(CONFIG.model_copy(update={"scene_difference": difference}))
        scenes.survey([footage(A), footage(other)])
        assert scenes.count == count


def test_who_passes_is_not_in_the_background():
    film = footage(A, frames=9)
    for t in range(9):
        film[t, 4:10, 2 * t : 2 * t + 4] = 255
    scenes = surveyed(film)
    np.testing.assert_allclose(scenes.background_SHW3[0], A, atol=3)


def test_a_pixel_that_flickers_strays_more_and_none_strays_less_than_three_levels():
    film = footage(A, frames=40)
    swing = np.random.default_rng(1).normal(0, 20, (40, 4, 4, 3))
    film[:, 2:6, 2:6] = np.clip(film[:, 2:6, 2:6] + swing, 0, 255).astype(np.uint8)
    deviation_HW = surveyed(film).deviation_SHW[0]
    assert deviation_HW[2:6, 2:6].mean() == pytest.approx(23, abs=8)  # the largest of three channels
    deviation_HW[2:6, 2:6] = 3
    np.testing.assert_array_equal(deviation_HW, 3)


def test_a_thumbnail_has_the_means_of_squares_of_four_pixels():
    image = np.zeros((64, 96, 3), np.uint8)
    image[4:8, 8:12], image[8, 8] = 200, 160
    thumb = thumbnail(image)
    assert thumb.shape == (16, 24, 3)
    assert (thumb[1, 2] == 200).all()
    assert (thumb[2, 2] == 10).all()
    assert thumb.sum() == 3 * 210


def test_there_are_no_more_than_sixteen_scenes():
    scenes = Scenes(CONFIG)
    scenes.survey([np.stack([picture(*CONFIG.thumb_px, seed=seed)] * 3) for seed in range(20)])
    assert scenes.count == 16


def test_only_what_is_like_no_known_scene_is_unknown():
    known = surveyed(footage(A))
    new = known.unknown([footage(A, light=0.7), footage(B), footage(B, seed=3)])
    assert new.count == 1
    np.testing.assert_allclose(new.background_SHW3[0], B, atol=2)
    assert known.unknown([footage(A, seed=2)]).count == 0


def test_there_is_no_room_for_a_seventeenth_scene():
    known = surveyed(*(footage(picture(THUMB_HEIGHT, THUMB_WIDTH, seed=seed)) for seed in range(15)))
    assert known.count == 15
    others = [footage(picture(THUMB_HEIGHT, THUMB_WIDTH, seed=seed)) for seed in (40, 41)]
    with pytest.warns(FallbackWarning, match="1 scenes are taken for those most like them"):
        assert known.unknown(others).count == 1
