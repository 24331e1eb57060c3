"""What of a method's scores is a graph, and the same scores with the terms that no graph holds.

Letters: B clips, T frames, H height, W width.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from normalcy.layers.score_fusion import LEAST, ScoreFusion
from normalcy.methods.contract import ClipScores, FloatArray, Pictures, Scores
from normalcy.methods.flow_terms import FlowTerm, with_flow_terms


class GraphScores(NamedTuple):
    """What a graph says of a batch of clips.

    Attributes:
        scores: Without the terms by optical flow.
        real_BTHW: Grey pictures that these compare, uint8; None where there are no such terms.
        predicted_BTHW: As they were predicted.
    """

    scores: Scores
    real_BTHW: Tensor | None = None
    predicted_BTHW: Tensor | None = None


def measured(found: GraphScores, terms: Sequence[FlowTerm]) -> Scores:
    """The scores with the terms by optical flow, each clip on the CPU."""
    if not terms:
        return found.scores
    assert found.real_BTHW is not None
    assert found.predicted_BTHW is not None
    pairs = zip(found.real_BTHW.cpu().numpy(), found.predicted_BTHW.cpu().numpy(), strict=True)
    scores = found.scores
    none = ClipScores(_zeros(scores.score_BT[0]), _zeros(scores.map_BTHW[0]), {})
    added = [with_flow_terms(none, Pictures(*pair), terms) for pair in pairs]

    def stacked(arrays: Sequence[FloatArray]) -> Tensor:
        return torch.from_numpy(np.stack(arrays)).to(scores.score_BT.device)

    return Scores(
        scores.score_BT + stacked([each.score_T for each in added]),
        scores.map_BTHW + stacked([each.map_THW for each in added]),
        scores.parts | {term.name: stacked([each.parts[term.name] for each in added]) for term in terms},
    )


def _zeros(like: Tensor) -> FloatArray:
    return np.zeros(like.shape, np.float32)


def fused_later(term: FlowTerm, fuse: ScoreFusion) -> FlowTerm:
    """A term that comes after the graph, as it enters a fused score."""
    centre, spread = fuse.scale(term.name)
    return replace(
        term,
        weight=fuse.weights.get(term.name, 0.0),
        logarithm=fuse.kind == "z-scores",
        centre=centre,
        spread=spread,
        least=LEAST,
    )


def unbatched(scores: Scores) -> list[ClipScores]:
    """The scores of each clip."""
    score_BT, map_BTHW = scores.score_BT.float().cpu().numpy(), scores.map_BTHW.float().cpu().numpy()
    parts = {name: part_BT.float().cpu().numpy() for name, part_BT in scores.parts.items()}
    return [
        ClipScores(score_BT[b], map_BTHW[b], {name: part_BT[b] for name, part_BT in parts.items()})
        for b in range(len(score_BT))
    ]
