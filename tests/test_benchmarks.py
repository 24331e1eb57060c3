"""That benchmarks compare like with like. Their timing decides no test."""

import importlib
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"
TINY = {
    "size_px": (32, 48),
    "clip_len_frames": 6,
    "widths": (8, 8),
    "grid_strides": (2, 1),
    "fusion_grid_stride": 4,
    "discriminator_layers": ({"channels": 8}, {"channels": 8}),
}


@pytest.fixture
def agreement(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)
    module = importlib.import_module("ocr_gan_video_agreement")
    yield module.agreement
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").parent == FOLDER:
            del sys.modules[name]


@pytest.mark.parametrize("preset", ["compact", "standard", "compact-reconstruct"])
def test_the_plain_network_and_ours_are_one_function(agreement, preset):
    found = agreement(preset, **TINY, predict_frames=2)
    assert found.holds, found


def test_another_function_is_told(agreement, monkeypatch):
    naive = sys.modules["naive_ocr_gan_video"]
    monkeypatch.setattr(naive, "blurred", lambda x_BTHW, *, box_px: x_BTHW)
    monkeypatch.setattr(naive, "_motion_loss", lambda fake, real: (fake - real).square().sum())
    found = agreement("compact-reconstruct", **TINY)
    assert found.score > 1e-4
    assert found.gradient > 1e-3
    assert not found.holds
