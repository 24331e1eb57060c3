"""RAFT-small: optical flow by recurrent refinement (Teed, Deng, ECCV 2020, arXiv 2003.12039), by torchvision.

Letters: B batch, H height, W width; flow channels are x and y displacement in pixels.
"""

from typing import Any

import torch
from torch import Tensor, nn

from normalcy.errors import ConfigError
from normalcy.layers.torchvision_import import tolerate_torchvision


class Raft(nn.Module):
    """Flow that carries the first picture to the second; sides are multiples of 8 from 128 on, values in [0, 1].

    The gradient is the paper's, not the derivative: each refinement takes the flow before it for a constant.

    Args:
        network: torchvision's.
        iterations: Refinements; each costs as much as the one before.
    """

    def __init__(self, network: nn.Module, *, iterations: int) -> None:
        super().__init__()
        self.network, self.iterations = network, iterations

    def forward(self, first_B3HW: Tensor, second_B3HW: Tensor) -> Tensor:
        """Returns the flow (B, 2, H, W)."""
        # Its correlations and its look-ups mix number formats, which bfloat16 does not bear.
        with torch.autocast(first_B3HW.device.type, enabled=False):
            flows = self.network(first_B3HW * 2 - 1, second_B3HW * 2 - 1, num_flow_updates=self.iterations)
        # What it keeps holds the graph of this call alive, and cannot be copied.
        correlations: Any = self.network.corr_block
        correlations.corr_pyramid = []
        last_B2HW: Tensor = flows[-1]
        return last_B2HW


def raft_small() -> nn.Module:
    """RAFT-small as torchvision builds it, without weights.

    Raises:
        ConfigError: torchvision is not installed.
    """
    tolerate_torchvision()
    try:
        from torchvision.models import optical_flow
    except ImportError as error:
        raise ConfigError(
            "needs torchvision, which is not installed",
            where="raft-small",
            hint="`pip install torchvision`, or use spynet, or a flow weight of 0",
        ) from error
    network: nn.Module = optical_flow.raft_small(weights=None, progress=False)
    return network
