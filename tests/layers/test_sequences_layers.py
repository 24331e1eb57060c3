import pytest
import torch

from normalcy.layers.masked_lstm import MaskedBiLstm, masked_mean
from normalcy.layers.sequence_attention import SequenceAttention


def there(*lengths, frames=None):
    longest = frames or max(lengths)
    return torch.arange(longest)[None] < torch.tensor(lengths)[:, None]


@pytest.fixture
def x():
    torch.manual_seed(0)
    return torch.randn(2, 5, 8)


def test_attention_weights_sum_to_one_over_what_is_there(x):
    weights = SequenceAttention(8, heads=2)(x, there(5, 3)).weights_BATT
    assert weights.shape == (2, 2, 5, 5)
    assert torch.allclose(weights.sum(-1), torch.ones(2, 2, 5))
    assert (weights[1, ..., 3:] == 0).all()


def test_attention_of_equal_keys_is_even(x):
    layer = SequenceAttention(8, heads=2)
    with torch.no_grad():
        layer.query_key_value.weight.zero_()
        layer.query_key_value.bias.zero_()
    weights = layer(x, there(4, 2, frames=5)).weights_BATT
    assert torch.allclose(weights[0, :, :, :4], torch.full((2, 5, 4), 0.25))
    assert torch.allclose(weights[1, :, :, :2], torch.full((2, 5, 2), 0.5))


def test_what_fills_up_changes_no_attention(x):
    layer, short = SequenceAttention(8, heads=2), x[:, :3]
    long = torch.cat([short, 1e3 * torch.randn(2, 4, 8)], dim=1)
    alone, filled = layer(short, there(3, 3)), layer(long, there(3, 3, frames=7))
    assert torch.allclose(alone.x_BTD, filled.x_BTD[:, :3], atol=1e-6)
    assert torch.allclose(alone.weights_BATT, filled.weights_BATT[..., :3, :3], atol=1e-6)


def test_attention_needs_equal_heads():
    with pytest.raises(ValueError, match="no 3 equal heads"):
        SequenceAttention(8, heads=3)


def test_lstm_stops_at_the_end_of_each_sequence(x):
    torch.manual_seed(1)
    layer = MaskedBiLstm(8, 4)
    both = layer(x, there(5, 3))
    assert both.shape == (2, 5, 8)
    assert torch.allclose(both[1:, :3], layer(x[1:, :3], there(3)), atol=1e-6)
    assert (both[1, 3:] == 0).all()


def test_lstm_is_that_of_torch_where_all_is_there(x):
    layer = MaskedBiLstm(8, 4)
    assert torch.allclose(layer(x, there(5, 5)), layer.lstm(x)[0], atol=1e-6)


def test_mean_of_nothing_is_zero():
    assert masked_mean(torch.ones(1, 2, 3), torch.zeros(1, 2, dtype=torch.bool)).tolist() == [[0.0] * 3]
