import pytest
import torch
from torch import nn

from normalcy.layers.patch_discriminator import PatchDiscriminator
from normalcy.layers.receptive_field import receptive_field, receptive_fields

HALF, SAME = (4, 2), (4, 1)
PATCH_16 = [HALF, SAME, SAME]
PATCH_70 = [HALF, HALF, HALF, SAME, SAME]
PATCH_286 = [HALF, HALF, HALF, HALF, HALF, SAME, SAME]


@pytest.mark.parametrize(
    ("stack", "sides"),
    [
        (PATCH_16, (1, 4, 7, 16)),
        (PATCH_70, (1, 4, 7, 16, 34, 70)),
        (PATCH_286, (1, 4, 7, 16, 34, 70, 142, 286)),
        ([(3, 1)] * 4, (1, 3, 5, 7, 9)),
        ([(2, 2), (3, 1)], (1, 3, 6)),
        ([(1, 2), (2, 1)], (1, 2, 3)),
        ([], (1,)),
    ],
)
def test_sides_from_the_last_layer_back_to_the_pixels(stack, sides):
    assert receptive_fields(stack) == sides
    assert receptive_field(stack) == sides[-1]


@pytest.mark.parametrize(("stack", "size_px"), [(PATCH_16, 48), (PATCH_70, 128), (PATCH_286, 448)])
def test_one_unit_has_a_gradient_in_exactly_that_many_rows_and_columns(stack, size_px):
    torch.manual_seed(0)
    strides = tuple(stride for _, stride in stack[:-1])
    discriminator = PatchDiscriminator(1, widths=(2,) * len(strides), strides=strides)
    layers = [layer for layer in discriminator.modules() if isinstance(layer, nn.Conv2d)]
    assert [(layer.kernel_size[0], layer.stride[0]) for layer in layers] == stack
    picture = torch.rand(1, 1, size_px, size_px, requires_grad=True)
    probability_Nhw = discriminator(picture)
    middle = probability_Nhw.shape[1] // 2
    probability_Nhw[0, middle, middle].backward()
    seen = picture.grad[0, 0] != 0
    rows, columns = seen.any(dim=1).nonzero(), seen.any(dim=0).nonzero()
    assert len(rows) == len(columns) == receptive_field(stack)
    assert rows[-1] - rows[0] == columns[-1] - columns[0] == receptive_field(stack) - 1
    assert rows[0] > 0
    assert rows[-1] < size_px - 1


@pytest.mark.parametrize("layer", [(0, 1), (4, 0)])
def test_a_layer_without_kernel_or_stride_is_refused(layer):
    with pytest.raises(ValueError, match=f"kernel {layer[0]} and stride {layer[1]}"):
        receptive_field([HALF, layer])
