"""What is measured of OCR-GAN Video: steps of training and scorings, each in several variants of the same work.

Letters: B clips, T frames, C channels, H height, W width.
"""

from collections.abc import Callable
from typing import cast

import naive_ocr_gan_video as naive
import torch
from speed_work import (
    Work,
    bf16,
    bf16_of_training,
    infer,
    optimisers,
    our_step,
    uint8_clips,
    without_zeros,
)
from torch import Tensor

from normalcy.layers.folding import folded
from normalcy.layers.shapes import use_channels_last
from normalcy.methods.base import Adversarial
from normalcy.methods.contract import Scores
from normalcy.methods.ocr_gan_video import METHOD, OcrGanVideo
from normalcy.scoring.model import TorchModel
from normalcy.training.config import TrainingConfig

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
    config = TrainingConfig(**METHOD.presets[preset].training)
    both, clip_norm = optimisers(method.generator, method.discriminator, config), config.gradient_clip
    method.train()
    if variant == "naive float32":
        return lambda: naive.train_step(method, clip_BTCHW, both, clip_norm=clip_norm)
    use_channels_last(method)
    players, precision = cast(Adversarial, method), bf16_of_training(variant == "ours bf16")
    return lambda: our_step(players, clip_BTCHW, both, precision, clip_norm=clip_norm)


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
    precision = bf16(variant == "ours, bf16")
    return lambda: infer(network, clips, method.clip, without_grad, precision)


def build(preset: str, **changes: object) -> OcrGanVideo:
    """The method with weights that depend on nothing but its configuration; none is zero."""
    torch.manual_seed(0)
    method = METHOD.build(METHOD.config(**{**METHOD.presets[preset].model, **changes}))
    assert isinstance(method, OcrGanVideo)
    without_zeros(method)
    return method
