"""Folding frames into the batch, so that two-dimensional layers run on clips.

Letters: B batch, T frames, N = B*T, C channels, H height, W width.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def per_frame(layer: Callable[[Tensor], Tensor], x_BTCHW: Tensor) -> Tensor:
    """Applies a (N, C, H, W) layer to every frame of a clip; returns (B, T, C', H', W').

    Channels-last memory lets oneDNN and cuDNN use their fast kernels.
    """
    x_NCHW = x_BTCHW.flatten(0, 1).contiguous(memory_format=torch.channels_last)
    return torch.unflatten(layer(x_NCHW), 0, x_BTCHW.shape[:2])
