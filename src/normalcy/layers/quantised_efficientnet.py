"""EfficientNet-lite0's features in 8-bit integers, where the backend has them; in PyTorch, the same function simulated.

Benoit Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
CVPR 2018, https://arxiv.org/abs/1712.05877; bias correction: Markus Nagel et al., "Data-Free Quantization Through
Weight Equalization and Bias Correction", ICCV 2019, https://arxiv.org/abs/1906.04721.

Weights are symmetric by output channel, activations by tensor: ReLU6 has its range by definition, and what leaves a
block has the range that pictures of the scene show. The stem and the first block stay in floating point: the filters of
its channels cancel on even ground, which rounding undoes, and their error is that of all later blocks together.

Letters: B pictures, N blocks, H height, W width.
"""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from normalcy.layers.efficientnet_lite import EfficientNetLite0Features
from normalcy.layers.folding import folded

FLOAT_BLOCKS = 1
_LARGEST_WEIGHT = 127
_WEIGHTS = (-128, 127)  # the lowest is never reached, but formats know no other range
_WITHIN_RANGE = 0.9999  # of the values that leave a block; the rest is clipped
_SAMPLED = 200_000


def calibrate(network: EfficientNetLite0Features, images_13HW: Sequence[Tensor]) -> Tensor:
    """The range of what leaves each block, (N,), from pictures in [0, 1].

    The network's biases take up what rounding its weights adds on average, so that `quantised` is right in the mean:
    calibrate a network once.
    """
    plain = folded(network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    assert isinstance(plain, EfficientNetLite0Features)
    means: dict[str, list[Tensor]] = {}
    largest: list[list[Tensor]] = [[] for _ in plain.blocks]
    for name, convolution in _convolutions(plain):
        convolution.register_forward_pre_hook(partial(_keep_mean, means.setdefault(name, [])))
    with torch.no_grad():
        for image_13HW in images_13HW:
            x = plain.begin(image_13HW)
            for block, found in zip(plain.blocks, largest, strict=True):
                x = block(x)
                found.append(_upper_end(x))
        for name, convolution in _convolutions(plain):
            mean_C = torch.stack(means[name]).mean(dim=0)
            norm = network.get_submodule(_next_to(name))
            assert isinstance(norm, nn.BatchNorm2d)
            norm.bias.add_(_lost(convolution, mean_C))
    return torch.stack([torch.stack(found).max() for found in largest]).float()


def quantised(network: EfficientNetLite0Features, range_N: Tensor) -> nn.Module:
    """A copy in evaluation mode that rounds as 8-bit integers do.

    Args:
        network: Calibrated.
        range_N: What `calibrate` found.
    """
    plain = folded(network)
    assert isinstance(plain, EfficientNetLite0Features)
    for block in list(plain.blocks)[FLOAT_BLOCKS:]:
        for sequence in [each for each in block.modules() if isinstance(each, nn.Sequential)]:
            for place, layer in enumerate(sequence):
                if isinstance(layer, nn.Conv2d):
                    sequence[place] = _RoundedConvolution(layer)
                elif isinstance(layer, nn.ReLU6):
                    sequence[place] = nn.Sequential(layer, _Rounded(6.0 / 255, 0, 255))
    return _QuantisedFeatures(plain, range_N).eval()


class _QuantisedFeatures(nn.Module):
    """The features, rounded between blocks; what leaves the last one is left as it is."""

    def __init__(self, plain: EfficientNetLite0Features, range_N: Tensor) -> None:
        super().__init__()
        self.plain = plain
        self.between = nn.ModuleList(
            _Rounded(float(reach) / _LARGEST_WEIGHT, -128, 127)
            if place + 1 >= FLOAT_BLOCKS
            else nn.Identity()
            for place, reach in enumerate(range_N[:-1])
        )

    def forward(self, image_B3HW: Tensor) -> Tensor:
        """Returns the features of each patch of 16 x 16 pixels."""
        x: Tensor = self.plain.begin(image_B3HW)
        for block, rounded in zip(self.plain.blocks, [*self.between, nn.Identity()], strict=True):
            x = rounded(block(x))
        return x


class _Rounded(nn.Module):
    """To whole multiples of a step, as far as eight bits reach."""

    def __init__(self, step: float, lowest: int, highest: int) -> None:
        super().__init__()
        self.step, self.lowest, self.highest = max(step, 1e-6), lowest, highest

    def forward(self, x: Tensor) -> Tensor:
        return torch.fake_quantize_per_tensor_affine(x, self.step, 0, self.lowest, self.highest)


class _RoundedConvolution(nn.Module):
    """A convolution with rounded weights; they are rounded in the graph, where a backend looks for it."""

    steps_C: Tensor
    zero_C: Tensor

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution = convolution
        self.register_buffer("steps_C", _steps(convolution.weight))
        self.register_buffer("zero_C", torch.zeros(len(self.steps_C), dtype=torch.int32))

    def forward(self, x: Tensor) -> Tensor:
        layer = self.convolution
        weight = torch.fake_quantize_per_channel_affine(layer.weight, self.steps_C, self.zero_C, 0, *_WEIGHTS)
        return F.conv2d(x, weight, layer.bias, layer.stride, layer.padding, layer.dilation, layer.groups)


def _steps(weight: Tensor) -> Tensor:
    """Step of each output channel."""
    return weight.detach().abs().amax(dim=(1, 2, 3)).clamp_min(1e-8) / _LARGEST_WEIGHT


def _lost(convolution: nn.Conv2d, mean_C: Tensor) -> Tensor:
    """What rounding the weights takes from each output channel in the mean, for inputs of such means."""
    rounded = _RoundedConvolution(convolution)
    weight = torch.fake_quantize_per_channel_affine(
        convolution.weight, rounded.steps_C, rounded.zero_C, 0, *_WEIGHTS
    )
    lost_OI = (convolution.weight - weight).sum(dim=(2, 3))
    return lost_OI[:, 0] * mean_C if convolution.groups > 1 else lost_OI @ mean_C


def _keep_mean(means: list[Tensor], module: nn.Module, given: tuple[Tensor, ...]) -> None:
    """A hook that keeps the mean of each input channel."""
    means.append(given[0].mean(dim=(0, 2, 3)))


def _convolutions(plain: EfficientNetLite0Features) -> Iterator[tuple[str, nn.Conv2d]]:
    """Those that are rounded, by name."""
    for name, module in plain.named_modules():
        block = name.split(".")[1] if name.startswith("blocks.") else "0"
        if isinstance(module, nn.Conv2d) and int(block) >= FLOAT_BLOCKS:
            yield name, module


def _next_to(name: str) -> str:
    """Name of the layer that follows in the same sequence."""
    sequence, _, place = name.rpartition(".")
    return f"{sequence}.{int(place) + 1}"


def _upper_end(x: Tensor) -> Tensor:
    """What nearly all of the values stay within, without sign."""
    values = x.abs().flatten()
    # NumPy selects where PyTorch sorts.
    return torch.tensor(np.quantile(values[:: max(1, len(values) // _SAMPLED)].numpy(), _WITHIN_RANGE))
