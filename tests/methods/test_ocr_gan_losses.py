"""Losses of both players of OCR-GAN Video: by hand on stand-ins of both networks, and who learns from what.

Letters: B clips, T frames, C channels, H height, W width.
"""

import math
from typing import Any

import pytest
import torch
from ocr_gan_clips import HIDDEN, awake, random_clip, untrained
from torch import Tensor, nn
from torch.nn import functional as F

from normalcy.layers.temporal_losses import attention_loss, consistency_loss, motion_loss
from normalcy.layers.video_discriminator import Judgement
from normalcy.methods.ocr_gan_video import Generator, OcrGanVideo, Rebuilt
from normalcy.training.adversarial import take_gradients


class Rebuilds(nn.Module):
    """A generator that sees as `like` does and answers with a given video; `attention`, where it is asked for."""

    def __init__(self, like: Generator, video_BTCHW: Tensor, *attention: Tensor) -> None:
        super().__init__()
        self.seen, self.split = like.seen, like.split
        self.video_BTCHW, self.attention = video_BTCHW, attention

    def forward(self, clip_BTCHW: Tensor, *, with_attention: bool = False) -> Rebuilt:
        high, low = 0.25 * self.video_BTCHW, 0.75 * self.video_BTCHW
        return Rebuilt(high, low, self.attention if with_attention else ())


class Brightness(nn.Module):
    """A discriminator whose logits are the brightness, and its features that and its double."""

    def forward(self, clip_BTCHW: Tensor) -> Judgement:
        return Judgement(clip_BTCHW.mean(dim=2), (clip_BTCHW, 2 * clip_BTCHW))


def stand_ins(fake: Tensor, *attention: Tensor, **changes: Any) -> OcrGanVideo:
    method = untrained(**changes).train()
    method.generator = Rebuilds(method.generator, fake, *attention)
    method.discriminator = Brightness()
    return method


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def test_losses_by_hand():
    real = torch.zeros(2, 6, 1, 16, 24)
    losses = stand_ins(real + 0.5, loss={"content_square": 4.0}).adversarial_losses(real)
    assert losses.generator["adversarial"].item() == pytest.approx(softplus(-0.5))
    assert losses.generator["content"].item() == pytest.approx(0.5 + 4 * 0.25)
    assert losses.generator["latent"].item() == pytest.approx((0.25 + 4 * 0.25) / 2)
    assert losses.generator["temporal"].item() == pytest.approx(0.0, abs=1e-6)
    assert losses.discriminator["loss"].item() == pytest.approx((softplus(0) + softplus(0.5)) / 2)


def test_each_stream_can_be_held_to_its_own_band():
    real = torch.zeros(2, 6, 1, 16, 24)
    losses = stand_ins(real + 0.5, loss={"content_square": 4.0, "streams": 2.0}).adversarial_losses(real)
    whole, high, low = (value + 4 * value**2 for value in (0.5, 0.125, 0.375))
    assert losses.generator["content"].item() == pytest.approx(whole + 2 * (high + low))


def test_a_surer_discriminator_loses_less_and_its_generator_more():
    real = torch.full((2, 6, 1, 16, 24), 2.0)
    unsure, sure = (stand_ins(real - gap).adversarial_losses(real) for gap in (0.5, 6.0))
    assert sure.discriminator["loss"] < unsure.discriminator["loss"]
    assert sure.generator["adversarial"] > unsure.generator["adversarial"]


@pytest.mark.parametrize(("task", "counted"), [("restore", HIDDEN), ("reconstruct", range(6))])
def test_the_frames_that_count_are_the_hidden_ones_or_all(task, counted):
    real = torch.zeros(1, 6, 1, 16, 24)
    for t in range(6):
        fake = real.clone()
        fake[:, t] = 1.0
        method = stand_ins(fake, task=task, loss={"content_square": 0.0})
        expected = 1 / len(counted) if t in counted else 0.0
        losses = method.adversarial_losses(real)
        assert losses.generator["content"].item() == pytest.approx(expected)
        assert (losses.generator["latent"].item() > 0) == (t in counted)
        assert method.validation_losses(real)["loss"].item() == pytest.approx(expected)


