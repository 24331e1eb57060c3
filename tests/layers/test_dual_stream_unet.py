import copy

import pytest
import torch
from torch import nn

from normalcy.layers.dual_stream_unet import DualStreamUNet, LevelMix, StreamUNet


def made(channels_in=1, channels_out=1, **settings) -> DualStreamUNet:
    torch.manual_seed(0)
    defaults = {
        "widths": (4, 8, 12),
        "stem_stride": 1,
        "shuffle": True,
        "heads": 2,
        "frames": 4,
        "grid_strides": (2, 1, 1),
    }
    return DualStreamUNet(channels_in, channels_out, **defaults | settings)


def two_streams(channels=1, frames=4, size_px=(8, 16)) -> tuple[torch.Tensor, torch.Tensor]:
    high, low = torch.randn(2, 2, frames, channels, *size_px, generator=torch.Generator().manual_seed(0))
    return high, low


def size(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def backward(network: DualStreamUNet) -> tuple[torch.Tensor, torch.Tensor]:
    high, low = network(*two_streams())
    (high.square().mean() + (low - 1).square().mean()).backward()
    return high, low


@pytest.mark.parametrize("stem_stride", [1, 2])
@pytest.mark.parametrize("widths", [(4, 8), (4, 8, 12)])
@pytest.mark.parametrize(("channels_in", "channels_out", "frames"), [(1, 1, 4), (2, 1, 5), (3, 3, 1)])
def test_both_streams_come_out_in_the_size_they_went_in(
    stem_stride, widths, channels_in, channels_out, frames
):
    network = made(channels_in, channels_out, widths=widths, stem_stride=stem_stride)
    for stream in network(*two_streams(channels_in, frames)):
        assert stream.shape == (2, frames, channels_out, 8, 16)


def test_levels_halve_the_picture_and_the_stem_divides_it():
    stream = StreamUNet(1, 1, widths=(4, 8, 12), stem_stride=2)
    x = torch.rand(1, 2, 1, 16, 24)
    shapes = [(x := stream.encode(level, x)).shape[2:] for level in range(3)]
    assert shapes == [(4, 8, 12), (8, 4, 6), (12, 2, 3)]


@pytest.mark.parametrize("stem_stride", [1, 2])
def test_gradients_reach_every_parameter(stem_stride):
    network = made(stem_stride=stem_stride)
    backward(network)
    lacking = [name for name, parameter in network.named_parameters() if not parameter.grad.abs().sum() > 0]
    assert lacking == []


def test_mixing_layers_are_built_once_and_trained():
    network = made()
    mixing = {name: parameter for name, parameter in network.named_parameters() if name.startswith("mix_")}
    before = {name: parameter.detach().clone() for name, parameter in mixing.items()}
    kinds = {name.split(".")[2] for name in mixing}
    assert kinds == {"shuffle", "attention"}
    assert len({name.rsplit(".", 1)[0].split(".shuffle")[0].split(".attention")[0] for name in mixing}) == 5
    backward(network)
    torch.optim.Adam(network.parameters(), lr=0.01).step()
    assert all(not torch.equal(mixing[name], before[name]) for name in mixing)
    assert mixing.keys() <= dict(network.named_parameters()).keys()


def test_detail_passes_by_the_bottleneck():
    network = made(shuffle=False, heads=0).eval()
    for up in (*network.high.up, *network.low.up):
        nn.init.zeros_(up.weight)
        nn.init.zeros_(up.bias)
    high, low = two_streams()
    changed = high.clone()
    changed[:, 0, :, 4, 4] += 1.0
    before, after = network(high, low)[0], network(changed, low)[0]
    assert (before - after)[:, 0].abs().max() > 1e-4
    # Level 0 alone sees a few pixels around: so this came along the first skip connection.
    assert torch.equal(before[..., 9:], after[..., 9:])


def test_every_skip_connection_is_used():
    stream = StreamUNet(1, 1, widths=(4, 8, 12), stem_stride=1).eval()
    x = torch.rand(1, 2, 1, 8, 8)
    first = stream.encode(0, x)
    second = stream.encode(1, first)
    deepest = stream.encode(2, second)
    for level, deep, skip in [(1, deepest, second), (0, second, first)]:
        out = stream.decode(level, deep, skip)
        assert out.shape == skip.shape
        assert not torch.allclose(out, stream.decode(level, deep, torch.zeros_like(skip)), atol=1e-3)
        assert not torch.allclose(out, stream.decode(level, torch.zeros_like(deep), skip), atol=1e-3)


def test_only_shuffling_lets_the_streams_hear_each_other():
    for shuffle in (True, False):
        high, low = (stream.requires_grad_() for stream in two_streams())
        made(shuffle=shuffle)(high, low)[0].square().sum().backward()
        assert high.grad.abs().sum() > 0
        assert (low.grad is not None) == shuffle


def test_parts_that_are_switched_off_are_absent():
    whole, no_shuffle, no_heads = made(), made(shuffle=False), made(heads=0)
    bare = made(shuffle=False, heads=0)
    assert size(bare) < min(size(no_shuffle), size(no_heads)) < size(whole)
    assert size(whole) - size(no_shuffle) == size(no_heads) - size(bare)
    assert not any(name.startswith("mix_") for name, _ in bare.named_parameters())
    high, low = two_streams()
    assert bare(high, low)[0].shape == high.shape
    kept_high, kept_low = LevelMix(4, shuffle=False, heads=0, frames=4, grid_stride=1)(high, low)
    assert kept_high is high
    assert kept_low is low


def test_weights_come_with_the_same_streams():
    network = made().eval()
    high, low = two_streams()
    expected = network(high, low)
    found, weights, _ = network.with_weights(high, low)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(found, expected, strict=True))
    # The bottleneck of 8 x 16 pixels has 2 x 4 places.
    assert [each.shape for each in weights] == [(2, 2, 8, 4, 4)] * 2
    assert all(torch.allclose(each.sum(dim=-1), torch.ones(2, 2, 8, 4)) for each in weights)
    assert not torch.allclose(*weights)


