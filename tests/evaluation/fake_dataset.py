"""A labelled dataset made of plain values, over folders of pictures that say which frame they are.

Letters: T frames, H height, W width, C channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from normalcy.datasets.base import CheckReport, DatasetInfo, LabelledVideo, TrueRegions
from normalcy.errors import DatasetIncomplete
from normalcy.methods.contract import ClipSpec
from normalcy.scoring.types import ClipScores
from normalcy.video.writer import write_picture

SIZE_PX = (16, 24)
FRAMES = 30
ABNORMAL = range(10, 20)


@dataclass
class FakeDataset:
    """Test videos by name, with what is known of them."""

    root: Path
    paths: dict[str, Path] = field(default_factory=dict)
    labels: dict[str, np.ndarray] = field(default_factory=dict)
    masks: dict[str, np.ndarray] = field(default_factory=dict)
    fps: float | None = 10

    info: ClassVar[DatasetInfo] = DatasetInfo("fake", "A fake", "nowhere", "nobody", "none")

    def videos(self, split):
        if split != "test" or not self.paths:
            raise DatasetIncomplete(f"no {split} videos", where=self.root)
        return [
            LabelledVideo(name, "test", path, fps=self.fps if path.is_dir() else None)
            for name, path in self.paths.items()
        ]

    def frame_labels(self, video):
        return self.labels.get(video.name)

    def pixel_masks(self, video):
        return iter(self.masks[video.name]) if video.name in self.masks else None

    def check(self):
        return CheckReport(self.info, self.root)


@dataclass
class FakeRegions(FakeDataset):
    """One that also knows a box for each abnormal frame."""

    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)

    def abnormal_regions(self, video):
        nothing, box = np.zeros((0, 4), np.float32), np.array([self.box], np.float32)
        return (
            TrueRegions(box if abnormal else nothing, (3,) if abnormal else ())
            for abnormal in self.labels[video.name]
        )


def label(frames: int = FRAMES, abnormal: Sequence[int] = ABNORMAL, *, shift: int = 0) -> np.ndarray:
    """Labels of a video, abnormal in one span, that may come too late."""
    label_T = np.zeros(frames, np.bool_)
    label_T[[place + shift for place in abnormal]] = True
    return label_T


def level(index: int) -> int:
    """Brightness of the frame at an index: every frame has its own."""
    return 10 + 5 * index


def index_of(brightness: float) -> int:
    """The inverse of `level`."""
    return round((brightness - 10) / 5)


def write_levels(folder: Path, *, frames: int = FRAMES, damaged: Sequence[int] = ()) -> Path:
    """A folder of even grey pictures, `level` by `level`; damaged ones cannot be read."""
    folder.mkdir(parents=True)
    for index in range(frames):
        path = folder / f"{index:03d}.png"
        write_picture(path, np.full((*SIZE_PX, 1), level(index), np.uint8))
        if index in damaged:
            path.write_bytes(path.read_bytes()[:20])
    return folder


class Oracle:
    """A perfect detector: it reads off each frame's index, knows which ones are abnormal, and lights them up.

    `box` is where its map lights up: (top, left) to the lower right corner.
    """

    def __init__(
        self, abnormal: Sequence[int] = ABNORMAL, *, box: tuple[int, int] = (8, 12), channels=1
    ) -> None:
        self.spec = ClipSpec(2, SIZE_PX, channels, scored_frames=(1,))
        self._abnormal, self._box = abnormal, box

    def infer(self, clips_TCHW):
        return [self._score(index_of(float(clip_TCHW[1].mean()))) for clip_TCHW in clips_TCHW]

    def camera(self, source_id: str) -> None:
        """Nothing is kept from clip to clip."""

    def _score(self, index: int) -> ClipScores:
        score_T = np.array([float(index in self._abnormal)], np.float32)
        map_THW = np.zeros((1, *SIZE_PX), np.float32)
        map_THW[:, self._box[0] :, self._box[1] :] = score_T[0]
        return ClipScores(score_T, map_THW, {"knows": score_T})


def box_masks(label_T: np.ndarray, *, box: tuple[int, int] = (8, 12), factor: int = 1) -> np.ndarray:
    """Masks (T, H, W) of the box on abnormal frames, at a multiple of the size."""
    masks_THW = np.zeros((len(label_T), SIZE_PX[0] * factor, SIZE_PX[1] * factor), np.bool_)
    masks_THW[label_T, box[0] * factor :, box[1] * factor :] = True
    return masks_THW
