import pytest
import torch
from torch import nn

from normalcy.layers.temporal_attention import TemporalAttention, attend, attention_weights


def made(channels=8, **settings) -> TemporalAttention:
    torch.manual_seed(0)
    attention = TemporalAttention(channels, **{"heads": 2, "frames": 4} | settings)
    nn.init.normal_(attention.position_TD)
    nn.init.normal_(attention.norm.weight)
    nn.init.normal_(attention.norm.bias)
    return attention


def torchs_own(attention: TemporalAttention) -> nn.MultiheadAttention:
    twin = nn.MultiheadAttention(attention.out.in_features, attention.heads, batch_first=True)
    twin.load_state_dict(
        {
            "in_proj_weight": attention.query_key_value.weight,
            "in_proj_bias": attention.query_key_value.bias,
            "out_proj.weight": attention.out.weight,
            "out_proj.bias": attention.out.bias,
        }
    )
    return twin


@pytest.mark.parametrize("heads", [1, 2, 8])
def test_it_is_torchs_own_attention_at_every_place(heads):
    attention = made(16, heads=heads)
    twin = torchs_own(attention)
    x = torch.randn(2, 4, 16, 2, 3)
    out, (also_out, weights) = attention(x), attention.with_weights(x)
    for b, row, column in torch.cartesian_prod(torch.arange(2), torch.arange(2), torch.arange(3)):
        place_TC = x[b, :, :, row, column]
        tokens_1TC = (attention.norm(place_TC) + attention.position_TD)[None]
        found, expected = twin(tokens_1TC, tokens_1TC, tokens_1TC, average_attn_weights=False)
        assert torch.allclose(out[b, :, :, row, column], place_TC + found[0], atol=1e-5)
        assert torch.allclose(weights[b, :, 3 * row + column], expected[0], atol=1e-6)
    assert torch.allclose(out, also_out, atol=1e-5)


def test_weights_have_a_row_for_every_frame_head_and_place():
    attention = made()
    out, weights = attention.with_weights(torch.randn(2, 5, 8, 3, 4))
    assert out.shape == (2, 5, 8, 3, 4)
    assert weights.shape == (2, 2, 12, 5, 5)
    assert torch.allclose(weights.sum(dim=-1), torch.ones(2, 2, 12, 5))
    assert weights.min() > 0
    assert weights.std() > 0.05


