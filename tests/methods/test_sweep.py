"""The same sweep for every registered method, in a small size."""

import inspect
from collections.abc import Callable
from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from normalcy.config import build_config
from normalcy.errors import ConfigError
from normalcy.methods import METHODS, method_definition
from normalcy.methods.base import Adversarial, Method
from small_methods import small

Losses = Callable[[Tensor], dict[str, Tensor]]
pytestmark = pytest.mark.parametrize("name", list(METHODS))


def random_clip(method: Method, *, batch: int = 2) -> torch.Tensor:
    spec = method.clip
    generator = torch.Generator().manual_seed(1)
    shape = (batch, spec.length_frames, spec.channels, *spec.size_px)
    low, high = spec.value_range
    return torch.rand(shape, generator=generator) * (high - low) + low


def test_scores_have_the_promised_shapes(name):
    method = small(name)
    scores = method(random_clip(method))
    frames = len(method.clip.scored)
    assert scores.score_BT.shape == (2, frames)
    assert scores.map_BTHW.shape[:2] == (2, frames)
    assert scores.score_BT.dtype == scores.map_BTHW.dtype == torch.float32
    assert scores.parts
    assert all(part.shape == (2, frames) for part in scores.parts.values())
    assert torch.isfinite(scores.score_BT).all()
    assert (scores.map_BTHW >= 0).all()


def test_scoring_is_deterministic_under_a_seed(name):
    first, second = small(name), small(name)
    clip = random_clip(first)
    assert torch.equal(first(clip).score_BT, second(clip).score_BT)
    assert torch.equal(first(clip).score_BT, first(clip).score_BT)


def test_a_score_does_not_depend_on_its_batch(name):
    method = small(name)
    clip = random_clip(method, batch=3)
    together = method(clip)
    for b in range(3):
        alone = method(clip[b : b + 1])
        torch.testing.assert_close(alone.score_BT[0], together.score_BT[b], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(alone.map_BTHW[0], together.map_BTHW[b], atol=1e-4, rtol=1e-4)


def test_weights_restore_the_method(name):
    method, other = small(name), small(name, seed=9)
    videos = [np.random.default_rng(0).integers(0, 255, (9, 1, *method.clip.size_px), np.uint8)]
    method.observe(videos)
    other.load_state_dict(method.state_dict())
    clip = random_clip(method)
    assert torch.equal(method(clip).score_BT, other(clip).score_BT)


def losses_to_overfit(method: Method, kind: str) -> tuple[nn.Module, Losses, Losses]:
    """What learns, by which losses, and the losses by which that shows."""
    if kind == "adversarial":
        players = cast(Adversarial, method)
        return (
            players.generator,
            lambda clip: players.adversarial_losses(clip).generator,
            players.validation_losses,
        )
    if kind == "classify":
        return method.classifier, class_losses_of(method), class_losses_of(method)
    return method, method.losses, method.losses


def class_losses_of(method: Method) -> Losses:
    """Of clips that are all of the last class."""

    def losses(clip_BTCHW: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            features_NTD = method.backbone(clip_BTCHW.flatten(0, 1)).unflatten(0, clip_BTCHW.shape[:2])
        there_BT = torch.ones(clip_BTCHW.shape[:2], dtype=torch.bool)
        target_B = torch.full((len(clip_BTCHW),), len(method.classes) - 1)
        return method.class_losses(features_NTD, there_BT, target_B, counts=[3, 1])

    return losses


def error_of(method: Method, clip_BTCHW: Tensor, losses: Losses) -> float:
    """What is watched, or the squared error where that is not an error: a ratio of decibels says nothing."""
    method.eval()
    with torch.no_grad():
        found = losses(clip_BTCHW)
        error = found.get("intensity", found["loss"]).item()
    method.train()
    return error


def test_methods_with_gradients_overfit_one_clip(name):
    kind = method_definition(name).training
    if kind in ("none", "memory"):
        pytest.skip("nothing is trained by gradients")
    method = small(name).train()
    method.observe([(random_clip(method)[0] * 255).byte().numpy()])
    # A texture that walks: noise anew in each frame could not be predicted.
    frame = random_clip(method, batch=1)[:, 0]
    clip = torch.stack([frame.roll(t, dims=-1) for t in range(method.clip.length_frames)], dim=1)
    learner, losses, judged = losses_to_overfit(method, kind)
    optimiser = torch.optim.Adam(learner.parameters(), lr=1e-2)
    start = error_of(method, clip, judged)
    assert start > 0
    for _ in range(60):
        optimiser.zero_grad()
        losses(clip)["loss"].backward()
        optimiser.step()
    assert error_of(method, clip, judged) < 0.7 * start


def test_file_names_its_paper_and_its_deviations(name):
    module = inspect.getmodule(method_definition(name).build)
    assert "https://" in module.__doc__
    assert "Deviations:" in module.__doc__


def test_every_preset_is_a_valid_configuration(name):
    definition = method_definition(name)
    for preset in definition.presets.values():
        build_config(definition.config, dict(preset.model))


def test_an_unknown_key_names_the_nearest(name):
    with pytest.raises(ConfigError, match="size_px"):
        build_config(method_definition(name).config, {"size_pix": (32, 32)})
