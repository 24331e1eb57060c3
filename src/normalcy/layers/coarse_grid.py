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
    """Spreads a grid over the picture it was taken of, linearly between the centres of cells: (N, C, H, W).

    What is spread beyond the picture, where the stride does not divide its sides, is cut off.
    """
    if stride == 1:
        return cells_NChw
    if torch.compiler.is_exporting():
        # Runtimes have this as one operation that needs no other layout.
        grown_NCHW = F.interpolate(cells_NChw, scale_factor=float(stride), mode="bilinear")
        return grown_NCHW[:, :, : size_px[0], : size_px[1]]
    rows_Hh, columns_Ww = (
        _spreading(cells, stride=stride, like=cells_NChw)[:side]
        for cells, side in zip(cells_NChw.shape[2:], size_px, strict=True)
    )
    # As two small products, channels last: half the time of `F.interpolate`, which lays everything out anew.
    cells_NhwC = cells_NChw.permute(0, 2, 3, 1)
    tall_NHwC = torch.unflatten(rows_Hh @ cells_NhwC.flatten(2), 2, cells_NhwC.shape[2:])
    return (columns_Ww @ tall_NHwC).permute(0, 3, 1, 2)


def _spreading(cells: int, *, stride: int, like: Tensor) -> Tensor:
    """How much of each cell is in each pixel along one side: (cells * stride, cells)."""
    each_1hh = torch.eye(cells, device=like.device, dtype=like.dtype)[None]
    return F.interpolate(each_1hh, scale_factor=stride, mode="linear")[0].T
