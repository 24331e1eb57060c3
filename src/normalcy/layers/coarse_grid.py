"""A coarser grid over the frames of a clip, and the way back to pixels.

Letters: B clips, T frames, N = B*T, C channels, H height, W width, h and w the grid's, rounded up.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def to_grid(x_BTCHW: Tensor, *, stride: int) -> Tensor:
    """Means of `stride` x `stride` pixels, fewer in the last cell of a row or column: (B, T, C, h, w)."""
    if stride == 1:
        return x_BTCHW
    cells_NChw = F.avg_pool2d(x_BTCHW.flatten(0, 1), stride, ceil_mode=True)
    return torch.unflatten(cells_NChw, 0, x_BTCHW.shape[:2])


def from_grid(cells_NChw: Tensor, *, stride: int, size_px: tuple[int, int]) -> Tensor:
    """Spreads a grid over the picture it was taken of, linearly between the centres of cells: (N, C, H, W)."""
    if stride == 1:
        return cells_NChw
    # By factor, then cut: by size, the grid would be squeezed where the stride does not divide the sides.
    grown = F.interpolate(cells_NChw, scale_factor=stride, mode="bilinear")
    return grown[:, :, : size_px[0], : size_px[1]]