EVEN = torch.full((2, 4, 24, 6, 6), 1 / 6)
ONE_EACH = torch.eye(6).expand(2, 4, 24, 6, 6)


@pytest.mark.parametrize("kind", ["literal", "matched"])
def test_the_temporal_loss_is_the_mean_of_its_three_terms(kind):
    real, fake = random_clip(seed=3), random_clip(seed=4)
    consistency, motion = consistency_loss(fake, real, kind=kind).item(), motion_loss(fake, real).item()
    for attention, spread in (((EVEN, EVEN), 1.0), ((ONE_EACH, ONE_EACH), 0.0), ((EVEN, ONE_EACH), 0.5)):
        assert attention_loss(attention).item() == pytest.approx(spread, abs=1e-5)
        found = stand_ins(fake, *attention, consistency=kind).adversarial_losses(real).generator
        assert found["temporal"].item() == pytest.approx((consistency + motion + spread) / 3)
        named = {name: found[name].item() for name in ("consistency", "motion", "attention")}
        assert named == pytest.approx(
            {"consistency": consistency, "motion": motion, "attention": spread}, abs=1e-5
        )
    without = stand_ins(fake, consistency=kind).adversarial_losses(real).generator
    assert without["temporal"].item() == pytest.approx((consistency + motion) / 3)
    assert "attention" not in without


def test_terms_of_the_temporal_loss_have_weights_and_are_told_without_them():
    real, fake = random_clip(seed=3), random_clip(seed=4)
    weights = {"consistency": 0.0, "motion": 3.0, "attention": 0.5}
    found = stand_ins(fake, EVEN, EVEN, loss=weights).adversarial_losses(real).generator
    motion = motion_loss(fake, real).item()
    assert found["temporal"].item() == pytest.approx((3.0 * motion + 0.5) / 3)
    assert found["consistency"].item() == pytest.approx(consistency_loss(fake, real, kind="matched").item())
    assert found["motion"].item() == pytest.approx(motion)
    assert "attention" not in stand_ins(fake, EVEN, EVEN, loss={"attention": 0.0}).adversarial_losses(real)[0]


def test_literal_consistency_rewards_a_still_fake_and_matched_a_moving_one():
    real = random_clip()
    still = real[:, :1].expand_as(real)

    def temporal(fake, kind):
        return stand_ins(fake, consistency=kind).adversarial_losses(real).generator["temporal"].item()

    assert temporal(real, "matched") == pytest.approx(0.0, abs=1e-6)
    assert temporal(real, "literal") > 0.1
    assert temporal(still, "matched") > temporal(real, "matched")
    assert temporal(still, "literal") - temporal(still, "matched") < 0


@pytest.mark.parametrize(
    "weights",
    [
        {},
        {"adversarial": 0.0},
        {"adversarial": 3.0, "content": 0.5, "latent": 2.0, "temporal": 0.0},
        {"adversarial": 0.0, "content": 0.0, "latent": 0.0, "temporal": 7.0},
    ],
    ids=str,
)
def test_the_loss_is_the_weighted_sum_of_its_terms(weights):
    method = awake(loss=weights).train()
    losses = method.adversarial_losses(random_clip()).generator
    terms, of_temporal = {"adversarial", "content", "latent", "temporal"}, {"consistency", "motion"}
    of_temporal |= {"attention"} if method.config.loss.temporal else set()
    assert losses.keys() == {"loss"} | terms | of_temporal
    expected = sum(getattr(method.config.loss, name) * losses[name].item() for name in terms)
    assert losses["loss"].item() == pytest.approx(expected, rel=1e-5)


def gradients_of(method: OcrGanVideo) -> dict[str, Tensor]:
    """Gradients of both players by the way that training takes them."""
    torch.manual_seed(0)
    take_gradients(method.adversarial_losses(random_clip()), method)
    return {name: weight.grad.clone() for name, weight in method.named_parameters()}


def of_player(gradients: dict[str, Tensor], player: str) -> list[Tensor]:
    return [gradient for name, gradient in gradients.items() if name.startswith(player)]


