"""Transposed convolution as a small convolution followed by a pixel shuffle (Shi et al. 2016, arXiv 1609.05158).

Exactly the same function of the same weights as `conv_transpose2d`, on the fast path of CPU libraries: every output
phase (row and column modulo the stride) is an ordinary convolution of the input.

Letters: N batch, I channels in, O channels out, K kernel, S stride, M = ceil(K / S), H height, W width.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def sub_pixel_deconv(
    x_NIHW: Tensor,
    weight_IOKK: Tensor,
    bias_O: Tensor,
    *,
    stride: int,
    output_padding: tuple[int, int] = (0, 0),
) -> Tensor:
    """Transposed convolution without padding: (N, O, (H-1)*S + K + padding, (W-1)*S + K + padding).

    Args:
        x_NIHW: Input.
        weight_IOKK: Weights as `nn.ConvTranspose2d` keeps them.
        bias_O: Bias.
        stride: S.
        output_padding: Rows and columns that are added below and to the right, each less than S.
    """
    kernel, channels = weight_IOKK.shape[-1], weight_IOKK.shape[1]
    reach = -(-kernel // stride)
    height, width = (
        (side - 1) * stride + kernel + extra
        for side, extra in zip(x_NIHW.shape[2:], output_padding, strict=True)
    )
    padded = F.pad(x_NIHW, (reach - 1, reach, reach - 1, reach))
    phases = F.conv2d(
        padded.contiguous(memory_format=torch.channels_last),
        _phase_kernels(weight_IOKK, stride).contiguous(memory_format=torch.channels_last),
        bias_O.repeat_interleave(stride * stride),
    )
    assert phases.shape[1] == channels * stride * stride
    return F.pixel_shuffle(phases, stride)[:, :, :height, :width]


def _phase_kernels(weight_IOKK: Tensor, stride: int) -> Tensor:
    """One flipped kernel by output channel and phase: (O*S*S, I, M, M)."""
    channels_in, channels_out, kernel, _ = weight_IOKK.shape
    reach = -(-kernel // stride)
    missing = reach * stride - kernel
    whole = F.pad(weight_IOKK, (0, missing, 0, missing))
    split_IOMSMS = whole.reshape(channels_in, channels_out, reach, stride, reach, stride)
    kernels = split_IOMSMS.permute(1, 3, 5, 0, 2, 4).reshape(-1, channels_in, reach, reach)
    return kernels.flip(-1, -2)
