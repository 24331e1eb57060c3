"""EfficientNet-lite0: up to its stride of 16, what a patch of a picture looks like; as a whole, what all of it does.

Mingxing Tan and Quoc V. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019,
https://arxiv.org/abs/1905.11946; the lite variant drops squeeze-and-excitation and uses ReLU6:
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite

Letters: B pictures, H height, W width, h and w a sixteenth of them.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import Tensor, nn

WIDTH = 112
STRIDE_PX = 16
_BATCH_NORM_EPSILON = 1e-3


class _Stage(NamedTuple):
    expansion: int
    kernel: int
    stride: int
    blocks: int
    width: int


_STEM_WIDTH = 32
_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(6, 3, 2, 2, 24),
    _Stage(6, 5, 2, 2, 40),
    _Stage(6, 3, 2, 3, 80),
    _Stage(6, 5, 1, 3, WIDTH),
)
_LATER_STAGES = (_Stage(6, 5, 2, 4, 192), _Stage(6, 3, 1, 1, 320))
WHOLE_WIDTH = 1280


class EfficientNetLite0Features(nn.Module):
    """From pictures (B, 3, H, W) with values in [0, 1] to features (B, 112, h, w); H and W are multiples of 16."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _stem()
        self.blocks = _blocks(_STAGES)

    def forward(self, image_B3HW: Tensor) -> Tensor:
        """Returns the features of each patch of 16 x 16 pixels."""
        features: Tensor = self.blocks(self.begin(image_B3HW))
        return features

    def begin(self, image_B3HW: Tensor) -> Tensor:
        """What the first block is given."""
        begun: Tensor = self.stem(_centred(image_B3HW))
        return begun


class EfficientNetLite0(nn.Module):
    """From pictures (B, 3, H, W) with values in [0, 1] to one feature vector each (B, 1280), without a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _stem()
        self.blocks = _blocks((*_STAGES, *_LATER_STAGES))
        self.head = nn.Sequential(*_convolution(_LATER_STAGES[-1].width, WHOLE_WIDTH, kernel=1), nn.ReLU6())

    def forward(self, image_B3HW: Tensor) -> Tensor:
        """Returns the mean features of each picture."""
        features: Tensor = self.head(self.blocks(self.stem(_centred(image_B3HW))))
        return features.mean(dim=(-2, -1))


def _centred(image_B3HW: Tensor) -> Tensor:
    return image_B3HW * (255 / 128) - 127 / 128


def _stem() -> nn.Sequential:
    return nn.Sequential(*_convolution(3, _STEM_WIDTH, kernel=3, stride=2), nn.ReLU6())


def _blocks(stages: Sequence[_Stage]) -> nn.Sequential:
    blocks, width = [], _STEM_WIDTH
    for stage in stages:
        for number in range(stage.blocks):
            blocks.append(_Block(width, stage, stride=stage.stride if number == 0 else 1))
            width = stage.width
    return nn.Sequential(*blocks)


class _Block(nn.Module):
    """Inverted bottleneck: widen, filter by channel, narrow; added to its input where that fits."""

    def __init__(self, width: int, stage: _Stage, *, stride: int) -> None:
        super().__init__()
        inner = width * stage.expansion
        self.adds = stride == 1 and width == stage.width
        widen = [*_convolution(width, inner, kernel=1), nn.ReLU6()] if stage.expansion > 1 else []
        self.layers = nn.Sequential(
            *widen,
            *_convolution(inner, inner, kernel=stage.kernel, stride=stride, groups=inner),
            nn.ReLU6(),
            *_convolution(inner, stage.width, kernel=1),
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        y_BCHW: Tensor = self.layers(x_BCHW)
        return x_BCHW + y_BCHW if self.adds else y_BCHW


def _convolution(
    inward: int, outward: int, *, kernel: int, stride: int = 1, groups: int = 1
) -> tuple[nn.Module, nn.Module, nn.Module]:
    """Padding as TensorFlow's SAME, convolution, batch normalisation."""
    total = kernel - stride if stride > 1 else kernel - 1
    before = total // 2
    pad: nn.Module = nn.ZeroPad2d((before, total - before) * 2) if stride > 1 else nn.Identity()
    convolution = nn.Conv2d(
        inward, outward, kernel, stride, padding=0 if stride > 1 else before, groups=groups, bias=False
    )
    return pad, convolution, nn.BatchNorm2d(outward, eps=_BATCH_NORM_EPSILON)


def from_public_names(weights: Mapping[str, Tensor], *, whole: bool = False) -> dict[str, Tensor]:
    """Weights under this module's names, from a file with the names of the usual PyTorch port; the rest is left out.

    Args:
        weights: By their public names.
        whole: For `EfficientNetLite0`, else for the features of patches.
    """
    renamed: dict[str, Tensor] = {}
    blocks = sum(stage.blocks for stage in ((*_STAGES, *_LATER_STAGES) if whole else _STAGES))
    for name, tensor in weights.items():
        if own := _own_name(name, blocks=blocks, whole=whole):
            renamed[own] = tensor
    return renamed


def _own_name(name: str, *, blocks: int, whole: bool) -> str | None:
    if match := re.fullmatch(r"_(conv_stem|bn0)\.(\w+)", name):
        return f"stem.{1 if match[1] == 'conv_stem' else 2}.{match[2]}"
    if whole and (match := re.fullmatch(r"_(conv_head|bn1)\.(\w+)", name)):
        return f"head.{1 if match[1] == 'conv_head' else 2}.{match[2]}"
    match = re.fullmatch(
        r"_blocks\.(\d+)\._(expand_conv|bn0|depthwise_conv|bn1|project_conv|bn2)\.(\w+)", name
    )
    if not match or int(match[1]) >= blocks:
        return None
    narrower = 4 if match[1] == "0" else 0  # the first block does not widen
    place = {"expand_conv": 1, "bn0": 2, "depthwise_conv": 5, "bn1": 6, "project_conv": 9, "bn2": 10}[
        match[2]
    ]
    return f"blocks.{match[1]}.layers.{place - narrower}.{match[3]}"
