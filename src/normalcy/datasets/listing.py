"""Finding videos in folders: files by suffix, sub-folders of pictures, in natural order."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from normalcy.datasets.base import DatasetInfo, LabelledVideo
from normalcy.errors import DatasetIncomplete
from normalcy.video.pictures import natural_key
from normalcy.video.reader import ReadOptions, list_pictures, open_video, probe

VIDEO_SUFFIXES = frozenset(
    {".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv"}
)

_THUMBNAIL_PX = (16, 16)


def visible(folder: Path) -> list[Path]:
    """What a folder holds in natural order, without hidden files such as `._001.tif`; empty if it is absent."""
    if not folder.is_dir():
        return []
    return sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=natural_key)


def subfolders(folder: Path) -> list[Path]:
    """Sub-folders in natural order."""
    return [path for path in visible(folder) if path.is_dir()]


def video_files(folder: Path) -> list[Path]:
    """Video files directly in a folder, by suffix, in natural order."""
    return [path for path in visible(folder) if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()]


def first_existing(candidates: Iterable[Path]) -> Path | None:
    """The first of several places where something may lie."""
    return next((path for path in candidates if path.exists()), None)


def count_pictures(folder: Path) -> int:
    """Number of pictures directly in a folder."""
    return len(list_pictures(folder))


def count_frames(video: LabelledVideo) -> int:
    """Frames of a video: its pictures, or what the container states, or as many as can be decoded."""
    if video.path.is_dir():
        return count_pictures(video.path)
    stated = probe(video.path).frame_count
    return stated if stated is not None else len(frame_times(video))


def frame_times(video: LabelledVideo) -> npt.NDArray[np.float64]:
    """Presentation time of each frame in seconds, (T,); NaN where a frame cannot be decoded.

    A file is decoded, at a small size, because only that tells which frames it has and when they are shown.
    """
    if video.path.is_dir() and video.fps is not None:
        return np.arange(count_pictures(video.path)) / video.fps
    with open_video(video.path, ReadOptions(size_px=_THUMBNAIL_PX, grey=True, fps=video.fps)) as frames:
        seconds = {frame.index: frame.pts_seconds for frame in frames}
    pts_seconds_T = np.full(max(seconds, default=-1) + 1, np.nan)
    pts_seconds_T[list(seconds)] = list(seconds.values())
    return pts_seconds_T


def find_videos(folder: Path, *, skipped: frozenset[str] = frozenset()) -> list[Path]:
    """Every video file and every folder of pictures in a folder or below it, in natural order.

    A folder of pictures that also holds video files counts as the place of the files. `skipped` names
    sub-folders that are not looked into.
    """
    inside = visible(folder)
    found = [folder] if _is_picture_folder(folder, inside) else []
    for path in inside:
        if path.is_dir():
            found += [] if path.name in skipped else find_videos(path)
        elif path.suffix.lower() in VIDEO_SUFFIXES:
            found.append(path)
    return found


def _is_picture_folder(folder: Path, inside: list[Path]) -> bool:
    files = [path for path in inside if path.is_file()]
    if any(path.suffix.lower() in VIDEO_SUFFIXES for path in files):
        return False
    return bool(files) and count_pictures(folder) > 0


def nothing_found(info: DatasetInfo, what: str, *, where: Path) -> DatasetIncomplete:
    """The error for a split without videos: what was looked for, where, and where to get it."""
    return DatasetIncomplete(f"no {what} of {info.title}", where=where, hint=f"Get it from {info.home}")
