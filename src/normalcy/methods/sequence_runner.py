"""Methods that see frames by themselves and judge the last of a source together; without torch.

Letters: B clips, T frames, N pictures, C channels, D values of a feature vector, K classes, H height, W width.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from normalcy.methods.contract import Camera, ClipScores, ClipSpec, FloatArray, FrameStamp, Look
from normalcy.methods.runtime import RunGraph, RunnerParts

PICTURES, FEATURES, THERE, PROBABILITIES = "pictures", "features", "there", "probabilities"
BACKBONE, CLASSIFIER = "backbone", "classifier"

_GAP_SECONDS = 10.0  # after such a gap, watching begins anew


@dataclass(frozen=True)
class SequenceSettings:
    """What is known of a method that judges sequences.

    Attributes:
        classes: Names, in order.
        normal: Place of the class of normal video.
        sequence_frames: Frames that are judged together at most.
        size_px: Height and width of maps.
    """

    classes: tuple[str, ...]
    normal: int
    sequence_frames: int
    size_px: tuple[int, int]


@dataclass
class WatchedSource:
    """The last frames of a source as the backbone saw them.

    Attributes:
        settings: Of the method.
        probabilities: From features of at most `sequence_frames` frames, (T, D), to those of the classes, (K,).
    """

    settings: SequenceSettings
    probabilities: Callable[[FloatArray], FloatArray]
    _features: deque[FloatArray] = field(default_factory=deque)
    _seen: FrameStamp | None = None

    def scores(self, stamps: tuple[FrameStamp, ...], look: Look) -> ClipScores:
        """Probabilities of what the last frames show; frames of a clip share them.

        It knows when, not where: the map is the score all over.
        """
        self._follow(stamps, look)
        p_K = self.probabilities(np.stack(self._features))
        score = np.float32(1 - p_K[self.settings.normal])
        frames = len(stamps)
        parts = {
            name: np.full(frames, p_K[place], np.float32) for place, name in enumerate(self.settings.classes)
        }
        map_THW = np.broadcast_to(score, (frames, *self.settings.size_px))
        return ClipScores(np.full(frames, score, np.float32), map_THW, parts)

    def remember(self, stamps: tuple[FrameStamp, ...], look: Look) -> None:
        """It remembers nothing: what it knows, it was taught."""
        raise NotImplementedError

    def _follow(self, stamps: tuple[FrameStamp, ...], look: Look) -> None:
        """Takes the frames that were not seen before; after a gap, only these."""
        for stamp, features_D in zip(stamps, look["features_TD"], strict=True):
            if self._seen and stamp.index <= self._seen.index:
                continue
            if self._seen and stamp.pts_seconds - self._seen.pts_seconds > _GAP_SECONDS:
                self._features.clear()
            self._features.append(features_D)
            self._seen = stamp
        while len(self._features) > self.settings.sequence_frames:
            self._features.popleft()


class SequenceRunner:
    """Backbone and classifier as graphs.

    Args:
        spec: The clip it reads.
        graphs: `backbone` from `pictures`, uint8 (N, C, H, W), to `features`, (N, D); `classifier` from `features`,
            (B, T, D) of `sequence_frames` frames, and `there`, bool (B, T), to `probabilities`, (B, K).
        settings: Of the method.
    """

    def __init__(self, spec: ClipSpec, graphs: Mapping[str, RunGraph], settings: SequenceSettings) -> None:
        self.spec = spec
        self._backbone, self._classifier, self._settings = graphs[BACKBONE], graphs[CLASSIFIER], settings

    def infer(self, clips_TCHW: Sequence[npt.NDArray[np.uint8]]) -> list[Look]:
        """Features of the frames of each clip."""
        features_ND = self._backbone({PICTURES: np.concatenate(clips_TCHW)})[FEATURES]
        return [
            {"features_TD": each} for each in np.split(np.asarray(features_ND, np.float32), len(clips_TCHW))
        ]

    def camera(self, source_id: str) -> Camera:
        """State of a source."""
        return WatchedSource(self._settings, self._probabilities)

    def _probabilities(self, features_TD: FloatArray) -> FloatArray:
        length = self._settings.sequence_frames
        filled_1TD = np.zeros((1, length, features_TD.shape[1]), np.float32)
        filled_1TD[0, : len(features_TD)] = features_TD
        there_1T = np.arange(length)[None] < len(features_TD)
        found = self._classifier({FEATURES: filled_1TD, THERE: there_1T})
        return np.asarray(found[PROBABILITIES][0], np.float32)


def open_runner(parts: RunnerParts) -> SequenceRunner:
    """From `classes`, `normal` and `sequence_frames` of the settings."""
    settings = SequenceSettings(
        classes=tuple(parts.settings["classes"]),
        normal=parts.settings["normal"],
        sequence_frames=parts.settings["sequence_frames"],
        size_px=parts.spec.size_px,
    )
    return SequenceRunner(parts.spec, parts.graphs, settings)
