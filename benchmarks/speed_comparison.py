"""How far a plain version of a method and ours lie apart: gradients, and scores.

Letters: B clips, T frames, H height, W width.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from normalcy.methods.contract import Scores

LARGEST_SCORE_DIFFERENCE = 1e-4
# Flow is measured between pictures of whole grey levels: rounding may tip one of them.
LARGEST_DISPLACEMENT_DIFFERENCE = 1e-2
LARGEST_GRADIENT_DIFFERENCE = 1e-3
# Float32 rounding flips the sign of a few values at the corners of L1 and LeakyReLU: a single tensor may feel that.
LARGEST_TENSOR_DIFFERENCE = 2e-2


@dataclass(frozen=True)
class Agreement:
    """Differences between the plain version of a method and ours, on one batch.

    Attributes:
        score: Largest of any score, map or term, relative to values above 1, but for what holds displacement.
        displacement: Largest of what holds displacement; 0 where nothing does.
        gradient: Norm of the difference of a player's gradient, relative to its norm; the larger of both players'.
        tensor: The same for single tensors; those under a thousandth of the gradient count as that large.
    """

    score: float
    displacement: float
    gradient: float
    tensor: float

    @property
    def holds(self) -> bool:
        """Whether they are one function."""
        return (
            self.score <= LARGEST_SCORE_DIFFERENCE
            and self.displacement <= LARGEST_DISPLACEMENT_DIFFERENCE
            and self.gradient <= LARGEST_GRADIENT_DIFFERENCE
            and self.tensor <= LARGEST_TENSOR_DIFFERENCE
        )


def gradients_of(player: nn.Module) -> list[Tensor]:
    """Copies, one for each weight; every weight has one."""
    return list(_gradients(player))


def _gradients(player: nn.Module) -> Iterator[Tensor]:
    for name, weight in player.named_parameters():
        assert weight.grad is not None, name
        yield weight.grad.clone()


def gradient_difference(own: Iterable[Tensor], other: Iterable[Tensor]) -> float:
    """Norm of the difference of all, relative to the norm."""
    return _distance(_joined(own), _joined(other))


def tensor_difference(own: Sequence[Tensor], other: Sequence[Tensor]) -> float:
    """The largest of single tensors; those under a thousandth of the gradient count as that large."""
    least = 1e-3 * float(_joined(other).norm())
    return max(_distance(a, b, least=least) for a, b in zip(own, other, strict=True))


def score_differences(own: Scores, other: Scores, *, displaced: Collection[str]) -> tuple[float, float]:
    """Largest of any score, map or part, relative to values above 1: of all but `displaced`, and of these."""
    ours, others = _named(own), _named(other)
    assert ours.keys() == others.keys(), (ours.keys(), others.keys())
    differences = {name: _largest(ours[name], others[name]) for name in ours}
    held = [differences.pop(name) for name in displaced if name in differences]
    return max(differences.values()), max(held, default=0.0)


def _joined(gradients: Iterable[Tensor]) -> Tensor:
    return torch.cat([gradient.flatten() for gradient in gradients])


def _distance(own: Tensor, other: Tensor, *, least: float = 0.0) -> float:
    return float((own - other).norm()) / max(float(other.norm()), least)


def _named(scores: Scores) -> dict[str, Tensor]:
    return {"score": scores.score_BT, "map": scores.map_BTHW, **scores.parts}


def _largest(own: Tensor, other: Tensor) -> float:
    difference = float(((own - other).abs() / other.abs().clamp_min(1)).max())
    return math.inf if math.isnan(difference) else difference
