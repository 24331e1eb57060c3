import pytest
import torch
from torch.nn import functional as F

from normalcy.layers.frame_score import (
    BoxMaximum,
    FrameMean,
    FrameScoreConfig,
    GradientNormalised,
    box_blur,
    box_mean,
    build_frame_score,
    gradient_energy,
)


def one_square(value: float, *, side: int = 4) -> torch.Tensor:
    error_BTHW = torch.zeros(1, 1, 16, 20)
    error_BTHW[0, 0, 3 : 3 + side, 5 : 5 + side] = value
    return error_BTHW


def test_mean_and_box_maximum_by_hand():
    error, picture = one_square(2.0), torch.zeros(1, 1, 1, 16, 20)
    assert FrameMean()(error, picture, picture).item() == pytest.approx(2 * 16 / 320)
    assert BoxMaximum(box_px=4)(error, picture, picture).item() == pytest.approx(2.0)
    assert BoxMaximum(box_px=8)(error, picture, picture).item() == pytest.approx(2.0 / 4)


def test_box_mean_stays_inside_the_picture():
    assert box_mean(torch.rand(1, 1, 16, 20), box_px=5).shape == (1, 1, 12, 16)


def test_box_blur_spreads_a_point_and_forgets_what_lies_outside():
    point = torch.zeros(1, 1, 6, 8)
    point[0, 0, 2, 3] = 9.0
    blurred = box_blur(point, box_px=3)
    assert blurred.shape == point.shape
    expected = torch.zeros(6, 8)
    expected[1:4, 2:5] = 1.0
    torch.testing.assert_close(blurred[0, 0], expected)
    corner = torch.zeros(1, 1, 6, 8)
    corner[0, 0, 0, 0] = 4.0
    assert box_blur(corner, box_px=3)[0, 0, 0, 0].item() == pytest.approx(1.0)


@pytest.mark.parametrize("box_px", [1, 2, 3, 4, 6, 30])
def test_box_blur_leaves_an_even_picture_alone(box_px):
    even = torch.full((2, 3, 6, 8), 0.7)
    torch.testing.assert_close(box_blur(even, box_px=box_px), even)


def test_box_blur_takes_the_next_odd_box_so_that_nothing_moves():
    picture = torch.rand(1, 2, 7, 9)
    assert torch.equal(box_blur(picture, box_px=1), picture)
    assert torch.equal(box_blur(picture, box_px=2), box_blur(picture, box_px=3))
    inside = box_blur(picture, box_px=3)[:, :, 1:-1, 1:-1]
    torch.testing.assert_close(inside, box_mean(picture, box_px=3))


def test_gradient_energy_of_a_ramp():
    ramp = torch.arange(6.0).repeat(5, 1)[None, None, None]
    energy = gradient_energy(ramp)
    assert torch.equal(energy[0, 0, :, :-1], torch.ones(5, 5))
    assert torch.equal(energy[0, 0, :, -1], torch.zeros(5))


def test_gradient_normalised_prefers_error_on_a_plain_surface():
    torch.manual_seed(0)
    picture = torch.zeros(1, 1, 1, 16, 40)
    picture[..., 20:] = torch.rand(16, 20)
    score = GradientNormalised(box_px=8, floor=1.0)
    on_texture = F.pad(torch.ones(1, 1, 8, 8), (28, 4, 4, 4))
    on_plain = F.pad(torch.ones(1, 1, 8, 8), (4, 28, 4, 4))
    assert score(on_plain, picture, picture) > 2 * score(on_texture, picture, picture)


def test_displacement_measures_a_shift_in_pixels():
    torch.manual_seed(0)
    picture = F.interpolate(torch.rand(1, 1, 12, 16), scale_factor=8, mode="bicubic").clamp(0, 1)
    shifted = torch.roll(picture, 3, dims=-1)
    score = build_frame_score(FrameScoreConfig(name="displacement"), size_px=(96, 128))
    error = torch.zeros(1, 1, 96, 128)
    assert score(error, shifted[:, None], picture[:, None]).item() == pytest.approx(3.0, abs=0.5)
    assert score(error, picture[:, None], picture[:, None]).item() == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize("name", ["mean", "box-maximum", "gradient-normalised", "displacement"])
def test_every_choice_gives_a_score_by_frame(name):
    choice = build_frame_score(FrameScoreConfig(name=name), size_px=(24, 32))
    clip = torch.rand(2, 3, 1, 24, 32)
    assert choice(torch.rand(2, 3, 24, 32), clip, clip).shape == (2, 3)
