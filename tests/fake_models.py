"""Scoring models without a network: the score and the map of a frame are its mean brightness.

Letters: T frames of a clip, C channels, H height, W width.
"""

from collections.abc import Callable, Sequence

import numpy as np

from normalcy.methods.contract import ClipSpec
from normalcy.scoring.types import ClipScores
from normalcy.video.frame import Frame

SIZE_PX = (2, 3)


class BrightnessModel:
    """Scores `of(mean brightness)`; the map is the brightness itself; remembers how large its batches were."""

    def __init__(self, spec: ClipSpec, *, of: Callable[[float], float] = float) -> None:
        self.spec = spec
        self.batches: list[int] = []
        self._of = of

    def infer(self, clips_TCHW: Sequence[np.ndarray]) -> list[ClipScores]:
        self.batches.append(len(clips_TCHW))
        return [self._score(clip_TCHW) for clip_TCHW in clips_TCHW]

    def camera(self, source_id: str) -> None:
        """Nothing is kept from clip to clip."""

    def _score(self, clip_TCHW: np.ndarray) -> ClipScores:
        levels = [float(clip_TCHW[t].mean()) for t in self.spec.scored]
        score_T = np.array([self._of(level) for level in levels], np.float32)
        map_THW = np.stack([np.full(self.spec.size_px, level, np.float32) for level in levels])
        return ClipScores(score_T, map_THW, {"level": np.array(levels, np.float32)})


def spec_of(length: int, *, scored: tuple[int, ...] = (), stride: int = 1, size_px=SIZE_PX) -> ClipSpec:
    return ClipSpec(length, size_px, 1, stride_frames=stride, scored_frames=scored)


def frames_of(
    levels: Sequence[int], *, source_id: str = "cam", fps: float = 10, size_px=SIZE_PX
) -> list[Frame]:
    """Even grey frames of these levels."""
    return [
        Frame(np.full((*size_px, 1), level, np.uint8), index, index / fps, source_id)
        for index, level in enumerate(levels)
    ]
