"""normalcy learns what normal looks like in front of a camera and tells you when something is not."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# The public surface: name -> module. Imported on first use, so that `import normalcy` stays instant.
_PUBLIC = {
    "Bundle": "normalcy.scoring.bundle",
    "ClipSpec": "normalcy.methods.contract",
    "Event": "normalcy.scoring.types",
    "Frame": "normalcy.video.frame",
    "FrameScore": "normalcy.scoring.types",
    "NormalcyError": "normalcy.errors",
    "ReadOptions": "normalcy.video.reader",
    "open_dataset": "normalcy.datasets",
    "open_video": "normalcy.video.reader",
}

__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'normalcy' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return __all__
