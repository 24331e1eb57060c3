"""A discriminator of clips: convolutions on every frame, then attention across time.

Letters: B clips, T frames, N = B*T, C channels, D features, H height, W width, h and w the features' height and width.
"""

from dataclasses import dataclass
from itertools import pairwise

from pydantic import Field
from torch import Tensor, nn

from normalcy.config import StrictConfig
from normalcy.layers.shapes import per_frame
from normalcy.layers.temporal_attention import TemporalAttention


class ConvSpec(StrictConfig):
    """One convolution.

    Attributes:
        channels: Channels out.
        kernel: Side of the kernel.
        stride: Step of the kernel.
        padding: Zeros on every side.
    """

    channels: int = Field(ge=1)
    kernel: int = Field(4, ge=1)
    stride: int = Field(2, ge=1)
    padding: int = Field(1, ge=0)


@dataclass(frozen=True, eq=False)
class Judgement:
    """What a discriminator says of a clip.

    Attributes:
        logits_BThw: Real (positive) or fake, at every place.
        features: Activations of every layer, the attended ones last; each (B, T, D, h, w).
    """

    logits_BThw: Tensor
    features: tuple[Tensor, ...]


class VideoDiscriminator(nn.Module):
    """Tells real clips from generated ones, (B, T, C, H, W) each.

    Args:
        channels: C.
        layers: Its convolutions; the first has no BatchNorm (Radford et al. 2016, arXiv 1511.06434).
        attention: Whether features attend across time.
        heads: Heads of that attention.
        frames: Frames its position embedding is learned for.
    """

    def __init__(
        self, channels: int, *, layers: tuple[ConvSpec, ...], attention: bool, heads: int, frames: int
    ) -> None:
        super().__init__()
        widths = (channels, *(layer.channels for layer in layers))
        self.convs = nn.ModuleList(
            _conv(before, layer, norm=number > 0)
            for number, ((before, _), layer) in enumerate(zip(pairwise(widths), layers, strict=True))
        )
        self.attention = (
            TemporalAttention(widths[-1], heads=heads, frames=frames) if attention else nn.Identity()
        )
        self.head = nn.Conv2d(widths[-1], 1, kernel_size=1)

    def forward(self, clip_BTCHW: Tensor) -> Judgement:
        """Logits and features of a clip."""
        features = []
        for conv in self.convs:
            clip_BTCHW = per_frame(conv, clip_BTCHW)
            features.append(clip_BTCHW)
        attended_BTDhw = self.attention(clip_BTCHW)
        logits_BThw = per_frame(self.head, attended_BTDhw)[:, :, 0]
        return Judgement(logits_BThw, (*features[:-1], attended_BTDhw))


def _conv(before: int, layer: ConvSpec, *, norm: bool) -> nn.Sequential:
    conv = nn.Conv2d(before, layer.channels, layer.kernel, layer.stride, layer.padding, bias=not norm)
    middle = [nn.BatchNorm2d(layer.channels)] if norm else []
    return nn.Sequential(conv, *middle, nn.LeakyReLU(0.2, inplace=True))
