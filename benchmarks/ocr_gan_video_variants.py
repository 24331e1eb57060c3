"""What is measured of OCR-GAN Video: steps of training and scorings, each in several variants of the same work.

Letters: B clips, T frames, C channels, H height, W width.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import cast

import cv2
import naive_ocr_gan_video as naive
import numpy as np
import torch
from torch import Tensor, nn

from normalcy.layers.folding import folded
from normalcy.layers.shapes import use_channels_last
from normalcy.methods.base import Adversarial
from normalcy.methods.contract import ClipSpec, Scores
from normalcy.methods.ocr_gan_video import METHOD, OcrGanVideo
from normalcy.scoring.model import TorchModel
from normalcy.scoring.types import ClipScores, UInt8Array
from normalcy.training.adversarial import ADAM_BETAS, take_gradients
from normalcy.training.config import TrainingConfig

Work = Callable[[], object]

TRAINING = ("naive float32", "ours float32", "ours bf16")
# The first is the plain network, the second what is shipped; each of the others changes one thing of the second.
SCORING = (
    "naive float32",
    "ours float32",
    "ours, no_grad",
    "ours, default layout",
    "ours, unfolded",
    "ours, bf16",
)


def training_work(preset: str, variant: str, batch: int) -> Work:
    """One step of both players."""
    method = build(preset)
    clip_BTCHW = method.clip.in_range(uint8_clips(method.clip, batch))
    clip_norm = TrainingConfig().gradient_clip
    optimisers = _optimisers(method, preset)
    method.train()
    if variant == "naive float32":
        return lambda: naive.train_step(method, clip_BTCHW, optimisers, clip_norm=clip_norm)
    use_channels_last(method)
    precision = _bf16(variant == "ours bf16")
    return lambda: _our_step(method, clip_BTCHW, optimisers, precision, clip_norm=clip_norm)


def scoring_work(preset: str, variant: str, batch: int) -> Work:
    """Scores of a batch: uint8 clips in, arrays out."""
    method = build(preset)
    clips = list(uint8_clips(method.clip, batch).numpy())
    if variant == "ours float32":
        model = TorchModel(method)
        return lambda: model.infer(clips)
    ours = method.eval() if variant == "ours, unfolded" else cast(OcrGanVideo, folded(method))
    network: Callable[[Tensor], Scores] = ours
    if variant == "naive float32":
        network = lambda clip_BTCHW: naive.score(method.eval(), clip_BTCHW)  # noqa: E731
    elif variant != "ours, default layout":
        use_channels_last(ours)
    keeps_grad = variant in ("naive float32", "ours, no_grad")
    without_grad = torch.no_grad if keeps_grad else torch.inference_mode
    precision = _bf16(variant == "ours, bf16")
    return lambda: _infer(network, clips, method.clip, without_grad, precision)


def build(preset: str, **changes: object) -> OcrGanVideo:
    """The method with weights that depend on nothing but its configuration; none is zero."""
    torch.manual_seed(0)
    method = METHOD.build(METHOD.config(**{**METHOD.presets[preset].model, **changes}))
    assert isinstance(method, OcrGanVideo)
    for weight in method.parameters():
        # Heads that start at zero would hide from the comparison all that comes before them.
        if not weight.any():
            nn.init.normal_(weight, std=0.02)
    return method


def uint8_clips(spec: ClipSpec, count: int) -> Tensor:
    """Clips of smooth pictures that slide, the same in every process: (count, T, C, H, W)."""
    draw = np.random.default_rng(0)
    return torch.from_numpy(np.stack([_sliding(spec, draw) for _ in range(count)]))


def _sliding(spec: ClipSpec, draw: np.random.Generator) -> UInt8Array:
    height, width = spec.size_px
    noise_HW = draw.random((2 * height, 2 * width)).astype(np.float32)
    smooth_HW = cv2.GaussianBlur(noise_HW, (0, 0), height / 24)
    smooth_HW = 255 * (smooth_HW - smooth_HW.min()) / np.ptp(smooth_HW)
    step = draw.integers(-2, 3, size=2)
    rolled = [np.roll(smooth_HW, tuple(t * step), axis=(0, 1)) for t in range(spec.length_frames)]
    clip_THW = np.stack(rolled)[:, :height, :width].astype(np.uint8)
    return np.repeat(clip_THW[:, None], spec.channels, axis=1)


def _our_step(
    method: OcrGanVideo,
    clip_BTCHW: Tensor,
    optimisers: naive.Optimisers,
    precision: Callable[[], AbstractContextManager[object]],
    *,
    clip_norm: float,
) -> None:
    """What `AdversarialTraining` does with a batch, without Lightning's loop around it."""
    with precision():
        take_gradients(method.adversarial_losses(clip_BTCHW), cast(Adversarial, method))
    players = (method.generator, method.discriminator)
    for player, optimiser in zip(players, optimisers, strict=True):
        nn.utils.clip_grad_norm_(player.parameters(), clip_norm)
        optimiser.step()
        optimiser.zero_grad()


def _optimisers(method: OcrGanVideo, preset: str) -> naive.Optimisers:
    settings = TrainingConfig(**METHOD.presets[preset].training)
    rates = (settings.learning_rate, settings.discriminator_learning_rate or settings.learning_rate)
    players = (method.generator, method.discriminator)
    return naive.Optimisers(
        *(
            torch.optim.Adam(player.parameters(), lr=rate, betas=ADAM_BETAS)
            for player, rate in zip(players, rates, strict=True)
        )
    )


def _infer(
    network: Callable[[Tensor], Scores],
    clips_TCHW: Sequence[UInt8Array],
    spec: ClipSpec,
    without_grad: Callable[[], AbstractContextManager[object]],
    precision: Callable[[], AbstractContextManager[object]],
) -> list[ClipScores]:
    """The same way from clips to arrays that `TorchModel` takes."""
    clip_BTCHW = spec.in_range(torch.from_numpy(np.stack(clips_TCHW)))
    with without_grad(), precision():
        scores = network(clip_BTCHW)
    score_BT, map_BTHW = scores.score_BT.float().numpy(), scores.map_BTHW.float().numpy()
    parts = {name: part_BT.float().numpy() for name, part_BT in scores.parts.items()}
    return [
        ClipScores(score_BT[b], map_BTHW[b], {name: part_BT[b] for name, part_BT in parts.items()})
        for b in range(len(clips_TCHW))
    ]


def _bf16(enabled: bool) -> Callable[[], AbstractContextManager[object]]:
    return lambda: torch.autocast("cpu", torch.bfloat16, enabled=enabled)
