"""Convolutional LSTM (Shi et al. 2015, arXiv 1506.04214), without peepholes.

Letters: B batch, T frames, C channels in, D channels of the state, H height, W width.
"""

import torch
from torch import Tensor, nn

from normalcy.layers.shapes import per_frame


class ConvLSTM(nn.Module):
    """One recurrent layer over the frames of a clip: (B, T, C, H, W) -> (B, T, D, H, W).

    The input's share of all gates is one convolution over all frames at once; only the state's share is
    computed frame by frame. The forget gate's bias starts at 1, so that the memory is open at first.
    """

    def __init__(self, in_channels: int, state_channels: int, *, kernel: int = 3) -> None:
        super().__init__()
        self.state_channels = state_channels
        self.from_input = nn.Conv2d(in_channels, 4 * state_channels, kernel, padding=kernel // 2)
        self.from_state = nn.Conv2d(
            state_channels, 4 * state_channels, kernel, padding=kernel // 2, bias=False
        )
        with torch.no_grad():
            bias = self.from_input.bias
            assert bias is not None
            bias[state_channels : 2 * state_channels] = 1.0

    def forward(self, x_BTCHW: Tensor) -> Tensor:
        """Returns the state after every frame; the state before the first is zero."""
        gates_BTGHW = per_frame(self.from_input, x_BTCHW)
        hidden_BDHW, cell_BDHW = _step(gates_BTGHW[:, 0], None)
        states = [hidden_BDHW]
        for t in range(1, x_BTCHW.shape[1]):
            hidden_BDHW, cell_BDHW = _step(gates_BTGHW[:, t] + self.from_state(hidden_BDHW), cell_BDHW)
            states.append(hidden_BDHW)
        return torch.stack(states, dim=1)


def _step(gates_BGHW: Tensor, cell_BDHW: Tensor | None) -> tuple[Tensor, Tensor]:
    """One step; gates in the order input, forget, output, candidate. Returns hidden and cell state."""
    take, keep, show, candidate = gates_BGHW.chunk(4, dim=1)
    new_BDHW = take.sigmoid() * candidate.tanh()
    if cell_BDHW is not None:
        new_BDHW = new_BDHW + keep.sigmoid() * cell_BDHW
    return show.sigmoid() * new_BDHW.tanh(), new_BDHW
