"""Multi-head attention across the frames of a clip: each place attends to itself at other times.

Letters: B clips, T frames, C channels, H height, W width, h and w the grid that attends, N = B*h*w sequences,
A heads, D model width, K = D/A width of a head.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from normalcy.layers.coarse_grid import from_grid, to_grid


class TemporalAttention(nn.Module):
    """Attention over time with a residual: (B, T, C, H, W) -> the same shape.

    Args:
        channels: C.
        heads: A; divides the model width.
        frames: Frames that the position embedding is learned for; other numbers are served by interpolation.
        width: D, where it differs from C, such as for raw frames of 3 channels.
        grid_stride: The grid that attends is this many times coarser than the picture; what it finds is spread
            back over it. Bounds memory and time at high resolution.
    """

    def __init__(
        self, channels: int, *, heads: int, frames: int, width: int | None = None, grid_stride: int = 1
    ) -> None:
        super().__init__()
        width = width or channels
        if width % heads:
            raise ValueError(f"a model width of {width} has no {heads} equal heads")
        self.heads, self.grid_stride = heads, grid_stride
        self.embed = nn.Identity() if width == channels else nn.Linear(channels, width)
        self.norm = nn.LayerNorm(width)
        self.position_TD = nn.Parameter(torch.randn(frames, width) * 0.02)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, channels)

    def forward(self, x_BTCHW: Tensor, *, with_weights: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """Attends and adds what it found; with the weights beside it where these are asked for."""
        query, key, value = self.heads_of(x_BTCHW)
        if not with_weights:
            return x_BTCHW + self._spread(attend(query, key, value), x_BTCHW)
        weights_NATT = attention_weights(query, key)
        out = x_BTCHW + self._spread(weights_NATT.to(value.dtype) @ value, x_BTCHW)
        return out, torch.unflatten(weights_NATT, 0, (x_BTCHW.shape[0], -1)).transpose(1, 2)

    def with_weights(self, x_BTCHW: Tensor) -> tuple[Tensor, Tensor]:
        """The same, and the weights: (B, heads, h*w, T, T), rows sum to 1."""
        # As a call of the module, so that its hooks see it.
        attended: tuple[Tensor, Tensor] = self(x_BTCHW, with_weights=True)
        return attended

    def position(self, frames: int) -> Tensor:
        """Position embedding of so many frames: (T, D)."""
        return _of_length(self.position_TD, frames)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Takes weights that were learned for another number of frames as well."""
        name = f"{prefix}position_TD"
        if name in state_dict:
            state_dict[name] = _of_length(state_dict[name], len(self.position_TD))
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def heads_of(self, x_BTCHW: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Query, key and value, each (N, A, T, K)."""
        tokens_NTD = self.norm(self.embed(self._sequences(x_BTCHW))) + self.position(x_BTCHW.shape[1])
        # By products of their own: runtimes know attention as one operation in this form alone.
        query, key, value = (
            torch.unflatten(F.linear(tokens_NTD, weight, bias), -1, (self.heads, -1)).transpose(1, 2)
            for weight, bias in zip(
                self.query_key_value.weight.chunk(3), self.query_key_value.bias.chunk(3), strict=True
            )
        )
        return query, key, value

    def _sequences(self, x_BTCHW: Tensor) -> Tensor:
        """One sequence for each place of the grid: (N, T, C)."""
        grid_BTChw = to_grid(x_BTCHW, stride=self.grid_stride)
        return grid_BTChw.permute(0, 3, 4, 1, 2).flatten(0, 2)

    def _spread(self, attended_NATK: Tensor, x_BTCHW: Tensor) -> Tensor:
        """From sequences back to pictures of the size of `x_BTCHW`."""
        batch, frames, _, height, width = x_BTCHW.shape
        rows, columns = -(-height // self.grid_stride), -(-width // self.grid_stride)
        found_NTC = self.out(attended_NATK.transpose(1, 2).flatten(2))
        found_BTChw = torch.unflatten(found_NTC, 0, (batch, rows, columns)).permute(0, 3, 4, 1, 2)
        if self.grid_stride == 1:
            return found_BTChw
        grown = from_grid(found_BTChw.flatten(0, 1), stride=self.grid_stride, size_px=(height, width))
        return torch.unflatten(grown, 0, (batch, frames))


def _of_length(table_TD: Tensor, frames: int) -> Tensor:
    """A table of so many frames, interpolated where it has another number."""
    if frames == len(table_TD):
        return table_TD
    return F.interpolate(table_TD.T[None], size=frames, mode="linear", align_corners=True)[0].T


def attend(query_NATK: Tensor, key_NATK: Tensor, value_NATK: Tensor) -> Tensor:
    """Scaled dot-product attention, by whichever of two equal ways is faster for very short sequences."""
    if query_NATK.dtype == torch.bfloat16 and query_NATK.device.type == "cpu":
        # 4,096 sequences of 16 frames, 8 heads of 16: forward and backward 120 ms, torch's fused kernel 280 ms.
        return attention_weights(query_NATK, key_NATK).to(value_NATK.dtype) @ value_NATK
    return F.scaled_dot_product_attention(query_NATK, key_NATK, value_NATK)


def attention_weights(query_NATK: Tensor, key_NATK: Tensor) -> Tensor:
    """Softmax of the scaled products, float32: (N, A, T, T), rows sum to 1."""
    scores_NATT = query_NATK @ key_NATK.transpose(-1, -2)
    return (scores_NATT.float() / math.sqrt(query_NATK.shape[-1])).softmax(dim=-1)
