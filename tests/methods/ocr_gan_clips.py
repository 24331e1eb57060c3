"""What the tests of OCR-GAN Video share: a small network that has something to say, and clips to show it.

Letters: B clips, T frames, C channels, H height, W width.
"""

from typing import Any

import torch
from torch import Tensor, nn

from normalcy.methods.ocr_gan_video import OcrGanVideo
from small_methods import small

FRAMES, HEIGHT, WIDTH = 6, 16, 24
VISIBLE, HIDDEN, JUDGED = (0, 1, 3), (2, 4, 5), (4, 5)
"""Frames of the small method's clip."""


def untrained(**changes: Any) -> OcrGanVideo:
    """The small method as it starts: what it restores is the interpolation."""
    method = small("ocr-gan-video", **changes)
    assert isinstance(method, OcrGanVideo)
    return method


def awake(**changes: Any) -> OcrGanVideo:
    """The small method with heads as no restoring network starts, so that all of it shows in what it rebuilds."""
    method = untrained(**changes)
    torch.manual_seed(5)
    for stream in (method.generator.unet.high, method.generator.unet.low):
        nn.init.normal_(stream.head.weight, std=0.1)
    return method


def random_clip(batch: int = 2, *, channels: int = 1, seed: int = 1) -> Tensor:
    """Noise in [-1, 1]."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand((batch, FRAMES, channels, HEIGHT, WIDTH), generator=generator) * 2 - 1


def still_clip(batch: int = 1) -> Tensor:
    """A texture in the dark half of the range that does not move."""
    generator = torch.Generator().manual_seed(2)
    coarse_B1HW = torch.rand((batch, 1, HEIGHT // 4, WIDTH // 4), generator=generator)
    smooth_B1HW = nn.functional.interpolate(coarse_B1HW, size=(HEIGHT, WIDTH), mode="bilinear")
    return (smooth_B1HW * 0.5 - 0.9)[:, None].repeat(1, FRAMES, 1, 1, 1)


def changed_at(clip_BTCHW: Tensor, *places: int) -> Tensor:
    """The clip with other noise in these frames."""
    other_BTCHW = clip_BTCHW.clone()
    other_BTCHW[:, list(places)] = random_clip(len(clip_BTCHW), channels=clip_BTCHW.shape[2], seed=9)[
        :, list(places)
    ]
    return other_BTCHW
