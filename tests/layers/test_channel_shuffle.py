import math

import pytest
import torch
from torch import nn

from normalcy.layers.channel_shuffle import ChannelShuffle


def two_streams(channels=8, frames=6) -> tuple[torch.Tensor, torch.Tensor]:
    high, low = torch.randn(2, 2, frames, channels, 4, 5, generator=torch.Generator().manual_seed(0))
    return high, low


def test_weights_sum_to_1_and_scale_the_streams():
    torch.manual_seed(0)
    shuffle = ChannelShuffle(8)
    high, low = two_streams()
    weights = shuffle.weights(high, low)
    assert weights.shape == (2, 2, 6, 8)
    assert torch.allclose(weights.sum(dim=0), torch.ones(2, 6, 8))
    assert weights.std() > 0.01
    new_high, new_low = shuffle(high, low)
    assert torch.allclose(new_high, high * weights[0, ..., None, None])
    assert torch.allclose(new_low, low * weights[1, ..., None, None])


def test_weights_by_hand():
    shuffle = ChannelShuffle(2)
    for parameter in shuffle.parameters():
        nn.init.zeros_(parameter)
    high, low = two_streams(2)
    assert torch.equal(shuffle(high, low)[0], high / 2)
    with torch.no_grad():
        shuffle.high.bias[0] = math.log(3)
    new_high, new_low = shuffle(high, low)
    assert torch.allclose(new_high, high * torch.tensor([0.75, 0.5])[:, None, None])
    assert torch.allclose(new_low, low * torch.tensor([0.25, 0.5])[:, None, None])


def test_weights_by_hand_through_gate_and_squeeze():
    shuffle = ChannelShuffle(1)
    for parameter in shuffle.parameters():
        nn.init.zeros_(parameter)
    with torch.no_grad():
        shuffle.squeeze.weight[0, 0] = 1.0
        shuffle.high.weight[0, 0] = 1.0
    # Both pictures are 1 on average: their sum is 2, the gate a half, so the high stream's FC says 1, the other 0.
    weights = shuffle.weights(torch.ones(1, 1, 1, 2, 2), torch.ones(1, 1, 1, 2, 2))
    assert weights[0].item() == pytest.approx(1 / (1 + math.exp(-1)))


def test_exchanging_streams_and_their_layers_exchanges_what_comes_out():
    torch.manual_seed(0)
    shuffle, exchanged = ChannelShuffle(8), ChannelShuffle(8)
    state = shuffle.state_dict()
    other_way = {"high": "low", "low": "high"}
    exchanged.load_state_dict(
        {
            ".".join([other_way.get(first, first), rest]): state[f"{first}.{rest}"]
            for first, rest in map(parts, state)
        }
    )
    high, low = two_streams()
    new_high, new_low = shuffle(high, low)
    also_low, also_high = exchanged(low, high)
    assert torch.allclose(new_high, also_high)
    assert torch.allclose(new_low, also_low)
    assert not torch.allclose(new_high, shuffle(low, high)[1])


def parts(key: str) -> tuple[str, str]:
    first, rest = key.split(".")
    return first, rest


def test_a_frame_bears_on_its_neighbours_only():
    torch.manual_seed(0)
    shuffle = ChannelShuffle(8)
    high, low = two_streams()
    changed = high.clone()
    changed[:, 2] += 1.0
    difference_T = (shuffle.weights(high, low) - shuffle.weights(changed, low)).abs().amax(dim=(0, 1, 3))
    assert torch.equal(difference_T > 1e-7, torch.tensor([False, True, True, True, False, False]))


@pytest.mark.parametrize(("channels", "squeezed"), [(8, 32), (64, 32), (66, 33), (128, 64)])
def test_squeezed_width(channels, squeezed):
    assert ChannelShuffle(channels).squeeze.out_features == squeezed


def test_precision_of_the_streams_is_kept():
    high, low = (stream.bfloat16() for stream in two_streams())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        shuffle = ChannelShuffle(8)
        assert shuffle.weights(high, low).dtype == torch.float32
        assert all(stream.dtype == torch.bfloat16 for stream in shuffle(high, low))


def test_gradients_reach_every_parameter_and_both_streams():
    torch.manual_seed(0)
    shuffle = ChannelShuffle(8)
    high, low = (stream.requires_grad_() for stream in two_streams())
    sum(stream.square().sum() for stream in shuffle(high, low)).backward()
    tensors = [*shuffle.parameters(), high, low]
    assert all(tensor.grad.abs().sum() > 0 for tensor in tensors)
