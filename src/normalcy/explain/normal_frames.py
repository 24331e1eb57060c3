"""Frames of normal video to hold an odd frame against: spread over all of each video."""

import warnings
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from normalcy.datasets.listing import find_videos
from normalcy.errors import DatasetIncomplete, InputError, SkippedVideoWarning
from normalcy.video.reader import ReadOptions, open_video

EVERY_SECONDS = 1.0
MOST = 400
_HEIGHT_PX = 240


class NormalFrame(NamedTuple):
    """A frame of normal video: the video's name, its time, and the picture, uint8."""

    video: str
    seconds: float
    image_HWC: npt.NDArray[np.uint8]


def normal_videos(folder: Path) -> list[Path]:
    """Every video below a folder.

    Raises:
        DatasetIncomplete: There is none.
    """
    videos = find_videos(folder)
    if not videos:
        raise DatasetIncomplete("holds no videos", where=folder)
    return videos


def normal_frames(
    videos: list[Path], *, size_px: tuple[int, int], picture_fps: float
) -> Iterator[NormalFrame]:
    """About one frame a second, `MOST` in all, spread evenly over each video; unreadable ones are skipped.

    Of a video that does not say how long it is, the beginning counts; of more than `MOST` videos, every so many.

    Args:
        videos: Files and folders of pictures.
        size_px: (height, width) that frames are decoded to.
        picture_fps: Rate of folders of pictures.
    """
    chosen = [videos[place] for place in np.unique(np.linspace(0, len(videos) - 1, MOST).astype(int))]
    most = MOST // len(chosen)
    for path in chosen:
        options = ReadOptions(
            size_px=size_px, preview_height_px=_HEIGHT_PX, fps=picture_fps if path.is_dir() else None
        )
        try:
            yield from _spread(path, options, most=most)
        except InputError as error:
            warnings.warn(f"left out: {error}", SkippedVideoWarning, stacklevel=2)


def _spread(path: Path, options: ReadOptions, *, most: int) -> Iterator[NormalFrame]:
    with open_video(path, options) as reader:
        info = reader.info
        count = info.frame_count or round((info.duration_seconds or 0.0) * info.fps)
        step = max(1, round(EVERY_SECONDS * info.fps), -(-count // most))
        for frame in islice(reader, 0, step * most, step):
            assert frame.preview_HWC is not None, "asked for"
            yield NormalFrame(path.stem, frame.pts_seconds, frame.preview_HWC)
