import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from normalcy.explain.heatmap import (
    MapScale,
    as_rgb,
    colour_ramp,
    colourise,
    map_peak,
    overlay,
    resize_map,
)

BLACKEST, BRIGHTEST = (4, 0, 0), (164, 255, 252)  # the ends of inferno, in OpenCV's BGR


def test_ends_of_the_range_get_the_ends_of_the_colours_in_rgb():
    colours_HWC = colourise(np.array([[0.0, 1.0]], np.float32), low=0.0, high=1.0)
    assert colours_HWC.dtype == np.uint8
    assert tuple(colours_HWC[0, 0]) == BLACKEST[::-1]
    assert tuple(colours_HWC[0, 1]) == BRIGHTEST[::-1]


def test_values_outside_the_range_are_clipped_and_nan_is_low():
    inside = colourise(np.array([[0.0, 1.0, 0.0]], np.float32), low=0.0, high=1.0)
    outside = colourise(np.array([[-5.0, 9.0, np.nan]], np.float32), low=0.0, high=1.0)
    np.testing.assert_array_equal(inside, outside)


def test_colours_get_brighter_all_along_the_range():
    ramp_HWC = colour_ramp(256, 3).astype(float)
    luminance_W = ramp_HWC[0] @ [0.2126, 0.7152, 0.0722]
    assert ramp_HWC.shape == (3, 256, 3)
    assert (np.diff(luminance_W) > -1.0).all()
    assert luminance_W[-1] - luminance_W[0] > 200


@pytest.mark.parametrize("high", [1.0, 0.5])
def test_a_range_without_width_is_quiet(high):
    colours_HWC = colourise(np.full((2, 2), 7.0, np.float32), low=1.0, high=high)
    assert (colours_HWC == BLACKEST[::-1]).all()


def test_overlay_leaves_the_picture_alone_where_the_map_is_low():
    image_HWC = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    map_HW = np.zeros((20, 30), np.float32)
    map_HW[10:, :] = 1.0
    shown_HWC = overlay(image_HWC, map_HW, low=0.0, high=1.0, opacity=1.0)
    np.testing.assert_array_equal(shown_HWC[:10], image_HWC[:10])
    assert (shown_HWC[10:] == BRIGHTEST[::-1]).all()


def test_overlay_opacity_is_the_share_of_the_colour():
    image_HWC = np.full((4, 4, 1), 100, np.uint8)
    shown_HWC = overlay(image_HWC, np.ones((4, 4), np.float32), low=0.0, high=1.0, opacity=0.25)
    expected = 0.75 * 100 + 0.25 * np.array(BRIGHTEST[::-1])
    np.testing.assert_allclose(shown_HWC[0, 0], expected, atol=1.0)


def test_overlay_scales_the_map_to_the_picture():
    image_HWC = np.zeros((40, 60, 1), np.uint8)
    map_HW = np.zeros((4, 6), np.float32)
    map_HW[:, 5] = 1.0
    shown_HWC = overlay(image_HWC, map_HW, low=0.0, high=1.0)
    assert shown_HWC.shape == (40, 60, 3)
    assert shown_HWC[:, 58:].min(axis=2).max() > 50
    assert (shown_HWC[:, :40] == 0).all()


def test_resize_map_is_bilinear():
    np.testing.assert_allclose(resize_map(np.array([[0.0, 4.0]], np.float32), (1, 4)), [[0.0, 1.0, 3.0, 4.0]])


def test_as_rgb_repeats_grey_and_keeps_colour():
    grey_HWC, rgb_HWC = np.full((2, 2, 1), 9, np.uint8), np.full((2, 2, 3), 9, np.uint8)
    np.testing.assert_array_equal(as_rgb(grey_HWC), rgb_HWC)
    assert as_rgb(rgb_HWC) is rgb_HWC


def test_peak_ignores_a_single_hot_pixel_and_nan():
    map_HW = np.ones((100, 100), np.float32)
    map_HW[0, 0], map_HW[0, 1] = 1000.0, np.nan
    assert map_peak(map_HW) == pytest.approx(1.0)
    assert map_peak(np.full((2, 2), np.nan, np.float32)) == 0.0


def test_a_fixed_scale_does_not_move():
    scale = MapScale(low=0.5, high=2.0)
    assert scale.range_for(np.full((4, 4), 99.0, np.float32)) == (0.5, 2.0)


@given(
    hnp.arrays(np.float32, (5, 3, 3), elements=st.floats(0, 100, width=32)),
    hnp.arrays(np.float32, (3, 3), elements=st.floats(0, 100, width=32)),
)
def test_a_running_scale_is_causal_and_only_rises(maps_THW, future_HW):
    one, other = MapScale(), MapScale()
    ranges = [one.range_for(map_HW) for map_HW in maps_THW]
    assert [other.range_for(map_HW) for map_HW in [*maps_THW, future_HW]][:5] == ranges
    highs = [high for _, high in ranges]
    assert highs == sorted(highs)
