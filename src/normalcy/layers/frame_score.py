"""From an error map to a frame score: named choices, because the choice matters more than the network.

Each choice is a module `(error_BTHW, real_BTCHW, predicted_BTCHW) -> score_BT`, picked by name in a method's
configuration. The maximum of a box keeps a small, strong error that the mean of the frame dilutes; dividing by
local gradient energy takes away what every sharp edge costs a slightly displaced prediction.

Letters: B batch, T frames, C channels, H height, W width, N = B*T.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from normalcy.config import StrictConfig
from normalcy.layers.displacement import DisplacementScore

FrameScoreName = Literal["mean", "box-maximum", "gradient-normalised", "displacement"]


class FrameScoreConfig(StrictConfig):
    """How an error map becomes a frame score.

    Attributes:
        name: Which choice.
        box_fraction: Side of the box as a fraction of the picture's height; 0.18 is 44 px of 240.
        gradient_floor: Added to the local gradient energy, as a multiple of the frame's mean gradient energy.
    """

    name: FrameScoreName = "mean"
    box_fraction: float = Field(0.18, gt=0, le=1)
    gradient_floor: float = Field(6.0, ge=0)


class FrameMean(nn.Module):
    """Mean of the error over the frame: the mean squared error."""

    def forward(self, error_BTHW: Tensor, real_BTCHW: Tensor, predicted_BTCHW: Tensor) -> Tensor:
        """Returns (B, T)."""
        return error_BTHW.mean(dim=(2, 3))


class BoxMaximum(nn.Module):
    """Largest mean error over any square box inside the frame."""

    def __init__(self, *, box_px: int) -> None:
        super().__init__()
        self.box_px = box_px

    def forward(self, error_BTHW: Tensor, real_BTCHW: Tensor, predicted_BTCHW: Tensor) -> Tensor:
        """Returns (B, T)."""
        return box_mean(error_BTHW, box_px=self.box_px).amax(dim=(2, 3))


class GradientNormalised(nn.Module):
    """Largest box of error divided by the box's gradient energy of the real frame plus a floor."""

    def __init__(self, *, box_px: int, floor: float) -> None:
        super().__init__()
        self.box_px = box_px
        self.floor = floor

    def forward(self, error_BTHW: Tensor, real_BTCHW: Tensor, predicted_BTCHW: Tensor) -> Tensor:
        """Returns (B, T)."""
        energy_BTHW = gradient_energy(real_BTCHW)
        floor_BT11 = self.floor * energy_BTHW.mean(dim=(2, 3), keepdim=True) + 1e-6
        energy_BTHW = box_mean(energy_BTHW, box_px=self.box_px) + floor_BT11
        ratio_BTHW = box_mean(error_BTHW, box_px=self.box_px) / energy_BTHW
        return ratio_BTHW.amax(dim=(2, 3))


def build_frame_score(config: FrameScoreConfig, *, size_px: tuple[int, int]) -> nn.Module:
    """The module a configuration names, for pictures of this (height, width)."""
    box_px = min(max(1, round(config.box_fraction * size_px[0])), *size_px)
    match config.name:
        case "mean":
            return FrameMean()
        case "box-maximum":
            return BoxMaximum(box_px=box_px)
        case "gradient-normalised":
            return GradientNormalised(box_px=box_px, floor=config.gradient_floor)
        case "displacement":
            return DisplacementScore(box_px=box_px)


def box_mean(x_BTHW: Tensor, *, box_px: int) -> Tensor:
    """Mean over every square box that lies inside the picture: (B, T, H - box + 1, W - box + 1)."""
    # Along one side, then the other: a box of 38 px costs 76 additions a pixel and not 1,444.
    return F.avg_pool2d(F.avg_pool2d(x_BTHW, (box_px, 1), stride=1), (1, box_px), stride=1)


def box_blur(x_BTHW: Tensor, *, box_px: int) -> Tensor:
    """Mean over a square box around every pixel, cut off at the picture's edge: the same shape."""
    side = box_px + 1 - box_px % 2
    for kernel in ((side, 1), (1, side)):
        padding = (kernel[0] // 2, kernel[1] // 2)
        x_BTHW = F.avg_pool2d(x_BTHW, kernel, stride=1, padding=padding, count_include_pad=False)
    return x_BTHW


def gradient_energy(x_BTCHW: Tensor) -> Tensor:
    """Squared forward differences in both directions, mean over channels: (B, T, H, W)."""
    x_NCHW = x_BTCHW.flatten(0, 1)
    down = F.pad(x_NCHW[:, :, 1:] - x_NCHW[:, :, :-1], (0, 0, 0, 1))
    right = F.pad(x_NCHW[:, :, :, 1:] - x_NCHW[:, :, :, :-1], (0, 1))
    energy_NHW = (down.square() + right.square()).mean(dim=1)
    return torch.unflatten(energy_NHW, 0, x_BTCHW.shape[:2])
