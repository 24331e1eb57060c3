"""Omni-frequency split: a picture as the sum of a high and a low frequency part, without loss.

Yufei Liang et al., "Omni-frequency Channel-selection Representations for Unsupervised Anomaly Detection",
IEEE TIP 2023, arXiv 2203.00259, https://arxiv.org/abs/2203.00259

Everything happens in float32: detail is signed, and a split in unsigned integers would cut half of it off.

Letters: B clips, T frames, N = B*T, C channels, H height, W width, h and w half of them.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

SplitKind = Literal["pyramid", "laplacian", "none"]

# Burt and Adelson's generating kernel, and the five-point Laplacian.
_BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
_LAPLACIAN = ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0))


class FrequencySplit(nn.Module):
    """Splits clips: (B, T, C, H, W) -> high and low of the same shape, with `high + low == clip`.

    Args:
        kind: `pyramid` takes one level of a Gaussian pyramid as the low part; `laplacian` the response of the Laplacian
            as the high part (what is left is then a sharpened picture, not a low band); `none` halves the picture.
    """

    kernel_HW: Tensor

    def __init__(self, kind: SplitKind) -> None:
        super().__init__()
        self.kind = kind
        binomial = torch.tensor(_BINOMIAL)
        kernel_HW = torch.tensor(_LAPLACIAN) if kind == "laplacian" else torch.outer(binomial, binomial)
        self.register_buffer("kernel_HW", kernel_HW, persistent=False)

    def forward(self, clip_BTCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Returns (high, low), float32 whatever the precision around it."""
        with torch.autocast(clip_BTCHW.device.type, enabled=False):
            clip_BTCHW = clip_BTCHW.float()
            match self.kind:
                case "pyramid":
                    low_BTCHW = (
                        _low_band_by_products(clip_BTCHW)
                        if torch.compiler.is_exporting()
                        else _each_plane(self._low_band, clip_BTCHW)
                    )
                    return clip_BTCHW - low_BTCHW, low_BTCHW
                case "laplacian":
                    high_BTCHW = _each_plane(self._laplacian, clip_BTCHW)
                    return high_BTCHW, clip_BTCHW - high_BTCHW
                case "none":
                    return clip_BTCHW / 2, clip_BTCHW / 2

    def _low_band(self, x_N1HW: Tensor) -> Tensor:
        """Blur, take every second pixel, and interpolate back with the same kernel."""
        height, width = x_N1HW.shape[2:]
        kernel_11HW = self.kernel_HW[None, None]
        small_N1hw = F.conv2d(F.pad(x_N1HW, (2, 2, 2, 2), mode="replicate"), kernel_11HW, stride=2)
        padded = F.pad(small_N1hw, (1, 1, 1, 1), mode="replicate")
        grown = F.conv_transpose2d(padded, 4 * kernel_11HW, stride=2, padding=2)
        return grown[:, :, 2 : 2 + height, 2 : 2 + width]

    def _laplacian(self, x_N1HW: Tensor) -> Tensor:
        return F.conv2d(F.pad(x_N1HW, (1, 1, 1, 1), mode="replicate"), self.kernel_HW[None, None])


def _low_band_by_products(clip_BTCHW: Tensor) -> Tensor:
    """The same low band, as a matrix for each side of the picture: runtimes are slow at filters of a single channel."""
    rows_HH, columns_WW = (
        torch.tensor(_low_band_of_side(side), device=clip_BTCHW.device) for side in clip_BTCHW.shape[3:]
    )
    return rows_HH @ (clip_BTCHW @ columns_WW.T)


def _low_band_of_side(length: int) -> npt.NDArray[np.float32]:
    """Blur, take every second, and interpolate back, along one side: what each pixel has of each, (length, length)."""
    places = np.arange(length)
    shrunk = -(-length // 2)
    blur = np.zeros((shrunk, length), np.float32)
    grow = np.zeros((length, shrunk), np.float32)
    for step, weight in zip(range(-2, 3), _BINOMIAL, strict=True):
        np.add.at(blur, (places[:shrunk], np.clip(2 * places[:shrunk] + step, 0, length - 1)), weight)
        source = places + step
        even = source % 2 == 0
        np.add.at(grow, (places[even], np.clip(source[even] // 2, 0, shrunk - 1)), 2 * weight)
    return grow @ blur


def _each_plane(function: Callable[[Tensor], Tensor], x_BTCHW: Tensor) -> Tensor:
    """Applies a (N, 1, H, W) function to every channel of every frame."""
    return function(x_BTCHW.flatten(0, 2)[:, None]).reshape(x_BTCHW.shape)
