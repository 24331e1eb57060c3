"""Whether the plain networks and ours are the same function of the same weights; without that, no time means anything.

Letters: B clips, T frames, C channels, H height, W width.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import naive_future_frame as naive
import torch
from future_frame_variants import build, plain_of
from speed_comparison import (
    Agreement,
    gradient_difference,
    gradients_of,
    score_differences,
    tensor_difference,
)
from speed_work import uint8_clips
from torch import Tensor

from normalcy.layers.shapes import use_channels_last
from normalcy.methods.base import Adversarial, AdversarialLosses
from normalcy.methods.future_frame import FutureFrame
from normalcy.training.adversarial import take_gradients

LARGEST_LOSS_DIFFERENCE = 1e-4
CLIPS = 2
# So much of each that none's gradient hides behind the others'.
LOSS_WEIGHTS = {"intensity": 1.0, "gradient": 1.0, "flow": 10.0, "adversarial": 1.0}


@dataclass(frozen=True)
class LossAgreement(Agreement):
    """Differences of losses as well.

    Attributes:
        loss: Largest of any player's loss, or of a term of it, relative to it.
    """

    loss: float

    @property
    def holds(self) -> bool:
        """Whether they are one function."""
        return super().holds and self.loss <= LARGEST_LOSS_DIFFERENCE


def agreement(preset: str, *, flow_weights: Path, **changes: object) -> LossAgreement:
    """Compares losses, gradients and scores on one batch, in float32 and with flow at full resolution.

    Each in the memory layout it is timed in.
    """
    changes = {**changes, "flow": {"scale": 1.0}, "loss": LOSS_WEIGHTS}
    ours, copy = (build(preset, flow_weights=flow_weights, **changes) for _ in range(2))
    use_channels_last(ours)
    ours.begin_training()
    plain = plain_of(copy, flow_weights=flow_weights)
    clip_BTCHW = ours.clip.in_range(uint8_clips(ours.clip, CLIPS))
    own, other = _our_losses(ours, clip_BTCHW), _naive_losses(plain, clip_BTCHW)
    gradients = [
        (gradients_of(mine), gradients_of(theirs))
        for mine, theirs in ((ours.generator, plain.generator), (ours.discriminator, plain.discriminator))
    ]
    return LossAgreement(
        *_score_differences(ours.eval(), plain, clip_BTCHW),
        max(gradient_difference(*pair) for pair in gradients),
        max(tensor_difference(*pair) for pair in gradients),
        max(_loss_difference(*pair) for pair in zip(own, other, strict=True)),
    )


def _our_losses(method: FutureFrame, clip_BTCHW: Tensor) -> AdversarialLosses:
    """Leaves each player its gradients."""
    losses = method.train().adversarial_losses(clip_BTCHW)
    take_gradients(losses, cast(Adversarial, method))
    return losses


def _naive_losses(net: naive.NaiveFutureFrame, clip_BTCHW: Tensor) -> AdversarialLosses:
    """Of both players at the same weights: what the generator's pass leaves on the discriminator is taken back."""
    prediction = net.predict(clip_BTCHW)
    generator = naive.generator_losses(net, prediction, clip_BTCHW)
    generator["loss"].backward()  # type: ignore[no-untyped-call]
    net.discriminator.zero_grad()
    discriminator = naive.discriminator_losses(net, prediction, clip_BTCHW)
    discriminator["loss"].backward()  # type: ignore[no-untyped-call]
    return AdversarialLosses(generator, discriminator)


def _loss_difference(own: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
    assert own.keys() == other.keys(), (own.keys(), other.keys())
    return max(float((own[name] - other[name]).detach().abs() / other[name].detach().abs()) for name in own)


def _score_differences(
    ours: FutureFrame, plain: naive.NaiveFutureFrame, clip_BTCHW: Tensor
) -> tuple[float, float]:
    """Without displacement, and of what holds it."""
    with torch.no_grad():
        own, other = ours(clip_BTCHW), naive.score(plain, clip_BTCHW)
    fused = ("score",) if ours.fuse and "motion" in ours.fuse.weights else ()
    return score_differences(own, other, displaced=("motion", *fused))
