"""Temporal feature fusion: what a clip holds over time, in one picture of features.

    clip --+-- attention over time (global) ----+
           +-- ConvLSTM, last state (sequential) -+-- 1x1 convolution -> (B, C, H, W)
           +-- 3-D convolution (local) -----------+

Letters: B clips, T frames, C channels in and out, D channels of each path, H height, W width, h and w the coarser grid.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from normalcy.layers.coarse_grid import from_grid, to_grid
from normalcy.layers.conv_lstm import ConvLSTM
from normalcy.layers.shapes import per_frame
from normalcy.layers.temporal_attention import TemporalAttention

FusionPath = Literal["attention", "conv_lstm", "conv3d"]


class TemporalFusion(nn.Module):
    """Summary of a clip along chosen paths: (B, T, C, H, W) -> (B, C, H, W).

    Args:
        channels: C.
        paths: Which of the paths are built, at least one.
        width: D.
        heads: Heads of the attention; divides D.
        frames: Frames the position embedding is learned for.
        grid_stride: The summary is computed on a grid this much coarser and spread back.
    """

    def __init__(
        self,
        channels: int,
        *,
        paths: tuple[FusionPath, ...],
        width: int,
        heads: int,
        frames: int,
        grid_stride: int = 1,
    ) -> None:
        super().__init__()
        builders: dict[FusionPath, Callable[[], nn.Module]] = {
            "attention": lambda: AttentionPath(channels, width=width, heads=heads, frames=frames),
            "conv_lstm": lambda: ConvLSTM(channels, width),
            "conv3d": lambda: Conv3dPath(channels, width),
        }
        self.grid_stride = grid_stride
        self.paths = nn.ModuleDict({name: builders[name]() for name in paths})
        self.fuse = nn.Conv2d(width * len(paths), channels, kernel_size=1)

    def forward(self, clip_BTCHW: Tensor) -> Tensor:
        """The summary, of the size of the clip's frames."""
        height, width = clip_BTCHW.shape[3:]
        grid_BTChw = to_grid(clip_BTCHW, stride=self.grid_stride)
        found = [self._summary(name, grid_BTChw) for name in self.paths]
        summary_BChw = self.fuse(torch.cat(found, dim=1))
        return from_grid(summary_BChw, stride=self.grid_stride, size_px=(height, width))

    def _summary(self, name: str, clip_BTChw: Tensor) -> Tensor:
        """(B, D, h, w): the last state of what runs through the clip, the mean of what sees all of it."""
        features_BTDhw: Tensor = self.paths[name](clip_BTChw)
        return features_BTDhw[:, -1] if name == "conv_lstm" else features_BTDhw.mean(dim=1)


class AttentionPath(nn.Module):
    """Lifts raw frames to a model width and attends across time: (B, T, C, H, W) -> (B, T, D, H, W)."""

    def __init__(self, channels: int, *, width: int, heads: int, frames: int) -> None:
        super().__init__()
        self.lift = nn.Conv2d(channels, width, kernel_size=3, padding=1)
        self.attention = TemporalAttention(width, heads=heads, frames=frames)

    def forward(self, clip_BTCHW: Tensor) -> Tensor:
        """Attended features of every frame."""
        lifted_BTDHW = F.leaky_relu(per_frame(self.lift, clip_BTCHW), 0.2)
        out: Tensor = self.attention(lifted_BTDHW)
        return out


class Conv3dPath(nn.Module):
    """One convolution over time and place: (B, T, C, H, W) -> (B, T, D, H, W)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(channels, width, kernel_size=3, padding=1)

    def forward(self, clip_BTCHW: Tensor) -> Tensor:
        """Features of every frame."""
        return F.leaky_relu(self.conv(clip_BTCHW.transpose(1, 2)), 0.2).transpose(1, 2)
