"""Temporal U-Net of two streams that weigh each other at every level.

    high -> stem -> mix -> down -> mix -> bottleneck -> mix -> up + skip -> mix -> up + skip -> mix -> head -> high
    low  -> stem -> mix -> down -> mix -> bottleneck -> mix -> up + skip -> mix -> up + skip -> mix -> head -> low

`mix` is channel shuffling between the streams, then attention across time in each.

Letters: B clips, T frames, N = B*T, C channels, D features, H height, W width.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from normalcy.layers.channel_shuffle import ChannelShuffle
from normalcy.layers.recompute import recomputed
from normalcy.layers.shapes import per_frame
from normalcy.layers.temporal_attention import TemporalAttention

Streams = tuple[Tensor, Tensor]
Weights = tuple[Tensor, ...]
Result = TypeVar("Result")


class LevelMix(nn.Module):
    """Channel shuffling between two streams, then attention across time in each.

    Args:
        channels: Features of each stream.
        shuffle: Whether the streams weigh each other.
        heads: Heads of the attention; 0 for none.
        frames: Frames its position embedding is learned for.
        grid_stride: See `TemporalAttention`.
    """

    def __init__(self, channels: int, *, shuffle: bool, heads: int, frames: int, grid_stride: int) -> None:
        super().__init__()
        self.shuffle = ChannelShuffle(channels) if shuffle else None
        self.attention = nn.ModuleList(
            TemporalAttention(channels, heads=heads, frames=frames, grid_stride=grid_stride)
            for _ in range(2 if heads else 0)
        )

    def forward(self, high_BTDHW: Tensor, low_BTDHW: Tensor) -> tuple[Tensor, Tensor]:
        """Both streams, mixed."""
        high_BTDHW, low_BTDHW = self._shuffled(high_BTDHW, low_BTDHW)
        if self.attention:
            high_BTDHW, low_BTDHW = self.attention[0](high_BTDHW), self.attention[1](low_BTDHW)
        return high_BTDHW, low_BTDHW

    def attention_weights(
        self, high_BTDHW: Tensor, low_BTDHW: Tensor
    ) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, ...]]:
        """The same, and the attention weights of each stream."""
        streams = self._shuffled(high_BTDHW, low_BTDHW)
        if not self.attention:
            return streams, ()
        (high_BTDHW, of_high), (low_BTDHW, of_low) = map(_with_weights, self.attention, streams)
        return (high_BTDHW, low_BTDHW), (of_high, of_low)

    def _shuffled(self, high_BTDHW: Tensor, low_BTDHW: Tensor) -> tuple[Tensor, Tensor]:
        if self.shuffle is None:
            return high_BTDHW, low_BTDHW
        streams: tuple[Tensor, Tensor] = self.shuffle(high_BTDHW, low_BTDHW)
        return streams


class StreamUNet(nn.Module):
    """Encoder, bottleneck and decoder of one stream, in steps, so that streams can mix between them."""

    def __init__(
        self, channels_in: int, channels_out: int, *, widths: tuple[int, ...], stem_stride: int
    ) -> None:
        super().__init__()
        self.stem_stride = stem_stride
        first = channels_in * stem_stride**2
        self.down = nn.ModuleList(
            nn.Sequential(_conv(before, after, stride=1 if level == 0 else 2), _conv(after, after))
            for level, (before, after) in enumerate(pairwise((first, *widths)))
        )
        self.up = nn.ModuleList(
            nn.Conv2d(deep, shallow * 4, kernel_size=1) for shallow, deep in pairwise(widths)
        )
        self.join = nn.ModuleList(_conv(2 * shallow, shallow) for shallow in widths[:-1])
        self.head = nn.Conv2d(widths[0], channels_out * stem_stride**2, kernel_size=3, padding=1)

    def encode(self, level: int, x_BTDHW: Tensor) -> Tensor:
        """One level down; level 0 takes the clip."""
        if level == 0 and self.stem_stride > 1:
            x_BTDHW = per_frame(lambda x_NCHW: F.pixel_unshuffle(x_NCHW, self.stem_stride), x_BTDHW)
        return per_frame(self.down[level], x_BTDHW)

    def decode(self, level: int, deep_BTDHW: Tensor, skip_BTDHW: Tensor) -> Tensor:
        """One level up, to `level`, with the encoder's features of that level."""

        def step(deep_NDHW: Tensor) -> Tensor:
            grown_NDHW = F.pixel_shuffle(self.up[level](deep_NDHW), 2)
            skip_NDHW = skip_BTDHW.flatten(0, 1)
            out: Tensor = self.join[level](torch.cat([grown_NDHW, skip_NDHW], dim=1))
            return out

        return per_frame(step, deep_BTDHW)

    def show(self, x_BTDHW: Tensor) -> Tensor:
        """From the features of level 0 to pictures."""
        return per_frame(lambda x_NDHW: F.pixel_shuffle(self.head(x_NDHW), self.stem_stride), x_BTDHW)


