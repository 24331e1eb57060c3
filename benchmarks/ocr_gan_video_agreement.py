"""Whether the plain network and ours are the same function of the same weights; without that, no time means anything.

Letters: B clips, T frames, C channels, H height, W width.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import cast

import naive_ocr_gan_video as naive
import torch
from ocr_gan_video_variants import build, uint8_clips
from torch import Tensor, nn

from normalcy.layers.shapes import use_channels_last
from normalcy.methods.base import Adversarial
from normalcy.methods.contract import Scores
from normalcy.methods.ocr_gan_video import OcrGanVideo
from normalcy.training.adversarial import take_gradients

LARGEST_SCORE_DIFFERENCE = 1e-4
# Flow is measured between pictures of whole grey levels: rounding may tip one of them.
LARGEST_DISPLACEMENT_DIFFERENCE = 1e-2
LARGEST_GRADIENT_DIFFERENCE = 1e-3
# Float32 rounding flips the sign of a few values at the corners of L1 and LeakyReLU: a single tensor may feel that.
LARGEST_TENSOR_DIFFERENCE = 2e-2
CLIPS = 2
NOISE = 0.01


@dataclass(frozen=True)
class Agreement:
    """Differences between the plain network and ours, on one batch.

    Attributes:
        score: Largest of any score, map or term, relative to values above 1, but for what holds displacement.
        displacement: Largest of what holds displacement; 0 where nothing does.
        gradient: Norm of the difference of a player's gradient, relative to its norm; the larger of both players'.
        tensor: The same for single tensors; those under a thousandth of the gradient count as that large.
    """

    score: float
    displacement: float
    gradient: float
    tensor: float

    @property
    def holds(self) -> bool:
        """Whether they are one function."""
        return (
            self.score <= LARGEST_SCORE_DIFFERENCE
            and self.displacement <= LARGEST_DISPLACEMENT_DIFFERENCE
            and self.gradient <= LARGEST_GRADIENT_DIFFERENCE
            and self.tensor <= LARGEST_TENSOR_DIFFERENCE
        )


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
        max(_distance(_joined(own), _joined(other)) for own, other in pairs),
        max(_tensor_distance(own, other) for own, other in pairs),
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
    return list(_gradients(method.generator)), list(_gradients(method.discriminator))


def _gradients(player: nn.Module) -> Iterator[Tensor]:
    for name, weight in player.named_parameters():
        assert weight.grad is not None, name
        yield weight.grad


def _joined(gradients: Iterable[Tensor]) -> Tensor:
    return torch.cat([gradient.flatten() for gradient in gradients])


def _distance(own: Tensor, other: Tensor, *, least: float = 0.0) -> float:
    return float((own - other).norm()) / max(float(other.norm()), least)


def _tensor_distance(own: list[Tensor], other: list[Tensor]) -> float:
    least = 1e-3 * float(_joined(other).norm())
    return max(_distance(a, b, least=least) for a, b in zip(own, other, strict=True))


def _score_differences(ours: OcrGanVideo, plain: OcrGanVideo, clip_BTCHW: Tensor) -> tuple[float, float]:
    """Without displacement, and of what holds it."""
    with torch.no_grad():
        own, other = _named(ours(clip_BTCHW)), _named(naive.score(plain, clip_BTCHW))
    assert own.keys() == other.keys(), (own.keys(), other.keys())
    differences = {name: _largest(own[name], other[name]) for name in own}
    fused = ("score", "map") if "displacement" in ours.fuse.weights else ()
    displaced = [differences.pop(name) for name in ("displacement", *fused) if name in differences]
    return max(differences.values()), max(displaced, default=0.0)


def _named(scores: Scores) -> dict[str, Tensor]:
    return {"score": scores.score_BT, "map": scores.map_BTHW, **scores.parts}


def _largest(own: Tensor, other: Tensor) -> float:
    difference = float(((own - other).abs() / other.abs().clamp_min(1)).max())
    return math.inf if math.isnan(difference) else difference
