import pytest
import torch
from torch import nn

from normalcy.layers.shapes import use_channels_last
from normalcy.layers.unet import UNet

SMALL = (4, 8, 16)


def small(channels_in=4, channels_out=1, **options) -> UNet:
    torch.manual_seed(0)
    return UNet(channels_in, channels_out, widths=SMALL, **options)


def test_layers_are_the_papers():
    with torch.device("meta"):
        unet = UNet(12, 3)
    shapes = [tuple(parameter.shape) for parameter in unet.parameters() if parameter.dim() == 4]
    assert shapes == [
        *[(64, 12, 3, 3), (64, 64, 3, 3), (128, 64, 3, 3), (128, 128, 3, 3)],
        *[(256, 128, 3, 3), (256, 256, 3, 3), (512, 256, 3, 3), (512, 512, 3, 3)],
        *[(128, 64, 2, 2), (256, 128, 2, 2), (512, 256, 2, 2)],
        *[(64, 128, 3, 3), (64, 64, 3, 3), (128, 256, 3, 3), (128, 128, 3, 3)],
        *[(256, 512, 3, 3), (256, 256, 3, 3), (3, 64, 3, 3)],
    ]
    for level in [*unet.down, *unet.join]:
        assert [type(layer) for layer in level] == [nn.Conv2d, nn.ReLU, nn.Conv2d, nn.ReLU]
    kinds = {type(module) for module in unet.modules() if not list(module.children())}
    assert kinds == {nn.Conv2d, nn.ConvTranspose2d, nn.ReLU, nn.Tanh}


@pytest.mark.parametrize("channels", [(4, 1), (12, 3)])
@pytest.mark.parametrize(("batch", "size_px"), [(1, (16, 24)), (3, (4, 8)), (5, (12, 12))])
def test_pictures_keep_their_size(channels, batch, size_px):
    channels_in, channels_out = channels
    with torch.inference_mode():
        out = small(channels_in, channels_out)(torch.rand(batch, channels_in, *size_px))
    assert out.shape == (batch, channels_out, *size_px)


def test_output_by_hand():
    unet = UNet(1, 1, widths=(1, 1), activation="none")
    for parameter in unet.parameters():
        nn.init.zeros_(parameter)
    convs = [layer for layer in unet.modules() if isinstance(layer, nn.Conv2d)]
    with torch.no_grad():
        for conv in convs:
            conv.weight[:, :, 1, 1] = 1
        unet.join[0][0].weight[0, :, 1, 1] = torch.tensor([1.0, 10.0])
        unet.up[0].weight[0, 0] = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    picture = torch.tensor([[1.0, 5.0, -1.0, -2.0], [2.0, 3.0, -3.0, 7.0]])
    # What is negative is cut off; 5 and 7 are pooled, and grow by 1 2 / 3 4.
    skip = torch.tensor([[1.0, 5.0, 0.0, 0.0], [2.0, 3.0, 0.0, 7.0]])
    grown = torch.tensor([[5.0, 10.0, 7.0, 14.0], [15.0, 20.0, 21.0, 28.0]])
    assert torch.allclose(unet(picture[None, None])[0, 0], skip + 10 * grown)


def test_tanh_comes_last_and_can_be_left_out():
    pictures = torch.randn(2, 4, 8, 8) * 1000
    plain = small(activation="none")(pictures)
    assert plain.abs().max() > 1
    assert torch.allclose(small()(pictures), plain.tanh())
    with pytest.raises(KeyError):
        small(activation="sigmoid")


@pytest.mark.parametrize("activation", ["tanh", "none"])
def test_started_at_zero_it_adds_nothing_and_can_learn(activation):
    unet = small(activation=activation)
    nn.init.ones_(unet.head.bias)
    unet.start_at_zero()
    out = unet(torch.rand(3, 4, 8, 8))
    assert torch.equal(out, torch.zeros(3, 1, 8, 8))
    (out - 1).square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in unet.head.parameters())


def test_gradients_reach_every_parameter_and_the_pictures():
    unet, pictures = small(), torch.rand(3, 4, 16, 16, requires_grad=True)
    unet(pictures).square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in unet.parameters())
    assert pictures.grad.abs().sum(dim=(2, 3)).min() > 0


def test_a_picture_is_predicted_without_the_others_of_its_batch():
    unet, pictures = small().train(), torch.rand(3, 4, 8, 8)
    alone = torch.cat([unet(picture[None]) for picture in pictures])
    assert torch.allclose(unet(pictures), alone, atol=1e-6)


def test_bfloat16_with_channels_last_is_close():
    unet, pictures = small(), torch.randn(2, 4, 16, 16)
    expected = unet(pictures)
    use_channels_last(unet)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = unet(pictures)
    assert (out - expected).abs().max() < 0.05 * expected.abs().max()


def test_weights_start_with_glorots_spread():
    with torch.no_grad():
        weight = UNet(8, 1, widths=(64, 128)).down[1][0].weight
    # Uniform within the square root of 6 / (fan-in + fan-out).
    bound = (6 / (9 * (64 + 128))) ** 0.5
    assert 0.99 * bound < weight.abs().max() <= bound
    assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.02)
    assert all(parameter.abs().max() == 0 for parameter in small().parameters() if parameter.dim() == 1)


@pytest.mark.parametrize("size_px", [(18, 24), (24, 6)])
def test_a_size_that_cannot_be_halved_is_refused(size_px):
    height, width = size_px
    with pytest.raises(ValueError, match=rf"\(2, 4, {height}, {width}\).*multiples of 4.*2 levels"):
        small()(torch.rand(2, 4, height, width))
