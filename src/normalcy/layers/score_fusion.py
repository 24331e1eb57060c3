"""Several terms of a score made one: a weighted sum, or a weighted sum of z-scores of their logarithms.

Letters: B clips, T scored frames, P terms.
"""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

FusionKind = Literal["weighted", "z-scores"]

# Below any term of a picture that differs from its prediction by one grey level in one place.
_LEAST = 1e-9


class ScoreFusion(nn.Module):
    """Fuses named terms: {name: (B, T)} -> (B, T).

    Args:
        kind: `weighted` adds the terms as they are; `z-scores` first takes each one's logarithm in units of its
            deviation on normal video, so that terms of different size and spread count alike.
        weights: Weight of each term.
    """

    centre_P: Tensor
    spread_P: Tensor

    def __init__(self, kind: FusionKind, *, weights: Mapping[str, float]) -> None:
        super().__init__()
        self.kind, self.weights = kind, dict(weights)
        self.register_buffer("centre_P", torch.zeros(len(weights)))
        self.register_buffer("spread_P", torch.ones(len(weights)))

    def observe(self, normal_parts: Mapping[str, npt.NDArray[np.floating]]) -> None:
        """Takes mean and deviation of the logarithm of each term from scores of normal video."""
        for place, name in enumerate(self.weights):
            log = np.log(np.maximum(normal_parts[name], _LEAST))
            self.centre_P[place] = float(log.mean())
            # A term that never changes says nothing; one part in a thousand keeps its z-score finite.
            self.spread_P[place] = max(float(log.std()), 1e-3)

    def forward(self, parts: Mapping[str, Tensor]) -> Tensor:
        """The fused score."""
        terms = [
            weight * self._scaled(parts[name], place)
            for place, (name, weight) in enumerate(self.weights.items())
        ]
        return torch.stack(terms).sum(dim=0)

    def level(self, name: str) -> Tensor:
        """What the term usually is on normal video; 1 where terms are added as they are."""
        return self.centre_P[list(self.weights).index(name)].exp()

    def _scaled(self, part_BT: Tensor, place: int) -> Tensor:
        if self.kind == "weighted":
            return part_BT
        return (part_BT.clamp_min(_LEAST).log() - self.centre_P[place]) / self.spread_P[place]
