"""Channel shuffling: two streams decide, channel by channel, which of them speaks louder.

Channel selection of OCR-GAN (Liang et al., IEEE TIP 2023, arXiv 2203.00259) with a gate over time in front.

    high + low -> average over the picture -> gate over frames -> squeeze -> one FC for each stream -> softmax

Letters: B clips, T frames, C channels, H height, W width, S the 2 streams, R squeezed width.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ChannelShuffle(nn.Module):
    """Weighs the channels of two streams against each other: two (B, T, C, H, W) in, two out.

    Args:
        channels: C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = max(channels // 2, 32)
        self.gate = nn.Conv1d(channels, channels, kernel_size=3, padding=1)
        self.squeeze = nn.Linear(channels, squeezed)
        self.high = nn.Linear(squeezed, channels)
        self.low = nn.Linear(squeezed, channels)

    def forward(self, high_BTCHW: Tensor, low_BTCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Each stream times its weights."""
        weights_SBTC = self.weights(high_BTCHW, low_BTCHW).to(high_BTCHW.dtype)
        high_BTC, low_BTC = weights_SBTC.unbind(0)
        return high_BTCHW * high_BTC[..., None, None], low_BTCHW * low_BTC[..., None, None]

    def weights(self, high_BTCHW: Tensor, low_BTCHW: Tensor) -> Tensor:
        """Weights of high and low, which sum to 1: (2, B, T, C)."""
        mean_BTC = high_BTCHW.mean(dim=(3, 4)) + low_BTCHW.mean(dim=(3, 4))
        gate_BTC = self.gate(mean_BTC.transpose(1, 2)).transpose(1, 2).sigmoid()
        squeezed_BTR = F.relu(self.squeeze(mean_BTC * gate_BTC))
        return torch.stack([self.high(squeezed_BTR), self.low(squeezed_BTR)]).float().softmax(dim=0)
