"""Every registered method in the smallest sensible size, for the tests that all of them must pass."""

from typing import Any

import torch

from normalcy.config import build_config
from normalcy.methods import method_definition
from normalcy.methods.base import Method

# A method that is missing here fails the sweeps.
SMALL: dict[str, dict[str, Any]] = {
    "stae": {
        "size_px": (35, 43),
        "clip_len_frames": 4,
        "encoder_channels": (8, 6),
        "lstm_channels": (6, 6),
        "compare_frame_scores": ({"name": "box-maximum"},),
    },
    "ocr-gan-video": {
        "size_px": (16, 24),
        "clip_len_frames": 6,
        "widths": (8, 8),
        "grid_strides": (2, 1),
        "predict_frames": 2,
        "visible_every": 2,
        "discriminator_layers": ({"channels": 8}, {"channels": 8}),
        "score_fusion": "z-scores",
        "score_weights": {"reconstruction": 1.0, "feature": 0.5, "displacement": 1.0},
        "further_parts": ("reconstruction_high", "reconstruction_low", "attention"),
    },
    "future-frame": {
        "size_px": (32, 48),
        "channels": 1,
        "widths": (8, 8),
        "discriminator_widths": (8, 8),
        "discriminator_strides": (2, 2),
        "loss": {"flow": 0.0},
    },
    "scene-memory": {
        "size_px": (64, 96),
        "trunk": "torch",
        "appearance": {"examples": 20, "candidates": 200, "dims": 8},
    },
    "cnn-lstm": {
        "backbone": {"name": "efficientnet-lite0"},
        "size_px": (32, 48),
        "look_frames": 3,
        "sequence_frames": 6,
        "width": 16,
        "attention_heads": 2,
        "lstm_states": (8, 6),
    },
    "flow-magnitude": {"size_px": (32, 48), "blur_fraction": 0.1},
}


def small(name: str, *, seed: int = 0, **changes: Any) -> Method:
    """An untrained method, with some settings changed; the same seed gives the same weights."""
    torch.manual_seed(seed)
    definition = method_definition(name)
    method = definition.build(build_config(definition.config, SMALL[name] | changes)).eval()
    if name == "cnn-lstm":
        # What a backbone without its weights sees is next to nothing, and a classifier that has learned nothing
        # says as little.
        method.begin_training()
        with torch.no_grad():
            method.classifier.classify.weight.mul_(5)
    return method