class DualStreamUNet(nn.Module):
    """Two U-Nets with mixing at every level: two (B, T, C, H, W) in, two (B, T, C', H, W) out.

    H and W are multiples of `stem_stride * 2 ** (levels - 1)`.

    Args:
        channels_in: C.
        channels_out: C'.
        widths: Features by level; the last is the bottleneck.
        stem_stride: The first level works on a grid so many times coarser; its pixels become channels.
        shuffle: Channel shuffling between the streams.
        heads: Heads of attention across time; 0 for none.
        frames: Frames that position embeddings are learned for.
        grid_strides: For each level, how much coarser the grid is that attends.
        checkpointed: Compute levels again in the backward pass instead of keeping them: less memory, more time.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        *,
        widths: tuple[int, ...],
        stem_stride: int,
        shuffle: bool,
        heads: int,
        frames: int,
        grid_strides: tuple[int, ...],
        checkpointed: bool = False,
    ) -> None:
        super().__init__()
        self.checkpointed = checkpointed

        def mixers(levels: range) -> nn.ModuleList:
            return nn.ModuleList(
                LevelMix(
                    widths[level],
                    shuffle=shuffle,
                    heads=heads,
                    frames=frames,
                    grid_stride=grid_strides[level],
                )
                for level in levels
            )

        self.high = StreamUNet(channels_in, channels_out, widths=widths, stem_stride=stem_stride)
        self.low = StreamUNet(channels_in, channels_out, widths=widths, stem_stride=stem_stride)
        self.mix_down = mixers(range(len(widths)))
        self.mix_up = mixers(range(len(widths) - 1))

    def forward(self, high_BTCHW: Tensor, low_BTCHW: Tensor) -> tuple[Tensor, Tensor]:
        """High and low, rebuilt."""
        return self._run(high_BTCHW, low_BTCHW, self._bottom)[0]

    def start_at_zero(self) -> None:
        """Makes both outputs zero at first, so that a network that adds to a good guess starts from that guess."""
        for stream in (self.high, self.low):
            for parameter in stream.head.parameters():
                nn.init.zeros_(parameter)

    def with_weights(self, high_BTCHW: Tensor, low_BTCHW: Tensor) -> tuple[Streams, Weights, Streams]:
        """The same; the bottleneck's attention weights of each stream, (B, heads, places, T, T); its features."""
        return self._run(high_BTCHW, low_BTCHW, self._bottom_with_weights)

    def _run(
        self, high: Tensor, low: Tensor, bottom: Callable[[int, Tensor, Tensor], tuple[Streams, Weights]]
    ) -> tuple[Streams, Weights, Streams]:
        skips = []
        for level in range(len(self.mix_down) - 1):
            high, low = self._step(self._down, level, high, low)
            skips.append((high, low))
        deepest = len(self.mix_down) - 1
        bottleneck, weights = self._step(bottom, deepest, high, low)
        high, low = bottleneck
        for level in reversed(range(deepest)):
            high, low = self._step(self._up, level, high, low, *skips[level])
        return (self.high.show(high), self.low.show(low)), weights, bottleneck

    def _bottom(self, level: int, high: Tensor, low: Tensor) -> tuple[Streams, Weights]:
        return self._down(level, high, low), ()

    def _bottom_with_weights(self, level: int, high: Tensor, low: Tensor) -> tuple[Streams, Weights]:
        mix = self.mix_down[level]
        assert isinstance(mix, LevelMix)
        return mix.attention_weights(self.high.encode(level, high), self.low.encode(level, low))

    def _down(self, level: int, high: Tensor, low: Tensor) -> Streams:
        streams: Streams = self.mix_down[level](self.high.encode(level, high), self.low.encode(level, low))
        return streams

    def _up(self, level: int, high: Tensor, low: Tensor, high_skip: Tensor, low_skip: Tensor) -> Streams:
        streams: Streams = self.mix_up[level](
            self.high.decode(level, high, high_skip), self.low.decode(level, low, low_skip)
        )
        return streams

    def _step(self, step: Callable[..., Result], level: int, *streams: Tensor) -> Result:
        if self.checkpointed and self.training:
            return recomputed(step, level, *streams, module=self)
        return step(level, *streams)


def _with_weights(attention: nn.Module, x_BTDHW: Tensor) -> tuple[Tensor, Tensor]:
    assert isinstance(attention, TemporalAttention)
    return attention.with_weights(x_BTDHW)


def _conv(before: int, after: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, kernel_size=3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.LeakyReLU(0.2, inplace=True),
    )
