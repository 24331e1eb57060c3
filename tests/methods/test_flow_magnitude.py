import numpy as np
import pytest
import torch

from normalcy.methods.flow_magnitude import FlowMagnitude, FlowMagnitudeConfig


def clip_of_moving_texture(shift_px: int) -> torch.Tensor:
    rng = np.random.default_rng(0)
    texture = torch.from_numpy(rng.random((1, 1, 12, 18), np.float32))
    picture = torch.nn.functional.interpolate(texture, scale_factor=8, mode="bicubic").clamp(0, 1)[0]
    moved = picture.clone()
    moved[:, 30:70, 40:100] = picture[:, 30:70, 40 - shift_px : 100 - shift_px]
    return torch.stack([picture, moved])[None]


@pytest.mark.parametrize("shift_px", [2, 4])
def test_score_is_the_speed_of_the_fastest_place(shift_px):
    method = FlowMagnitude(FlowMagnitudeConfig(size_px=(96, 144), blur_fraction=0.1))
    scores = method(clip_of_moving_texture(shift_px))
    assert scores.score_BT.item() == pytest.approx(shift_px, rel=0.25)
    y, x = divmod(int(scores.map_BTHW.argmax()), 144)
    assert 28 <= y <= 72
    assert 36 <= x <= 104


def test_nothing_moves():
    clip = clip_of_moving_texture(2)[:, :1].repeat(1, 2, 1, 1, 1)
    assert FlowMagnitude(FlowMagnitudeConfig(size_px=(96, 144)))(clip).score_BT.item() < 0.01
