"""Terms of a score that no graph holds: how far the predicted lies from the real picture, by OpenCV's optical flow.

What a network makes of a clip is a graph that any runtime can run; this is what comes after it, without torch.

Letters: T scored frames, N pictures that are compared, H height, W width.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from normalcy.layers.dis_flow import DisPreset, box_blurred, displacement_map
from normalcy.layers.flow_threads import flow_threads, one_thread_a_flow
from normalcy.methods.contract import ClipScores, FloatArray, Pictures


@dataclass(frozen=True)
class FlowTerm:
    """How displacement enters score and map.

    Attributes:
        name: Of the part.
        box_px: Side of the box over which displacement is averaged.
        enlarge: Pictures are made so many times larger first.
        preset: Accuracy of the flow.
        averaged: Whether the maps of all pictures make one, or each is that of a scored frame.
        weight: In the score; 0 where it is a part alone.
        logarithm: Whether the score takes the z-score of its logarithm.
        centre, spread: Of that logarithm on normal video.
        least: No logarithm is taken of less.
        map_weight: In the map; 0 leaves it out.
        map_blur_px: Side of the box over which the map is averaged.
    """

    name: str
    box_px: int
    enlarge: int = 1
    preset: DisPreset = "medium"
    averaged: bool = False
    weight: float = 0.0
    logarithm: bool = False
    centre: float = 0.0
    spread: float = 1.0
    least: float = 1e-12
    map_weight: float = 0.0
    map_blur_px: int = 1

    def map(self, pictures: Pictures) -> FloatArray:
        """Displacement in pixels, averaged over boxes: (T, H, W)."""
        pairs = len(pictures.real_NHW)
        if pairs == 1:
            maps_NHW = self._displacement(pictures.predicted_NHW[0], pictures.real_NHW[0])[None]
        else:
            with one_thread_a_flow(pairs=pairs):
                found = flow_threads().map(self._displacement, pictures.predicted_NHW, pictures.real_NHW)
                maps_NHW = np.stack(list(found))
        return maps_NHW.mean(axis=0, keepdims=True) if self.averaged else maps_NHW

    def _displacement(
        self, predicted_HW: npt.NDArray[np.uint8], real_HW: npt.NDArray[np.uint8]
    ) -> FloatArray:
        return displacement_map(
            predicted_HW, real_HW, box_px=self.box_px, enlarge=self.enlarge, preset=self.preset
        )

    def in_score(self, part_T: FloatArray) -> FloatArray:
        """What it adds to the score."""
        if not self.logarithm:
            return np.asarray(self.weight * part_T, np.float32)
        deviation_T = (np.log(np.maximum(part_T, self.least)) - self.centre) / self.spread
        return np.asarray(self.weight * deviation_T, np.float32)


def with_flow_terms(scores: ClipScores, pictures: Pictures, terms: Sequence[FlowTerm]) -> ClipScores:
    """The scores of a clip with these terms, beside what they are without."""
    for term in terms:
        scores = _with(scores, term.map(pictures), term)
    return scores


def _with(scores: ClipScores, map_THW: FloatArray, term: FlowTerm) -> ClipScores:
    part_T = map_THW.max(axis=(1, 2))
    score_T, whole_THW = scores.score_T, scores.map_THW
    if term.weight:
        score_T = score_T + term.in_score(part_T)
    if term.map_weight:
        added = [term.map_weight * box_blurred(map_HW, box_px=term.map_blur_px) for map_HW in map_THW]
        whole_THW = whole_THW + np.stack(added)
    return replace(scores, score_T=score_T, map_THW=whole_THW, parts=scores.parts | {term.name: part_T})
