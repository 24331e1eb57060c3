import pytest
import torch
from pydantic import ValidationError
from torch import nn

from normalcy.layers.temporal_attention import TemporalAttention
from normalcy.layers.video_discriminator import ConvSpec, VideoDiscriminator

PAPER = (ConvSpec(channels=64), ConvSpec(channels=128), ConvSpec(channels=256, kernel=3, stride=1))
COMPACT = (ConvSpec(channels=32), ConvSpec(channels=64), ConvSpec(channels=100, padding=0))
SMALL = (ConvSpec(channels=4), ConvSpec(channels=8))


def made(layers=SMALL, *, attention=True, heads=2) -> VideoDiscriminator:
    torch.manual_seed(0)
    return VideoDiscriminator(1, layers=layers, attention=attention, heads=heads, frames=4)


@pytest.mark.parametrize(
    ("layers", "size_px", "shapes"),
    [
        (PAPER, 224, [(64, 112, 112), (128, 56, 56), (256, 56, 56)]),
        (COMPACT, 64, [(32, 32, 32), (64, 16, 16), (100, 7, 7)]),
    ],
)
def test_sizes_of_the_presets(layers, size_px, shapes):
    with torch.inference_mode():
        judgement = made(layers, heads=4)(torch.rand(1, 2, 1, size_px, size_px))
    assert [feature.shape for feature in judgement.features] == [(1, 2, *shape) for shape in shapes]
    assert judgement.logits_BThw.shape == (1, 2, *shapes[-1][1:])


def test_only_the_first_layer_has_no_batch_norm():
    kinds = [[type(layer) for layer in conv] for conv in made(COMPACT, heads=4).convs]
    assert kinds == [
        [nn.Conv2d, nn.LeakyReLU],
        [nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU],
        [nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU],
    ]


def test_logits_judge_the_attended_features():
    discriminator = made().eval()
    clip = torch.rand(2, 4, 1, 16, 16)
    judgement = discriminator(clip)
    first, attended = judgement.features
    expected = discriminator.convs[0](clip.flatten(0, 1)).unflatten(0, (2, 4))
    assert torch.allclose(first, expected, atol=1e-6)
    second = discriminator.convs[1](expected.flatten(0, 1)).unflatten(0, (2, 4))
    assert torch.allclose(attended, discriminator.attention(second), atol=1e-6)
    logits = discriminator.head(attended.flatten(0, 1))[:, 0].unflatten(0, (2, 4))
    assert torch.allclose(judgement.logits_BThw, logits, atol=1e-6)


@pytest.mark.parametrize("attention", [True, False])
def test_frames_are_judged_together_only_with_attention(attention):
    discriminator = made(attention=attention).eval()
    clip = torch.rand(1, 4, 1, 16, 16)
    changed = clip.clone()
    changed[:, 0] += 1.0
    difference_T = (
        (discriminator(clip).logits_BThw - discriminator(changed).logits_BThw).abs().amax(dim=(0, 2, 3))
    )
    assert (difference_T > 1e-7).tolist() == [True, *[attention] * 3]
    assert any(isinstance(module, TemporalAttention) for module in discriminator.modules()) == attention


def test_gradients_reach_every_parameter_and_the_clip():
    discriminator = made()
    clip = torch.rand(2, 4, 1, 16, 16, requires_grad=True)
    discriminator(clip).logits_BThw.square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in discriminator.parameters())
    assert clip.grad.abs().sum() > 0


def test_a_layer_has_no_settings_but_its_own():
    with pytest.raises(ValidationError):
        ConvSpec(channels=4, dilation=2)
