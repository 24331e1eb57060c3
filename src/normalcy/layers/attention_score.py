"""How odd attention across time is at each place: a term of a score, after the formula of `normalcy.explain.attention`.

Letters: B clips, T frames, A heads, D features, P places.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def attention_score_of(weights_BAPTT: Tensor, features_BTDP: Tensor, *, frame: int) -> Tensor:
    """Entropy - consistency + (1 - feature consistency) of one frame, at each place: (B, P).

    Consistency is the cosine between what this frame and the one before attend to, feature consistency that between
    their features. It is raised by 1, which ranks nothing differently, so that it is never below 0.

    Args:
        weights_BAPTT: Rows sum to 1.
        features_BTDP: What came out of the attention.
        frame: Which, at least 1.

    Raises:
        ValueError: It is the first, which has none before it.
    """
    if frame % features_BTDP.shape[1] == 0:
        raise ValueError("the first frame of a clip has none before it")
    row_BAPT, before_BAPT = weights_BAPTT[..., frame, :].float(), weights_BAPTT[..., frame - 1, :].float()
    entropy_BAP = -(row_BAPT * row_BAPT.clamp_min(1e-12).log()).sum(dim=-1)
    apart_BAP = 1 - F.cosine_similarity(row_BAPT, before_BAPT, dim=-1)
    now_BDP, before_BDP = features_BTDP[:, frame].float(), features_BTDP[:, frame - 1].float()
    changed_BP = 1 - F.cosine_similarity(now_BDP, before_BDP, dim=1)
    return torch.relu((entropy_BAP + apart_BAP).mean(dim=1) + changed_BP)
