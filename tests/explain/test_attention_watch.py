"""Attention as a method really uses it."""

import numpy as np
import pytest
import torch

from normalcy.errors import ConfigError
from normalcy.explain.attention.watch import attentions_of, watch_attention
from normalcy.training.config import resolve_config
from normalcy.training.fit import build_method

SMALL = ("model.size_px=[32, 48]", "model.widths=[8, 16]", "model.grid_strides=[2, 1]")


def method(name="ocr-gan-video", *overrides):
    torch.manual_seed(0)
    overrides = overrides or SMALL
    config = resolve_config(name, data={"name": "folder", "root": "x"}, overrides=overrides)
    return build_method(config).eval()


def clip_of(model, batch=2):
    spec = model.clip
    shape = (batch, spec.length_frames, spec.channels, *spec.size_px)
    return spec.in_range(torch.randint(0, 256, shape, dtype=torch.uint8))


def test_every_attention_is_seen_with_rows_that_add_up_to_one():
    model = method()
    found = watch_attention(model, clip_of(model))
    assert {each.name for each in found} == set(attentions_of(model))
    for each in found:
        places = each.grid[0] * each.grid[1]
        assert each.weights_BAPTT.shape[:3] == (2, 4, places)
        assert np.allclose(each.weights_BAPTT.sum(axis=-1), 1, atol=1e-5)
        assert each.before_BTDP.shape == each.after_BTDP.shape
        assert each.before_BTDP.shape[3] == places


def test_the_weights_are_those_that_the_method_attends_by():
    model = method()
    clip = clip_of(model)
    with torch.no_grad():
        high, low = model.attention_weights(clip)
    found = {each.name: each for each in watch_attention(model, clip)}
    assert np.allclose(found["generator.unet.mix_down.1.attention.0"].weights_BAPTT, high.numpy(), atol=1e-6)
    assert np.allclose(found["generator.unet.mix_down.1.attention.1"].weights_BAPTT, low.numpy(), atol=1e-6)


def test_a_method_that_asks_for_its_weights_itself_is_seen_all_the_same():
    model = method("ocr-gan-video", *SMALL, "model.further_parts=[attention]")
    clip = clip_of(model)
    found = {each.name: each for each in watch_attention(model, clip)}
    with torch.no_grad():
        high, _ = model.attention_weights(clip)
    assert np.allclose(found["generator.unet.mix_down.1.attention.0"].weights_BAPTT, high.numpy(), atol=1e-6)


def test_what_attention_adds_is_what_comes_out():
    model = method()
    attention = attentions_of(model)["generator.unet.mix_down.1.attention.0"]
    with torch.no_grad():
        attention.out.weight.zero_()
        attention.out.bias.zero_()
    found = {each.name: each for each in watch_attention(model, clip_of(model))}
    silent = found["generator.unet.mix_down.1.attention.0"]
    assert np.array_equal(silent.before_BTDP, silent.after_BTDP)
    other = found["generator.unet.mix_down.1.attention.1"]
    assert not np.array_equal(other.before_BTDP, other.after_BTDP)


def test_watching_changes_no_score_and_leaves_nothing_behind():
    model = method()
    clip = clip_of(model)
    with torch.no_grad():
        before = model(clip).score_BT
        watch_attention(model, clip)
        assert torch.equal(before, model(clip).score_BT)
    assert not any(module._forward_hooks for module in model.modules())


def test_a_method_without_attention():
    model = method(
        "stae", "model.size_px=[43, 67]", "model.encoder_channels=[4, 4]", "model.lstm_channels=[4, 4]"
    )
    with pytest.raises(ConfigError, match="no attention across time"):
        watch_attention(model, clip_of(model))
