from typing import get_args

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from normalcy.layers.dis_flow import DisPreset, dis_flow, displacement_map
from normalcy.layers.displacement import DisplacementScore


def picture(height: int = 32, width: int = 48, *, seed: int = 0) -> torch.Tensor:
    """A smooth random picture that flow can follow: (1, 1, 1, H, W) in [0, 1]."""
    coarse = torch.rand(1, 1, height // 4, width // 4, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(coarse, size=(height, width), mode="bicubic").clamp(0, 1)[None]


@pytest.mark.parametrize("enlarge", [1, 2, 3])
def test_a_shift_is_measured_in_pixels_of_the_given_picture(enlarge):
    real = picture()
    shifted = torch.roll(real, 2, dims=-1)
    map_BTHW = DisplacementScore(box_px=4, enlarge=enlarge).map(shifted, real)
    assert map_BTHW.shape == (1, 1, 32, 48)
    assert map_BTHW.dtype == torch.float32
    assert map_BTHW[0, 0, 8:24, 10:38].median().item() == pytest.approx(2.0, abs=0.3)


@pytest.mark.parametrize("preset", get_args(DisPreset))
def test_every_accuracy_measures_a_shift(preset):
    real_HW = np.asarray(255 * picture(96, 128)[0, 0, 0], np.uint8)
    map_HW = displacement_map(np.roll(real_HW, 2, axis=1), real_HW, box_px=4, preset=preset)
    assert np.median(map_HW[16:80, 24:104]) == pytest.approx(2.0, abs=0.3)


def test_the_light_accuracy_is_as_fine_as_the_medium_one():
    fineness = {preset: dis_flow(preset).getFinestScale() for preset in get_args(DisPreset)}
    assert fineness["light"] == fineness["medium"] < fineness["fast"]
    assert dis_flow("light").getPatchStride() == dis_flow("ultrafast").getPatchStride()


@pytest.mark.parametrize("enlarge", [1, 3])
def test_a_picture_lies_where_it_lies(enlarge):
    real = picture()
    assert DisplacementScore(box_px=4, enlarge=enlarge).map(real, real).max().item() < 0.05


def test_enlarging_sees_small_things_move():
    """On a still ground, a square of 7 pixels moves by two: as it is, dense inverse search misses most of it."""
    ground, square = 0.3 * picture(), 0.5 + 0.5 * picture(7, 7, seed=1)
    predicted, real = ground.clone(), ground.clone()
    predicted[..., 12:19, 20:27] = square
    real[..., 12:19, 22:29] = square
    peaks = [DisplacementScore(box_px=5, enlarge=e).map(real, predicted)[..., 12:19, 20:29] for e in (1, 3)]
    assert peaks[1].max().item() == pytest.approx(2.0, abs=1.0)
    assert abs(peaks[1].max().item() - 2) < abs(peaks[0].max().item() - 2)


@pytest.mark.parametrize("enlarge", [1, 2])
def test_the_map_is_largest_where_something_moved(enlarge):
    predicted = 0.3 * picture()
    real = predicted.clone()
    predicted[..., 10:20, 6:16] = real[..., 10:20, 9:19] = 0.5 + 0.5 * picture(10, 10, seed=2)
    map_HW = DisplacementScore(box_px=5, enlarge=enlarge).map(real, predicted)[0, 0]
    row, column = divmod(map_HW.argmax().item(), 48)
    assert 8 <= row < 22
    assert 4 <= column < 21
    assert map_HW[:, 32:].max() < 0.2 * map_HW.max()


def test_the_score_is_the_largest_of_the_map_of_each_frame():
    real, predicted = (
        torch.cat([picture(seed=seed) for seed in range(start, start + 6)], dim=1).unflatten(1, (2, 3))[0]
        for start in (0, 10)
    )
    score = DisplacementScore(box_px=3, enlarge=2)
    map_BTHW = score.map(real, predicted)
    assert map_BTHW.shape == (2, 3, 32, 48)
    assert torch.equal(score(torch.zeros(2, 3, 32, 48), real, predicted), map_BTHW.amax(dim=(2, 3)))
    alone = score.map(real[1:, 2:], predicted[1:, 2:])
    torch.testing.assert_close(alone[0, 0], map_BTHW[1, 2], atol=0, rtol=0)


def test_colours_are_averaged():
    real, predicted = picture(), picture(seed=1)
    score = DisplacementScore(box_px=3)
    colour = score.map(real.expand(-1, -1, 3, -1, -1), predicted.expand(-1, -1, 3, -1, -1))
    torch.testing.assert_close(colour, score.map(real, predicted))


def test_a_larger_box_takes_peaks_down():
    real, predicted = picture(), picture(seed=1)
    peaks = [DisplacementScore(box_px=box).map(real, predicted).max() for box in (1, 5, 15)]
    assert peaks[0] > peaks[1] > peaks[2]


def test_pictures_of_other_sizes_before_change_nothing():
    def pair(height: int, width: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        small = np.random.default_rng(seed).integers(0, 255, (height // 4, width // 4), np.uint8)
        first = cv2.resize(small, (width, height))
        return first, np.roll(first, 2, axis=1)

    shown = pair(48, 64, 0)
    alone = displacement_map(*shown, box_px=5)
    for number, size_px in enumerate(((240, 360), (35, 43), (96, 128))):
        displacement_map(*pair(*size_px, number), box_px=5)
        np.testing.assert_array_equal(displacement_map(*shown, box_px=5), alone)


@pytest.mark.parametrize("preset", ["ultrafast", "fast", "light", "medium"])
def test_the_first_pair_of_a_thread_is_scored_as_any_other(preset):
    rng = np.random.default_rng(3)
    pair = [cv2.GaussianBlur(rng.integers(0, 255, (35, 43), np.uint8), (0, 0), 2) for _ in range(2)]
    displacement_map(
        np.zeros((20, 30), np.uint8), np.zeros((20, 30), np.uint8), box_px=3
    )  # another size before
    first, second = (displacement_map(*pair, box_px=3, preset=preset) for _ in range(2))
    np.testing.assert_array_equal(first, second)
