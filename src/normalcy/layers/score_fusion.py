"""Several terms of a score made one: a weighted sum, or a weighted sum of z-scores of their logarithms.

Letters: B clips, T scored frames, P terms.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

FusionKind = Literal["weighted", "z-scores"]

# One grey level in one place of 224 x 224 is a squared error of 3e-10 in the mean over 4 frames; this lies far below.
LEAST = 1e-12


class ScoreFusion(nn.Module):
    """Fuses named terms: {name: (B, T)} -> (B, T).

    Args:
        kind: `weighted` adds the terms as they are; `z-scores` first takes each one's logarithm in units of its
            deviation on normal video, so that terms of different size and spread count alike.
        weights: Weight of each term, in any order.
        terms: All terms that there are, in an order that never changes: statistics are saved in it, so that
            other terms can be weighed, in another order, after the statistics were taken.
    """

    centre_P: Tensor
    spread_P: Tensor

    def __init__(self, kind: FusionKind, *, weights: Mapping[str, float], terms: Sequence[str]) -> None:
        super().__init__()
        self.kind, self.weights = kind, dict(weights)
        self.places = {name: place for place, name in enumerate(terms)}
        self.register_buffer("centre_P", torch.zeros(len(terms)))
        self.register_buffer("spread_P", torch.ones(len(terms)))

    def observe(self, normal_parts: Mapping[str, npt.NDArray[np.floating]]) -> None:
        """Takes mean and deviation of the logarithm of each term given from scores of normal video."""
        for name, values in normal_parts.items():
            place, log = self.places[name], np.log(np.maximum(values, LEAST))
            self.centre_P[place] = float(log.mean())
            # A term that never changes says nothing; one part in a thousand keeps its z-score finite.
            self.spread_P[place] = max(float(log.std()), 1e-3)

    def forward(self, parts: Mapping[str, Tensor], *, later: Collection[str] = ()) -> Tensor:
        """The fused score; terms named in `later` are added by whoever computes them."""
        names = [name for name in self.weights if name not in later]
        if not names:
            return torch.zeros_like(next(iter(parts.values())))
        return torch.stack([self.weights[name] * self._scaled(parts[name], name) for name in names]).sum(
            dim=0
        )

    def scale(self, name: str) -> tuple[float, float]:
        """Mean and deviation of the logarithm of a term on normal video."""
        place = self.places[name]
        return float(self.centre_P[place]), float(self.spread_P[place])

    def level(self, name: str) -> Tensor:
        """What the term usually is on normal video; 1 where terms are added as they are."""
        if self.kind == "weighted":
            return torch.ones_like(self.centre_P[0])
        return self.centre_P[self.places[name]].exp()

    def _scaled(self, part_BT: Tensor, name: str) -> Tensor:
        if self.kind == "weighted":
            return part_BT
        place = self.places[name]
        return (part_BT.clamp_min(LEAST).log() - self.centre_P[place]) / self.spread_P[place]
