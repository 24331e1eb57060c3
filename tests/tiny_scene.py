"""A scene of a second or two that every test room shares: a textured square that walks, and where abnormal, runs.

Letters: T frames, H height, W width, C channels.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from normalcy.training.config import FitConfig, resolve_config
from normalcy.video.writer import VideoWriter

SIZE_PX = (48, 64)
FPS = 10
SQUARE_PX = 14
RUNS = range(12, 21)
"""Frames of the test video `runner` in which the square runs."""

_MODEL = ["size_px=[35, 43]", "clip_len_frames=4", "encoder_channels=[4, 4]", "lstm_channels=[4]"]
_TRAINING = ["epochs=3", "clips_per_epoch=24", "precision=float32", "learning_rate=3e-3"]
TINY_STAE = [*(f"model.{text}" for text in _MODEL), *(f"training.{text}" for text in _TRAINING)]
"""Overrides that make the autoencoder small enough to be fitted in a second."""

TINY_MEMORY = (
    "model.size_px=[64, 88]",
    "model.trunk=torch",
    "model.appearance.examples=50",
    "model.appearance.dims=16",
)
"""The same for scene memory."""


def scene(
    frames: int, *, seed: int, runs: Sequence[int] = (), begin_px: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Frames uint8 (T, H, W, 1), and masks bool (T, H, W) of the square where it runs.

    It begins so far from the left, or so far before it gets there.
    """
    rng = np.random.default_rng(seed)
    background_HW, square_HW = texture(rng, SIZE_PX, 60, 110), texture(rng, (SQUARE_PX, SQUARE_PX), 130, 250)
    images_THWC = np.repeat(background_HW[None, ..., None], frames, axis=0)
    masks_THW = np.zeros((frames, *SIZE_PX), np.bool_)
    reach = SIZE_PX[1] - SQUARE_PX
    walked = begin_px
    for t in range(frames):
        walked += 5 if t in runs else 1
        left = reach - abs(walked % (2 * reach) - reach)
        images_THWC[t, 20 : 20 + SQUARE_PX, left : left + SQUARE_PX, 0] = square_HW
        masks_THW[t, 20 : 20 + SQUARE_PX, left : left + SQUARE_PX] = t in runs
    return images_THWC, masks_THW


def texture(rng: np.random.Generator, size_px: tuple[int, int], low: int, high: int) -> np.ndarray:
    """A smooth random picture that optical flow can follow, uint8 (H, W)."""
    height, width = size_px
    coarse_HW = rng.uniform(low, high, (height // 4 + 1, width // 4 + 1)).astype(np.float32)
    return cv2.resize(coarse_HW, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)


def write_scene(path: Path, images_THWC: np.ndarray) -> Path:
    """The frames as an mp4."""
    with VideoWriter(path, fps=FPS, crf=12) as video:
        for image_HWC in images_THWC:
            video.write(image_HWC)
    return path


def write_root(root: Path, *, begin_px: int = 0) -> Path:
    """A dataset `folder`: three walks to fit on; a calm and a running test video with labels and masks."""
    for number, name in enumerate("abc"):
        write_scene(root / "train" / f"{name}.mp4", scene(30, seed=number)[0])
    (root / "test_masks").mkdir()
    for name, runs in (("calm", ()), ("runner", RUNS)):
        images_THWC, masks_THW = scene(30, seed=7, runs=runs, begin_px=begin_px)
        write_scene(root / "test" / f"{name}.mp4", images_THWC)
        np.save(root / "test_masks" / f"{name}.npy", masks_THW)
    (root / "labels.csv").write_text(f"video,start_frame,end_frame\nrunner,{RUNS.start},{RUNS.stop}\n")
    return root


def tiny_config(root: Path, cache: Path, *, method: str = "stae", overrides: Sequence[str] = ()) -> FitConfig:
    """Settings of a fit that takes a second or two."""
    data: dict[str, Any] = {"name": "folder", "root": str(root), "cache": str(cache)}
    own = {"stae": TINY_STAE, "scene-memory": TINY_MEMORY}.get(method, ["model.size_px=[48, 64]"])
    return resolve_config(method, data=data, overrides=[*own, *overrides])
