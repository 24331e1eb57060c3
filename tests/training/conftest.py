from collections.abc import Callable

import numpy as np
import pytest
import torch

from normalcy.methods.stae import Stae, StaeConfig
from normalcy.training.data import Footage, NormalFootage

TINY_MODEL = {"size_px": (35, 43), "clip_len_frames": 4, "encoder_channels": (4, 4), "lstm_channels": (4,)}


def sliding_texture(name: str, frames: int, *, seed: int) -> Footage:
    texture = np.random.default_rng(seed).integers(0, 255, (1, 35, 43), np.uint8)
    frames_TCHW = np.stack([np.roll(texture, t, axis=2) for t in range(frames)])
    return Footage(name, frames_TCHW, np.arange(frames), np.arange(frames) / 10)


@pytest.fixture(scope="session")
def footage() -> NormalFootage:
    fitted = (sliding_texture("a", 24, seed=1), sliding_texture("b", 20, seed=2))
    return NormalFootage(fitted, (sliding_texture("c", 16, seed=1),))


@pytest.fixture
def tiny_stae(footage) -> Callable[[], Stae]:
    def build() -> Stae:
        torch.manual_seed(0)
        stae = Stae(StaeConfig(**TINY_MODEL))
        stae.observe(span.frames_TCHW for span in footage.fitted)
        return stae

    return build