@pytest.mark.parametrize("settings", [{}, {"grid_stride": 2}, {"width": 16}])
def test_bf16_is_the_same_to_its_precision(settings):
    attention = made(**settings)
    x = torch.randn(2, 4, 8, 4, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out, (also_out, weights) = attention(x), attention.with_weights(x)
    assert out.dtype == torch.float32
    assert torch.allclose(out, attention(x), atol=0.03)
    assert torch.equal(out, also_out)
    assert weights.dtype == torch.float32
    assert torch.allclose(weights, attention.with_weights(x)[1], atol=0.03)


def test_both_ways_to_attend_agree():
    torch.manual_seed(0)
    query, key, value = torch.randn(3, 5, 2, 6, 4)
    expected = attention_weights(query, key) @ value
    assert torch.allclose(attend(query, key, value), expected, atol=1e-6)
    short = attend(query.bfloat16(), key.bfloat16(), value.bfloat16())
    assert short.dtype == torch.bfloat16
    assert torch.allclose(short.float(), expected, atol=0.03)


@pytest.mark.parametrize("frames", [1, 5, 12, 16, 24])
def test_other_frame_counts_need_no_fitting(frames):
    attention = made(frames=8)
    assert attention(torch.randn(1, frames, 8, 2, 2)).shape == (1, frames, 8, 2, 2)
    position_TD = attention.position(frames)
    assert position_TD.shape == (frames, 8)
    assert torch.allclose(position_TD[0], attention.position_TD[0])
    assert frames == 1 or torch.allclose(position_TD[-1], attention.position_TD[-1], atol=1e-5)


def test_positions_between_learned_ones_are_their_means():
    attention = made(frames=8)
    assert attention.position(8) is attention.position_TD
    position_TD = attention.position(15)
    assert torch.allclose(position_TD[::2], attention.position_TD, atol=1e-5)
    between = (attention.position_TD[1:] + attention.position_TD[:-1]) / 2
    assert torch.allclose(position_TD[1::2], between, atol=1e-5)


@pytest.mark.parametrize("frames", [1, 4, 12])
def test_weights_learned_for_other_frame_counts_load(frames):
    learned, attention = made(frames=8), TemporalAttention(8, heads=2, frames=frames)
    state = learned.state_dict()
    attention.load_state_dict(state)
    assert torch.equal(attention.position_TD, learned.position(frames))
    assert len(state["position_TD"]) == 8
    x = torch.randn(2, frames, 8, 2, 3)
    torch.testing.assert_close(attention(x), learned(x))


def test_weights_of_another_width_or_without_positions_do_not_load():
    with pytest.raises(RuntimeError, match="size mismatch for position_TD"):
        made(frames=8).load_state_dict(made(16, frames=4).state_dict())
    state = made().state_dict()
    del state["position_TD"]
    with pytest.raises(RuntimeError, match="position_TD"):
        made().load_state_dict(state)


def test_a_place_attends_to_its_own_history_only():
    attention = made()
    x = torch.randn(1, 4, 8, 3, 5)
    changed = x.clone()
    changed[:, 0, :, 1, 2] += torch.randn(8)
    differs_THW = (attention(x) - attention(changed)).abs().sum(dim=(0, 2)) > 1e-6
    expected = torch.zeros(4, 3, 5, dtype=torch.bool)
    expected[:, 1, 2] = True
    assert torch.equal(differs_THW, expected)


def test_a_coarser_grid_finds_the_same_in_a_plain_clip():
    fine, coarse = made(), made(grid_stride=2)
    clip = torch.randn(2, 4, 8, 1, 1).expand(-1, -1, -1, 5, 7)
    assert torch.allclose(coarse(clip), fine(clip), atol=1e-5)
    out, weights = coarse.with_weights(clip)
    assert torch.allclose(out, fine(clip), atol=1e-5)
    assert weights.shape == (2, 2, 3 * 4, 4, 4)


def test_a_coarser_grid_keeps_the_detail_of_the_picture():
    attention = made(grid_stride=4)
    nn.init.zeros_(attention.out.weight)
    nn.init.ones_(attention.out.bias)
    clip = torch.randn(1, 4, 8, 6, 9)
    assert torch.allclose(attention(clip), clip + 1, atol=1e-6)


def test_only_the_position_embedding_knows_the_order():
    attention = made()
    x, order = torch.randn(1, 4, 8, 2, 2), [2, 0, 3, 1]
    assert not torch.allclose(attention(x[:, order]), attention(x)[:, order], atol=1e-2)
    nn.init.zeros_(attention.position_TD)
    assert torch.allclose(attention(x[:, order]), attention(x)[:, order], atol=1e-5)


@pytest.mark.parametrize("settings", [{}, {"width": 16, "grid_stride": 2}])
def test_gradients_reach_every_parameter(settings):
    attention = made(**settings)
    x = torch.randn(1, 6, 8, 3, 3, requires_grad=True)
    attention(x).square().sum().backward()
    assert x.grad.abs().min() > 0
    assert all(parameter.grad.abs().sum() > 0 for parameter in attention.parameters())


def test_raw_frames_are_projected_to_a_model_width():
    attention = made(3, width=16, heads=8)
    assert attention.embed.weight.shape == (16, 3)
    assert attention.position_TD.shape == (4, 16)
    out, weights = attention.with_weights(torch.rand(1, 4, 3, 2, 2))
    assert out.shape == (1, 4, 3, 2, 2)
    assert weights.shape == (1, 8, 4, 4, 4)
    assert not list(made(16, width=16).embed.parameters())


@pytest.mark.parametrize(("channels", "width"), [(10, None), (3, 10)])
def test_heads_must_divide_the_width(channels, width):
    with pytest.raises(ValueError, match="width of 10 has no 4 equal heads"):
        TemporalAttention(channels, heads=4, frames=8, width=width)
