import copy

import numpy as np
import pytest
import torch
from torch import nn

from normalcy.layers.efficientnet_lite import EfficientNetLite0Features
from normalcy.layers.folding import folded
from normalcy.layers.openvino_import import openvino_core
from normalcy.layers.quantised_efficientnet import FLOAT_BLOCKS, calibrate, quantised


def network(*, seed: int = 0) -> EfficientNetLite0Features:
    """Random weights, and statistics such that values neither vanish nor explode."""
    torch.manual_seed(seed)
    made = EfficientNetLite0Features().train()
    with torch.no_grad():
        for _ in range(8):
            made(torch.rand(4, 3, 64, 64))
    return made.eval().requires_grad_(False)


def pictures(count: int = 3) -> list[torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    return [torch.rand((1, 3, 64, 96), generator=draw) for _ in range(count)]


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


def test_it_is_the_network_but_for_rounding():
    plain = network()
    calibrated = copy.deepcopy(plain)
    rounded = quantised(calibrated, calibrate(calibrated, pictures()))
    (image,) = pictures(1)
    difference = relative(rounded(image), plain(image))
    assert 0 < difference < 0.1


def test_the_range_of_a_block_is_that_of_what_leaves_it():
    plain = network()
    range_N = calibrate(copy.deepcopy(plain), pictures())
    assert range_N.shape == (len(plain.blocks),)
    x = torch.cat([plain.begin(image) for image in pictures()])
    for block, reach in zip(plain.blocks, range_N, strict=True):
        x = block(x)
        largest = float(x.abs().max())
        assert 0.6 * largest < float(reach) <= largest + 1e-5


def test_the_bias_takes_up_what_rounded_weights_lose_in_the_mean():
    """With weights that all round down, the mean of what comes out would be off without it."""
    plain = network()
    for name, module in plain.named_modules():
        if isinstance(module, nn.Conv2d) and name.startswith("blocks."):
            step = module.weight.abs().amax(dim=(1, 2, 3), keepdim=True) / 127
            rounded = (module.weight / step).floor() + 0.4
            module.weight.copy_(torch.where(module.weight.abs() < step * 126, rounded * step, module.weight))
    corrected, images = copy.deepcopy(plain), pictures()
    range_N = calibrate(corrected, images)

    def off(network: EfficientNetLite0Features) -> float:
        rounded = quantised(network, range_N)
        errors = [(rounded(image) - plain(image)).mean(dim=(0, 2, 3)) for image in images]
        return float(torch.stack(errors).mean(dim=0).norm())

    assert off(corrected) < 0.5 * off(plain)


def test_weights_are_whole_multiples_of_a_step_for_each_channel_but_in_the_first_blocks(monkeypatch):
    made = network()
    rounded = quantised(made, calibrate(made, pictures()))
    used: list[torch.Tensor] = []
    convolve = torch.nn.functional.conv2d

    def spy(x, weight, *rest):
        used.append(weight)
        return convolve(x, weight, *rest)

    monkeypatch.setattr("normalcy.layers.quantised_efficientnet.F.conv2d", spy)
    rounded(pictures(1)[0])
    convolutions = [
        module
        for block in list(rounded.plain.blocks)[FLOAT_BLOCKS:]
        for module in block.modules()
        if hasattr(module, "steps_C")
    ]
    inside = [weight for weight in used if any(len(weight) == len(each.steps_C) for each in convolutions)]
    exact = {name: each.weight for name, each in folded(made).named_modules() if isinstance(each, nn.Conv2d)}
    assert len(convolutions) == 3 * (len(made.blocks) - FLOAT_BLOCKS)
    assert len(inside) >= len(convolutions)
    for module, weight in zip(convolutions, used[-len(convolutions) :], strict=True):
        levels = weight / module.steps_C[:, None, None, None]
        np.testing.assert_allclose(levels, levels.round(), atol=1e-3)
        assert levels.abs().max() <= 127 + 1e-3
        assert not torch.equal(weight, module.convolution.weight)
    assert any(
        torch.equal(module.convolution.weight, each) for module in convolutions for each in exact.values()
    )


def test_activations_between_blocks_have_no_more_than_256_values():
    made = network()
    rounded = quantised(made, calibrate(made, pictures()))
    seen: list[torch.Tensor] = []
    rounded.between[3].register_forward_hook(lambda _module, _given, out: seen.append(out))
    rounded(pictures(1)[0])
    assert 20 < len(seen[0].unique()) <= 256


# OpenVINO traces the network, of which PyTorch warns.
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_openvino_runs_its_convolutions_in_integers():
    openvino = pytest.importorskip("openvino")
    made = network()
    rounded = quantised(made, calibrate(made, pictures()))
    (image,) = pictures(1)
    traced = torch.jit.trace(rounded, image, check_trace=False)
    model = openvino.convert_model(traced, example_input=image, input=list(image.shape))
    compiled = openvino_core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    (found,) = compiled(image.numpy()).values()
    assert relative(torch.from_numpy(found), rounded(image)) < 0.1
    told = [node.get_rt_info() for node in compiled.get_runtime_model().get_ops()]
    convolutions = [
        info["runtimePrecision"].astype(str)
        for info in told
        if info["layerType"].astype(str) == "Convolution"
    ]
    in_integers = [precision for precision in convolutions if precision in ("u8", "i8")]
    assert len(in_integers) > 0.8 * len(convolutions) > 0
