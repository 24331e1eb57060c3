import math

import pytest
import torch
from torch import nn

from normalcy.layers.patch_discriminator import PatchDiscriminator
from normalcy.layers.receptive_field import receptive_fields


def small(channels=1) -> PatchDiscriminator:
    torch.manual_seed(0)
    return PatchDiscriminator(channels, widths=(4, 8, 8, 8))


def test_layers_are_the_papers():
    with torch.device("meta"):
        layers = [layer for layer in PatchDiscriminator(3).modules() if isinstance(layer, nn.Conv2d)]
    assert [(layer.in_channels, layer.out_channels) for layer in layers] == [
        (3, 128),
        (128, 256),
        (256, 512),
        (512, 512),
        (512, 1),
    ]
    assert {layer.padding for layer in layers} == {(1, 1)}
    stack = [(layer.kernel_size[0], layer.stride[0]) for layer in layers]
    assert receptive_fields(stack) == (1, 4, 7, 16, 34, 70)


@pytest.mark.parametrize(
    ("shape", "patches"),
    [((1, 1, 256, 256), (30, 30)), ((3, 3, 128, 128), (14, 14)), ((5, 1, 72, 101), (7, 10))],
)
def test_one_probability_for_each_patch(shape, patches):
    with torch.inference_mode():
        probability_Nhw = small(shape[1])(torch.rand(shape))
    assert probability_Nhw.shape == (shape[0], *patches)
    assert probability_Nhw.std() > 0
    assert 0 < probability_Nhw.min() < probability_Nhw.max() < 1


def test_probability_by_hand():
    discriminator = PatchDiscriminator(1, widths=(1,), strides=(2,))
    for parameter in discriminator.parameters():
        nn.init.zeros_(parameter)
    assert torch.equal(discriminator(torch.rand(1, 1, 8, 8)), torch.full((1, 3, 3), 0.5))
    with torch.no_grad():
        discriminator.convs[0][0].bias.fill_(-1)
        discriminator.head.weight.fill_(1)
    # Each of the 4x4 features is -0.2; the middle unit adds up sixteen of them, those in the corners nine.
    probability_hw = discriminator(torch.rand(1, 1, 8, 8))[0]
    assert probability_hw[1, 1].item() == pytest.approx(1 / (1 + math.exp(3.2)))
    assert probability_hw[0, 2].item() == pytest.approx(1 / (1 + math.exp(1.8)))


def test_a_picture_is_judged_without_the_others_of_its_batch():
    discriminator, pictures = small().train(), torch.rand(3, 1, 64, 64)
    alone = torch.cat([discriminator(picture[None]) for picture in pictures])
    assert torch.allclose(discriminator(pictures), alone, atol=1e-6)


def test_probabilities_near_1_are_told_apart_under_autocast():
    discriminator, pictures = small(), torch.rand(2, 1, 64, 64)
    nn.init.constant_(discriminator.head.bias, 6.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        probability_Nhw = discriminator(pictures)
    assert probability_Nhw.dtype == torch.float32
    assert 0.99 < probability_Nhw.min() < probability_Nhw.max() < 1
    assert torch.allclose(probability_Nhw, discriminator(pictures), atol=1e-3)


def test_gradients_reach_every_parameter_and_the_pictures():
    discriminator, pictures = small(3), torch.rand(3, 3, 32, 48, requires_grad=True)
    discriminator(pictures).square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in discriminator.parameters())
    assert pictures.grad.abs().sum(dim=(1, 2, 3)).min() > 0


def test_layers_keep_the_size_of_what_they_see_at_first():
    torch.manual_seed(0)
    features = torch.randn(4, 16, 64, 64)
    for layer in PatchDiscriminator(16, widths=(64, 64, 64, 64)).convs:
        features = layer(features)
        # Padding takes a little at the border.
        assert 0.25 < features.square().mean() < 1


def test_each_width_has_its_stride():
    with pytest.raises(ValueError, match=r"widths \(4, 8\) and strides \(2, 2, 2, 1\)"):
        PatchDiscriminator(1, widths=(4, 8))
