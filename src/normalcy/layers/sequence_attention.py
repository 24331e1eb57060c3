"""Multi-head attention over the frames of a sequence of feature vectors, some of which may be missing.

Ashish Vaswani et al., "Attention Is All You Need", NeurIPS 2017, https://arxiv.org/abs/1706.03762

Letters: B sequences, T frames, D values of a feature vector, A heads, K = D/A width of a head.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from normalcy.layers.spread_batch import Dropout


class Attended(NamedTuple):
    """What attention made of sequences.

    Attributes:
        x_BTD: The sequences, with what was found added, normalised.
        weights_BATT: How much each frame (row) took from each other; rows sum to 1 over the frames that are there.
    """

    x_BTD: Tensor
    weights_BATT: Tensor


class SequenceAttention(nn.Module):
    """Self-attention with a residual, then LayerNorm; frames that are not there are attended to by none.

    Args:
        width: D.
        heads: A; divides D.
        dropout: Of what is added.
    """

    def __init__(self, width: int, *, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"a width of {width} has no {heads} equal heads")
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.dropout = Dropout(dropout)
        self.norm = nn.LayerNorm(width)

    def forward(self, x_BTD: Tensor, there_BT: Tensor) -> Attended:
        """Attends.

        Args:
            x_BTD: The sequences.
            there_BT: Bool; False for frames that only fill up. One frame of each sequence must be there.
        """
        split = torch.unflatten(self.query_key_value(x_BTD), -1, (3, self.heads, -1))
        query_BATK, key_BATK, value_BATK = split.permute(2, 0, 3, 1, 4).unbind(0)
        scores_BATT = (query_BATK @ key_BATK.transpose(-1, -2)).float() / math.sqrt(query_BATK.shape[-1])
        scores_BATT = scores_BATT.masked_fill(~there_BT[:, None, None, :], -math.inf)
        weights_BATT = scores_BATT.softmax(dim=-1)
        found_BTD = (weights_BATT.to(value_BATK.dtype) @ value_BATK).transpose(1, 2).flatten(2)
        return Attended(self.norm(x_BTD + self.dropout(self.out(found_BTD))), weights_BATT)