def cross_entropy(logits: Tensor, target: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


@pytest.mark.parametrize("task", ["restore", "reconstruct"])
def test_the_discriminator_learns_from_telling_detached_fakes_apart_and_nothing_else(task):
    """Two passes, the fake detached in the discriminator's: what the one shared pass must amount to."""
    method, clip = awake(task=task).train(), random_clip()
    trained = list(method.config.trained)
    torch.manual_seed(0)
    fake = method.generator(clip, with_attention=True).video[:, trained].detach()
    real_says, fake_says = (method.discriminator(x).logits_BThw for x in (clip[:, trained], fake))
    loss = (cross_entropy(real_says, 1.0) + cross_entropy(fake_says, 0.0)) / 2
    expected = torch.autograd.grad(loss, list(method.discriminator.parameters()))
    found = of_player(gradients_of(method), "discriminator")
    assert len(found) == len(expected) > 0
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-7, rtol=1e-4)


def test_the_generators_terms_change_no_gradient_of_the_discriminator():
    terms = {"adversarial": 9.0, "latent": 9.0, "content": 9.0, "temporal": 9.0}
    plain, heavy = (gradients_of(awake(loss=weights).train()) for weights in ({}, terms))
    for one, other in zip(of_player(plain, "discriminator"), of_player(heavy, "discriminator"), strict=True):
        torch.testing.assert_close(one, other, atol=1e-8, rtol=1e-5)
    pairs = zip(of_player(plain, "generator"), of_player(heavy, "generator"), strict=True)
    assert any((one - other).abs().max() > 1e-4 for one, other in pairs)


def test_the_generator_learns_from_its_own_loss_alone():
    method = awake().train()
    found = of_player(gradients_of(method), "generator")
    torch.manual_seed(0)
    loss = method.adversarial_losses(random_clip()).generator["loss"]
    expected = torch.autograd.grad(loss, list(method.generator.parameters()))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("term", ["adversarial", "latent"])
def test_by_way_of_the_discriminator_the_generator_does_learn(term):
    only = {"adversarial": 0.0, "content": 0.0, "latent": 0.0, "temporal": 0.0, term: 1.0}
    gradients = of_player(gradients_of(awake(loss=only).train()), "generator")
    assert sum(gradient.abs().sum().item() for gradient in gradients) > 0


def diversity_of(method: OcrGanVideo, real: Tensor) -> float:
    return method.adversarial_losses(real).discriminator["diversity"].item()


@pytest.mark.parametrize("task", ["restore", "reconstruct"])
def test_diversity_is_the_spread_of_what_the_generator_adds_by_that_of_what_is_missing(task):
    real = random_clip(4)
    start = untrained().generator.seen(real) if task == "restore" else torch.zeros_like(real)
    missing = real - start

    def diversity(added, real=real):
        return diversity_of(stand_ins(start[: len(real)] + added, task=task), real)

    assert diversity(missing[:1].expand_as(real)) == pytest.approx(0.0, abs=1e-6)
    assert diversity(0.5 * missing) == pytest.approx(0.5, rel=1e-4)
    assert diversity(missing) == pytest.approx(1.0, rel=1e-4)
    assert diversity(missing[:1], real[:1]) == 1.0
    assert math.isfinite(diversity(missing, real[:1].expand_as(real)))


def test_a_generator_that_adds_nothing_has_no_diversity_and_one_that_answers_has():
    real = random_clip(4)
    assert diversity_of(untrained().train(), real) == pytest.approx(0.0, abs=1e-5)
    assert diversity_of(awake().train(), real) > 0.1


@pytest.mark.parametrize(
    ("split", "high"), [("pyramid", 0.0), ("laplacian", 0.0), ("none", 0.5)], ids=lambda value: str(value)
)
def test_validation_errors_are_mean_squares_whole_and_by_stream(split, high):
    """An error that is the same everywhere is all low frequency."""
    real = random_clip()
    found = stand_ins(real + 0.4, split=split).validation_losses(real)
    expected = {
        "loss": 0.4**2,
        "reconstruction_high": (high * 0.4) ** 2,
        "reconstruction_low": ((1 - high) * 0.4) ** 2,
    }
    assert {name: value.item() for name, value in found.items()} == pytest.approx(expected, abs=1e-7)