@pytest.mark.parametrize("shuffle", [True, False])
def test_without_attention_there_are_no_weights(shuffle):
    network = made(heads=0, shuffle=shuffle).eval()
    high, low = two_streams()
    found, weights, _ = network.with_weights(high, low)
    assert weights == ()
    assert torch.allclose(found[0], network(high, low)[0], atol=1e-6)


@pytest.mark.parametrize("heads", [0, 2])
def test_computing_levels_again_changes_nothing(heads):
    network = made(heads=heads)
    frugal = copy.deepcopy(network)
    frugal.checkpointed = True
    for expected, found in zip(backward(network), backward(frugal), strict=True):
        assert torch.allclose(found, expected, atol=1e-6)
    for (name, expected), found in zip(network.named_parameters(), frugal.parameters(), strict=True):
        assert torch.allclose(found.grad, expected.grad, rtol=1e-4, atol=1e-6), name
    for (name, expected), found in zip(network.named_buffers(), frugal.buffers(), strict=True):
        assert torch.equal(found, expected), name
    counts = [count.item() for name, count in frugal.named_buffers() if name.endswith("num_batches_tracked")]
    assert set(counts) == {1}


def test_two_backward_passes_count_one_batch():
    network = made(checkpointed=True)
    high, _ = network(*two_streams())
    first = network.high.down[0][0][0].weight
    (once,) = torch.autograd.grad(high.square().sum(), first, retain_graph=True)
    (again,) = torch.autograd.grad(high.square().sum(), first)
    assert torch.allclose(once, again)
    assert network.high.down[0][0][1].num_batches_tracked == 1


def test_levels_are_computed_again_only_in_training():
    network = made(checkpointed=True)
    runs = []
    for mix in (*network.mix_down, *network.mix_up):
        mix.shuffle.register_forward_pre_hook(lambda module, _: runs.append(module))
    backward(network)
    assert len(runs) == 2 * len(set(runs)) == 2 * 5
    network.eval()
    backward(network)
    assert len(runs) == 3 * 5


def test_levels_are_computed_again_with_the_attention_weights_too():
    network = made()
    frugal = copy.deepcopy(network)
    frugal.checkpointed = True
    runs = []
    frugal.mix_down[-1].shuffle.register_forward_pre_hook(lambda *_: runs.append("run"))
    for each in (network, frugal):
        (high, low), weights, _ = each.with_weights(*two_streams())
        (high.square().mean() + low.mean() + sum(one.square().mean() for one in weights)).backward()
    assert len(runs) == 2
    for (name, expected), found in zip(network.named_parameters(), frugal.parameters(), strict=True):
        assert torch.allclose(found.grad, expected.grad, rtol=1e-4, atol=1e-6), name
    for (name, expected), found in zip(network.named_buffers(), frugal.buffers(), strict=True):
        assert torch.equal(found, expected), name


def test_it_can_start_from_nothing():
    network = made()
    network.start_at_zero()
    assert all(torch.count_nonzero(stream) == 0 for stream in network(*two_streams()))
    backward(network)
    assert network.low.head.weight.grad.abs().sum() > 0
