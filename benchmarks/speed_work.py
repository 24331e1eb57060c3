"""What benchmarks of speed do again and again: clips to work on, our step of training, our way of scoring.

Letters: B clips, T frames, C channels, H height, W width.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from normalcy.methods.base import Adversarial
from normalcy.methods.contract import ClipSpec, Scores
from normalcy.scoring.types import ClipScores, UInt8Array
from normalcy.training.adversarial import ADAM_BETA1, take_gradients
from normalcy.training.config import TrainingConfig
from normalcy.training.optimising import adam

Work = Callable[[], object]
Context = Callable[[], AbstractContextManager[object]]


class Optimisers(NamedTuple):
    """One for each player."""

    generator: torch.optim.Optimizer
    discriminator: torch.optim.Optimizer


def optimisers(generator: nn.Module, discriminator: nn.Module, config: TrainingConfig) -> Optimisers:
    """Those of `AdversarialTraining`."""
    rates = (config.learning_rate, config.discriminator_learning_rate or config.learning_rate)
    return Optimisers(
        *(
            adam(player.parameters(), rate=rate, config=config, beta1=ADAM_BETA1)
            for player, rate in zip((generator, discriminator), rates, strict=True)
        )
    )


def our_step(
    players: Adversarial, clip_BTCHW: Tensor, both: Optimisers, precision: Context, *, clip_norm: float
) -> None:
    """What `AdversarialTraining` does with a batch, without Lightning's loop around it."""
    with precision():
        take_gradients(players.adversarial_losses(clip_BTCHW), players)
    for player, optimiser in zip((players.generator, players.discriminator), both, strict=True):
        nn.utils.clip_grad_norm_(player.parameters(), clip_norm)
        optimiser.step()
        optimiser.zero_grad()


def infer(
    network: Callable[[Tensor], Scores],
    clips_TCHW: Sequence[UInt8Array],
    spec: ClipSpec,
    without_grad: Context,
    precision: Context,
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


def bf16(enabled: bool) -> Context:
    """Autocast to bf16, or float32."""
    return lambda: torch.autocast("cpu", torch.bfloat16, enabled=enabled)


def bf16_of_training(enabled: bool) -> Context:
    """The same as Lightning does it: a weight is cast again wherever it is used."""
    return lambda: torch.autocast("cpu", torch.bfloat16, enabled=enabled, cache_enabled=False)


def without_zeros(method: nn.Module) -> None:
    """Gives weights that start at zero a value: they would hide from a comparison all that comes before them."""
    for weight in method.parameters():
        if not weight.any():
            nn.init.normal_(weight, std=0.02)


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
