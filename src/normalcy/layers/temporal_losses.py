"""Losses on how a generated clip moves, and on what attention attends to.

Letters: B clips, T frames, C channels, H height, W width, A heads, P places.
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

ConsistencyKind = Literal["literal", "matched"]


def consistency_loss(fake_BTCHW: Tensor, real_BTCHW: Tensor, *, kind: ConsistencyKind) -> Tensor:
    """How much neighbouring frames differ.

    `literal` is the mean |fake(t+1) - fake(t)|, which rewards still pictures; `matched` compares the differences of the
    fake with those of the real clip.
    """
    change_BTCHW = _change(fake_BTCHW)
    return (change_BTCHW if kind == "literal" else change_BTCHW - _change(real_BTCHW)).abs().mean()


def motion_loss(fake_BTCHW: Tensor, real_BTCHW: Tensor) -> Tensor:
    """Mean difference of the Sobel gradients of |frame difference| between fake and real."""
    return (sobel(_change(fake_BTCHW).abs()) - sobel(_change(real_BTCHW).abs())).abs().mean()


def attention_loss(weights: Sequence[Tensor]) -> Tensor:
    """Spread of attention: mean of normalised entropy and of 1 - normalised energy, over all rows; in [0, 1].

    0 when every frame attends to one frame, 1 when to all alike, whatever the number of frames, heads and places.

    Args:
        weights: Each (B, A, P, T, T), rows summing to 1.
    """
    return torch.stack([_spread(each) for each in weights]).mean()


def entropy(weights_T: Tensor) -> Tensor:
    """Entropy of rows (..., T) that sum to 1, divided by that of the even row: (...), in [0, 1]."""
    row = weights_T.float()
    return -(row * row.clamp_min(1e-12).log()).sum(dim=-1) / math.log(row.shape[-1])


def sobel(x_BTCHW: Tensor) -> Tensor:
    """Gradients along both axes by Sobel's kernels, scaled to one grey level a pixel: (2, B*T*C, 1, H, W)."""
    # Sums of shifted pictures: ten times faster than a convolution of one channel.
    x_N1HW = F.pad(x_BTCHW.float().flatten(0, 2)[:, None], (1, 1, 1, 1), mode="replicate")
    down = x_N1HW[..., :-2, :] + 2 * x_N1HW[..., 1:-1, :] + x_N1HW[..., 2:, :]
    across = x_N1HW[..., :-2] + 2 * x_N1HW[..., 1:-1] + x_N1HW[..., 2:]
    return torch.stack([down[..., 2:] - down[..., :-2], across[..., 2:, :] - across[..., :-2, :]]) / 8


def _change(x_BTCHW: Tensor) -> Tensor:
    return x_BTCHW[:, 1:] - x_BTCHW[:, :-1]


def _spread(weights_BAPTT: Tensor) -> Tensor:
    frames = weights_BAPTT.shape[-1]
    energy_BAPT = (weights_BAPTT.float().square().sum(dim=-1) - 1 / frames) / (1 - 1 / frames)
    return (entropy(weights_BAPTT).mean() + 1 - energy_BAPT.mean()) / 2
