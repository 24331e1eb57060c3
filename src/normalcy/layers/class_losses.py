"""Losses of classifiers whose classes are unequally common.

Letters: B examples, K classes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def focal_loss(logits_BK: Tensor, target_B: Tensor, *, gamma: float = 2.5, alpha: float = 0.25) -> Tensor:
    """Cross-entropy in which what is classified well hardly counts: mean of -alpha (1 - p)^gamma log p.

    Tsung-Yi Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, https://arxiv.org/abs/1708.02002. With many
    classes, alpha scales the whole.

    >>> round(float(focal_loss(torch.zeros(1, 2), torch.tensor([0]), gamma=2.0, alpha=1.0)), 4)  # 0.25 log 2
    0.1733
    """
    log_p_B = F.log_softmax(logits_BK, dim=-1).gather(1, target_B[:, None])[:, 0]
    return (-alpha * (1 - log_p_B.exp()) ** gamma * log_p_B).mean()


def effective_number_weights(counts: Sequence[int], *, beta: float = 0.999) -> Tensor:
    """Weight of each class, (K,), mean 1: the inverse of the effective number of its examples.

    Yin Cui et al., "Class-Balanced Loss Based on Effective Number of Samples", CVPR 2019, https://arxiv.org/abs/1901.05555:
    n examples count as (1 - beta^n) / (1 - beta). A class without examples weighs as one with a single one.

    >>> effective_number_weights([10, 10])
    tensor([1., 1.])
    """
    number_K = torch.tensor([max(1, count) for count in counts], dtype=torch.float64)
    weight_K = (1 - beta) / (1 - beta**number_K)
    return (weight_K / weight_K.mean()).float()


def adjusted_logits(logits_BK: Tensor, counts: Sequence[int], *, tau: float = 1.0) -> Tensor:
    """Logits for training alone, raised by tau times the log of how common each class is.

    Aditya Krishna Menon et al., "Long-Tail Learning via Logit Adjustment", ICLR 2021, https://arxiv.org/abs/2007.07314.
    So the network itself learns what is left: the evidence, whatever the class is how common.
    """
    count_K = torch.tensor([max(1, count) for count in counts], dtype=torch.float32, device=logits_BK.device)
    return logits_BK + tau * torch.log(count_K / count_K.sum())
