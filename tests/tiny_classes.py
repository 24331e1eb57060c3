"""A folder of two classes that every test room shares: scenes in which a bright square passes, or does not."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from normalcy.training.config import FitConfig, resolve_config
from normalcy.video.writer import VideoWriter

SCENES = 10
FRAMES = 40
SIZE_PX = (48, 64)

TINY_CNN_LSTM = (
    "model.backbone.name=efficientnet-lite0",
    "model.size_px=[32, 48]",
    "model.width=16",
    "model.attention_heads=2",
    "model.lstm_states=[8, 6]",
    "model.sequence_frames=8",
    "training.epochs=3",
    "training.batch_size=8",
    "training.learning_rate=5e-3",
    "training.augmentation.views=1",
    "data.held_out_fraction=0.3",
)
"""Overrides that make CNN-LSTM small enough to be fitted in seconds."""


def write_tiny_classes(root: Path) -> Path:
    """Folders `normal` and `passing`, so many scenes each, as mp4."""
    for n in range(SCENES):
        _write(root / "normal" / f"n{n}.mp4", seed=n, passes=False)
        _write(root / "passing" / f"p{n}.mp4", seed=100 + n, passes=True)
    return root


def _write(path: Path, *, seed: int, passes: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rough = np.random.default_rng(seed).integers(0, 200, (6, 8), np.uint8)
    image_HW = cv2.resize(rough, SIZE_PX[::-1], interpolation=cv2.INTER_CUBIC)
    with VideoWriter(path, fps=20, crf=12) as video:
        for t in range(FRAMES):
            shown = image_HW.copy()
            if passes:
                left = 2 * t % 50
                shown[12:34, left : left + 14] = 255
            video.write(shown[..., None])


def tiny_class_config(
    root: Path, caches: Path, *, name: str = "class-folder", overrides: Sequence[str] = ()
) -> FitConfig:
    """Settings of a fit that takes seconds."""
    data = {
        "name": name,
        "root": str(root),
        "cache": str(caches / "frames"),
        "features": str(caches / "features"),
    }
    return resolve_config("cnn-lstm", data=data, overrides=[*TINY_CNN_LSTM, "data.fold=1", *overrides])
