import pytest
import torch
from scipy import ndimage

from normalcy.layers.frequency_split import FrequencySplit

KINDS = ["pyramid", "laplacian", "none"]


def gradient_energy(x: torch.Tensor) -> float:
    return (x.diff(dim=-1).square().mean() + x.diff(dim=-2).square().mean()).item()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size_px", [(16, 24), (17, 23), (1, 2)])
@pytest.mark.parametrize("value_range", [(0.0, 1.0), (-1.0, 1.0)])
def test_the_parts_sum_to_the_clip(kind, channels, size_px, value_range):
    torch.manual_seed(0)
    low_value, high_value = value_range
    clip = torch.rand(2, 3, channels, *size_px) * (high_value - low_value) + low_value
    high, low = FrequencySplit(kind)(clip)
    assert high.shape == low.shape == clip.shape
    assert torch.allclose(high + low, clip, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_it_stays_in_float32_where_the_rest_does_not(kind):
    torch.manual_seed(0)
    clip, split = torch.rand(1, 2, 1, 17, 16), FrequencySplit(kind)
    expected = split(clip)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = split(clip)
    assert all(part.dtype == torch.float32 for part in found)
    assert all(torch.equal(part, other) for part, other in zip(found, expected, strict=True))


@pytest.mark.parametrize(
    ("kind", "at_line", "beside_line"), [("pyramid", -90 / 128, 28 / 128), ("laplacian", 2, -1)]
)
def test_detail_keeps_its_sign(kind, at_line, beside_line):
    picture = torch.ones(1, 1, 1, 16, 16)
    picture[..., 8] = 0.0
    high, _ = FrequencySplit(kind)(picture)
    assert torch.allclose(high[..., 8], torch.tensor(float(at_line)), atol=1e-6)
    assert torch.allclose(high[..., 7], torch.tensor(float(beside_line)), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_integers_are_split_like_the_numbers_they_are(kind):
    torch.manual_seed(0)
    clip = torch.randint(0, 256, (1, 2, 1, 16, 16), dtype=torch.uint8)
    split = FrequencySplit(kind)
    high, low = split(clip)
    assert torch.equal(high, split(clip.float())[0])
    assert torch.equal((high + low).round().to(torch.uint8), clip)
    assert kind == "none" or high.min() < -10 < 10 < high.max()


@pytest.mark.parametrize("kind", ["pyramid", "laplacian"])
@pytest.mark.parametrize("size_px", [(16, 24), (17, 23)])
def test_a_plain_picture_has_no_detail_up_to_the_border(kind, size_px):
    high, low = FrequencySplit(kind)(torch.full((1, 1, 1, *size_px), 0.7))
    assert high.abs().max() < 1e-6
    assert torch.allclose(low, torch.tensor(0.7), atol=1e-6)


@pytest.mark.parametrize("kind", ["pyramid", "laplacian"])
@pytest.mark.parametrize("size_px", [(16, 24), (17, 23)])
def test_a_ramp_is_all_low_and_in_its_place(kind, size_px):
    height, width = size_px
    ramp = (torch.arange(float(width)) + 2 * torch.arange(float(height))[:, None]) / 64
    high, low = FrequencySplit(kind)(ramp[None, None, None])
    inside = (slice(4, -4), slice(4, -4))
    assert high[0, 0, 0][inside].abs().max() < 1e-6
    # Half a pixel of shift would be 1/128 across and 1/64 down.
    assert torch.allclose(low[0, 0, 0][inside], ramp[inside], atol=1e-6)


def test_a_chessboard_of_single_pixels_is_all_high():
    board = ((torch.arange(17) + torch.arange(24)[:, None]) % 2).float()[None, None, None]
    _, low = FrequencySplit("pyramid")(board)
    assert torch.allclose(low[..., 4:-4, 4:-4], torch.tensor(0.5), atol=1e-6)
    assert low.std() < 0.1 * board.std()


def test_laplacian_is_that_of_scipy():
    torch.manual_seed(0)
    clip = torch.rand(2, 3, 3, 9, 12)
    high, _ = FrequencySplit("laplacian")(clip)
    expected = ndimage.laplace(clip.numpy(), mode="nearest", axes=(3, 4))
    assert torch.allclose(high, torch.from_numpy(expected), atol=1e-5)


def test_what_a_laplacian_leaves_is_sharper_and_what_a_pyramid_leaves_softer():
    torch.manual_seed(0)
    clip = torch.rand(1, 1, 1, 32, 32)
    energy = gradient_energy(clip)
    assert gradient_energy(FrequencySplit("laplacian")(clip)[1]) > 2 * energy
    assert gradient_energy(FrequencySplit("pyramid")(clip)[1]) < 0.2 * energy


def test_planes_do_not_mix():
    clip = torch.zeros(2, 2, 3, 8, 8)
    clip[1, 0, 2, 4, 4] = 1.0
    for part in FrequencySplit("pyramid")(clip):
        energy_BTC = part.square().sum(dim=(3, 4))
        assert energy_BTC[1, 0, 2] > 0.01
        assert torch.count_nonzero(energy_BTC) == 1


def test_gradients_pass_and_nothing_is_saved():
    clip = torch.rand(1, 1, 1, 17, 16, requires_grad=True)
    split = FrequencySplit("pyramid")
    high, low = split(clip)
    (2 * high.sum() + 3 * low.sum()).backward()
    # Away from the border the low band keeps the picture's sum, so that the high band has none.
    assert torch.allclose(clip.grad[..., 8, 7], torch.tensor(3.0), atol=1e-6)
    assert split.state_dict() == {}


@pytest.mark.parametrize("size_px", [(16, 24), (9, 13), (7, 8)])
def test_graphs_split_in_the_same_way(size_px):
    clip_BTCHW = torch.rand(2, 3, 1, *size_px)
    split = FrequencySplit("pyramid")
    exported = torch.export.export(split, (clip_BTCHW,)).module()
    for ours, graphs in zip(split(clip_BTCHW), exported(clip_BTCHW), strict=True):
        torch.testing.assert_close(ours, graphs, atol=1e-6, rtol=0)
