import pytest
import torch
from torch.nn import functional as F

from normalcy.layers.sub_pixel import sub_pixel_deconv


@pytest.mark.parametrize(("kernel", "stride"), [(11, 4), (5, 2), (4, 2), (3, 3), (2, 3), (3, 1)])
@pytest.mark.parametrize("extra", [0, 1, 2])
def test_equals_transposed_convolution_and_its_gradients(kernel, stride, extra):
    if extra >= stride:
        pytest.skip("output padding is always less than the stride")
    torch.manual_seed(0)
    x, weight, bias = torch.rand(2, 3, 6, 7), torch.rand(3, 4, kernel, kernel), torch.rand(4)
    ours, theirs = ([t.clone().requires_grad_() for t in (x, weight, bias)] for _ in range(2))
    padding = (extra, 0)
    out = sub_pixel_deconv(*ours, stride=stride, output_padding=padding)
    expected = F.conv_transpose2d(*theirs, stride=stride, output_padding=padding)
    torch.testing.assert_close(out, expected)
    upstream = torch.rand_like(expected)
    out.backward(upstream)
    expected.backward(upstream)
    for mine, reference in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.grad, reference.grad, atol=1e-4, rtol=1e-4)
