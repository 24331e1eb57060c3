"""Annotated video of one source: what the detector saw, where, and what it made of it.

Letters: T frames of the video, H height, W width, C channels.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from normalcy.explain.heatmap import MapScale
from normalcy.explain.painter import FramePainter
from normalcy.scoring.types import FrameScore
from normalcy.video.writer import VideoWriter

UInt8Array = npt.NDArray[np.uint8]
BoolArray = npt.NDArray[np.bool_]


class AnnotatedVideo:
    """Writes the annotated video of one source; use it as a context manager.

    Args:
        path: The mp4 to write.
        fps: Frames per second of the result.
        threshold: Threshold on the smoothed score.
        title: Shown at the top left.
        scale: Range of the map's colours; by default it follows the video.
        labels_T: Truth for each frame of the source, looked up by `FrameScore.index`; None when unknown.
        duration_seconds: Length of the video, for a trace over all of it; None for a sliding trace.
        crf: Quality of H.264, lower is better.
        below: Puts more below a picture, by its time.

    Raises:
        OutputError: The video cannot be written.
    """

    def __init__(
        self,
        path: Path,
        *,
        fps: float,
        threshold: float,
        title: str = "",
        scale: MapScale | None = None,
        labels_T: BoolArray | None = None,
        duration_seconds: float | None = None,
        crf: int = 23,
        below: Callable[[UInt8Array, float], UInt8Array] | None = None,
    ) -> None:
        self._below = below
        self._writer = VideoWriter(path, fps=fps, crf=crf)
        self._painter: FramePainter | None = None
        self._new_painter = partial(
            FramePainter,
            threshold=threshold,
            title=title,
            scale=scale,
            labels_T=labels_T,
            duration_seconds=duration_seconds,
        )

    def __enter__(self) -> Self:
        self._writer.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.__exit__(kind, error, trace)

    def add(self, image_HWC: UInt8Array, frame_score: FrameScore) -> None:
        """Writes the next frame; they come in order, and the first one settles the layout."""
        if self._painter is None:
            self._painter = self._new_painter(image_HWC)
        picture_HWC = self._painter.paint(image_HWC, frame_score)
        self._writer.write(self._below(picture_HWC, frame_score.pts_seconds) if self._below else picture_HWC)
