"""A method whose graph takes a clip and returns its scores, and the terms by optical flow that come after it.

Letters: B clips, T scored frames, C channels, N pictures, H height, W width.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from normalcy.methods.contract import Camera, ClipScores, ClipSpec, Pictures
from normalcy.methods.flow_terms import FlowTerm, with_flow_terms
from normalcy.methods.runtime import Arrays, RunGraph, RunnerParts

CLIP, SCORE, MAP, PART = "clip", "score", "map", "part."
REAL, PREDICTED = "real", "predicted"


class ClipRunner:
    """Scores clips.

    Args:
        spec: The clip it reads.
        graph: From `clip`, uint8 (B, T, C, H, W), to `score`, `map`, `part.NAME` and, where terms compare them, `real`
            and `predicted`.
        terms: What comes after the graph.
        parts: Names of the parts, in their order.
    """

    def __init__(
        self, spec: ClipSpec, graph: RunGraph, *, terms: Sequence[FlowTerm], parts: Sequence[str]
    ) -> None:
        self.spec, self._graph, self._terms, self._parts = spec, graph, tuple(terms), tuple(parts)

    def infer(self, clips_TCHW: Sequence[npt.NDArray[np.uint8]]) -> list[ClipScores]:
        """Scores of each clip."""
        found = self._graph({CLIP: np.stack(clips_TCHW)})
        return [self._scores(found, b) for b in range(len(clips_TCHW))]

    def camera(self, source_id: str) -> Camera | None:
        """A clip says all there is to say."""
        return None

    def _scores(self, found: Arrays, b: int) -> ClipScores:
        within = {name: found[PART + name][b] for name in self._parts if PART + name in found}
        scores = ClipScores(found[SCORE][b], found[MAP][b], within)
        if self._terms:
            pictures = Pictures(found[REAL][b], found[PREDICTED][b])
            scores = with_flow_terms(scores, pictures, self._terms)
        return ClipScores(scores.score_T, scores.map_THW, {name: scores.parts[name] for name in self._parts})


def open_runner(parts: RunnerParts) -> ClipRunner:
    """From `flow_terms` and `parts` of the settings."""
    terms = [FlowTerm(**term) for term in parts.settings["flow_terms"]]
    return ClipRunner(parts.spec, parts.graphs[CLIP], terms=terms, parts=parts.settings["parts"])
