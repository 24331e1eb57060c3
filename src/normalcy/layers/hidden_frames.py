"""Frames that a network does not see: replaced by linear interpolation of those it does, for it to restore.

Letters: B clips, T frames, C channels, H height, W width, S source frames.
"""

from bisect import bisect_left

import torch
from torch import Tensor, nn


class HiddenFrames(nn.Module):
    """Replaces hidden frames: (B, T, C, H, W) -> the same shape, made of the visible ones only.

    A hidden frame becomes the linear interpolation of its visible neighbours; beyond the last (or before the first)
    visible one it becomes a copy of that.

    Args:
        frames: T.
        hidden: Places that are not seen, ascending.
        extrapolate: Whether a frame beyond the last visible one has two neighbours, from which a speed can be read, or
            that one twice.
    """

    mix_TS: Tensor
    mask_T: Tensor
    time_T: Tensor

    def __init__(self, frames: int, *, hidden: tuple[int, ...], extrapolate: bool = True) -> None:
        super().__init__()
        visible = [t for t in range(frames) if t not in hidden]
        if not visible or any(not 0 <= t < frames for t in hidden):
            raise ValueError(f"hidden frames {hidden} must be some, not all, of 0 to {frames - 1}")
        pairs = [_neighbours(t, visible, extrapolate=extrapolate) for t in range(frames)]
        self.before, self.after = [first for first, _ in pairs], [second for _, second in pairs]
        mask = [float(t in hidden) for t in range(frames)]
        time = [(t - first) / (second - first or 1) for t, (first, second) in enumerate(pairs)]
        self.register_buffer("mix_TS", _mix(frames, visible), persistent=False)
        self.register_buffer("mask_T", torch.tensor(mask), persistent=False)
        self.register_buffer("time_T", torch.tensor(time), persistent=False)

    def forward(self, clip_BTCHW: Tensor) -> Tensor:
        """The clip as the network may see it; visible frames stay exact, whatever the precision around it."""
        with torch.autocast(clip_BTCHW.device.type, enabled=False):
            return torch.einsum("ts,bschw->btchw", self.mix_TS.to(clip_BTCHW.dtype), clip_BTCHW)

    def neighbours(self, clip_BTCHW: Tensor) -> tuple[Tensor, Tensor]:
        """The two visible frames that tell most of each frame: (B, T, C, H, W) each.

        Those a hidden frame lies between; where it lies beyond all, the two nearest to it, or the nearest one twice.
        `time_T` says where: 0 at the first, 1 at the second, more than 1 beyond it, in frames where both are one. A
        visible frame is its own two neighbours, at time 0.
        """
        return clip_BTCHW[:, self.before], clip_BTCHW[:, self.after]


def _neighbours(t: int, visible: list[int], *, extrapolate: bool) -> tuple[int, int]:
    if t in visible:
        return t, t
    if t > visible[-1] and not extrapolate:
        return visible[-1], visible[-1]
    after = min(max(bisect_left(visible, t), 1), len(visible) - 1)
    return visible[max(after - 1, 0)], visible[after]


def _mix(frames: int, visible: list[int]) -> Tensor:
    """How much of each source frame is in each frame; rows sum to 1."""
    mix_TS = torch.zeros(frames, frames)
    for t in range(frames):
        after = bisect_left(visible, t)
        left, right = visible[max(after - 1, 0)], visible[min(after, len(visible) - 1)]
        share = 0.5 if left == right else (t - left) / (right - left)
        mix_TS[t, left] += 1 - share
        mix_TS[t, right] += share
    return mix_TS


def hidden_between(frames: int, *, every: int, predict: int = 0) -> tuple[int, ...]:
    """Hides all but every so many frames, counted back from the last; the first stays visible.

    Args:
        frames: Frames in the clip.
        every: Distance of visible frames.
        predict: So many frames at the end are hidden as well, to be predicted from what came before.

    >>> hidden_between(8, every=4, predict=1)
    (1, 3, 4, 5, 7)
    """
    last = frames - 1 - predict
    visible = {0, *range(last, -1, -every)}
    return tuple(t for t in range(frames) if t not in visible)
