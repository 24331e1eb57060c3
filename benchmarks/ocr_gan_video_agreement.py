"""Whether the plain network and ours are the same function of the same weights; without that, no time means anything.

Letters: B clips, T frames, C channels, H height, W width.
"""

from typing import cast

import naive_ocr_gan_video as naive
import torch
from ocr_gan_video_variants import build
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
from normalcy.methods.base import Adversarial
from normalcy.methods.ocr_gan_video import OcrGanVideo
from normalcy.training.adversarial import take_gradients

CLIPS = 2
NOISE = 0.01


def agreement(preset: str, **changes: object) -> Agreement:
    """Compares scores and gradients on one batch, with some settings of the preset changed."""
    # Not the method's own noise: how that falls on the pixels depends on the memory layout.
    ours, plain = (build(preset, **{**changes, "noise": 0.0}) for _ in range(2))
    # Both in one layout: another one rounds otherwise, and is no other function.
    for method in (ours, plain):
        use_channels_last(method)
    clip_BTCHW = ours.clip.in_range(uint8_clips(ours.clip, CLIPS))
    # Whole grey levels that stand still are corners of L1, where rounding alone decides the gradient's sign.
    clip_BTCHW = clip_BTCHW + NOISE * torch.randn(
        clip_BTCHW.shape, generator=torch.Generator().manual_seed(1)
    )
    gradients = [
        _of_players(_our_gradients(ours, clip_BTCHW)),
        _of_players(_naive_gradients(plain, clip_BTCHW)),
    ]
    pairs = list(zip(*gradients, strict=True))
    # The textbook's discriminator sees each batch twice, so that its BatchNorm has drifted from ours.
    plain.load_state_dict(ours.state_dict())
    return Agreement(
        *_score_differences(ours.eval(), plain.eval(), clip_BTCHW),
        max(gradient_difference(own, other) for own, other in pairs),
        max(tensor_difference(own, other) for own, other in pairs),
    )


def _our_gradients(method: OcrGanVideo, clip_BTCHW: Tensor) -> OcrGanVideo:
    take_gradients(method.train().adversarial_losses(clip_BTCHW), cast(Adversarial, method))
    return method


def _naive_gradients(method: OcrGanVideo, clip_BTCHW: Tensor) -> OcrGanVideo:
    """Of both players at the same weights: the generator's step leaves its mark on the discriminator, taken back."""
    rebuilt = naive.rebuild(method.train().generator, clip_BTCHW, with_attention=True)
    naive.discriminator_loss(method, rebuilt, clip_BTCHW).backward()  # type: ignore[no-untyped-call]
    kept = [weight.grad.clone() for weight in method.discriminator.parameters() if weight.grad is not None]
    naive.generator_loss(method, rebuilt, clip_BTCHW).backward()  # type: ignore[no-untyped-call]
    for weight, gradient in zip(method.discriminator.parameters(), kept, strict=True):
        weight.grad = gradient
    return method


def _of_players(method: OcrGanVideo) -> tuple[list[Tensor], list[Tensor]]:
    return gradients_of(method.generator), gradients_of(method.discriminator)


def _score_differences(ours: OcrGanVideo, plain: OcrGanVideo, clip_BTCHW: Tensor) -> tuple[float, float]:
    """Without displacement, and of what holds it."""
    with torch.no_grad():
        own, other = ours(clip_BTCHW), naive.score(plain, clip_BTCHW)
    fused = ("score", "map") if "displacement" in ours.fuse.weights else ()
    return score_differences(own, other, displaced=("displacement", *fused))
