"""Samples of normal footage of any length, for what must be known before it is gone through.

Letters: T frames, C channels, H height, W width, h and w half of them.
"""

import math
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from normalcy.methods.scene_memory.motion import Motion
from normalcy.methods.scene_memory.scenes import thumbnail

FloatArray = npt.NDArray[np.float32]
UInt8Array = npt.NDArray[np.uint8]

Footage = tuple[UInt8Array, npt.NDArray[np.float64]]
"""Frames of a video, (T, 3, H, W), memory-mapped, and their times in seconds."""

SURVEYED_PAIRS = 500
SURVEYED_THUMBS = 24
SURVEYED_PICTURES = 16
STRETCH_FRAMES = 3000


def sampled_flows(videos: Sequence[Footage], motion: Motion) -> Iterator[tuple[FloatArray, float]]:
    """Flow between frames at even distances through all footage, and the seconds between the two."""
    frames = sum(len(frames_TCHW) for frames_TCHW, _ in videos)
    every = -(-frames // SURVEYED_PAIRS)
    for frames_TCHW, seconds_T in videos:
        step = _step(seconds_T, motion.config.spacing_seconds)
        for t in range(step, len(frames_TCHW), every):
            first_HW, second_HW = (grey(_picture(frames_TCHW[place])) for place in (t - step, t))
            yield motion.flow(first_HW, second_HW), max(float(seconds_T[t] - seconds_T[t - step]), 1e-3)


def sampled_thumbs(videos: Sequence[Footage]) -> list[UInt8Array]:
    """A few thumbnails of each stretch of footage."""
    thumbs = []
    for frames_TCHW, _ in videos:
        for start in range(0, len(frames_TCHW), STRETCH_FRAMES):
            stretch = frames_TCHW[start : start + STRETCH_FRAMES]
            chosen = np.linspace(0, len(stretch) - 1, min(SURVEYED_THUMBS, len(stretch))).astype(int)
            thumbs.append(np.stack([thumbnail(_picture(stretch[t])) for t in chosen]))
    return thumbs


def sampled_pictures(videos: Sequence[Footage]) -> list[UInt8Array]:
    """A few frames at even distances through all footage, each (H, W, 3)."""
    starts = np.cumsum([0, *(len(frames_TCHW) for frames_TCHW, _ in videos)])
    chosen = np.linspace(0, starts[-1] - 1, min(SURVEYED_PICTURES, starts[-1])).astype(int)
    videos_N = np.searchsorted(starts, chosen, side="right") - 1
    return [_picture(videos[v][0][t - starts[v]]) for v, t in zip(videos_N, chosen, strict=True)]


def grey(image_HW3: UInt8Array) -> UInt8Array:
    """The picture without colour."""
    return np.asarray(cv2.cvtColor(image_HW3, cv2.COLOR_RGB2GRAY), np.uint8)


def _picture(frame_CHW: UInt8Array) -> UInt8Array:
    return np.ascontiguousarray(frame_CHW.transpose(1, 2, 0))


def _step(seconds_T: npt.NDArray[np.float64], spacing_seconds: float) -> int:
    """Frames between those that are looked at: the first that does not follow too soon."""
    if len(seconds_T) < 2:
        return 1
    interval = float(seconds_T[-1] - seconds_T[0]) / (len(seconds_T) - 1)
    return max(1, math.ceil(spacing_seconds / interval - 1e-6)) if interval > 0 else 1
