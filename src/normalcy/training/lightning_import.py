"""The one place that imports Lightning, after making sure that a mismatched torchvision cannot break it.

A torchvision wheel whose compiled operators do not fit the installed torch fails on import ("operator
torchvision::nms does not exist") and takes Lightning's and TorchMetrics' imports down with it. None of these
operators is used here, so their meta registrations are replaced by an empty module, and only in that case.
"""

import logging
import sys
import types


def tolerate_torchvision() -> bool:
    """Makes torchvision importable; returns True where it had to be mended."""
    try:
        import torchvision
    except ImportError:
        return False
    except (RuntimeError, OSError):
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        sys.modules["torchvision._meta_registrations"] = types.ModuleType("torchvision._meta_registrations")
        import torchvision

        return bool(torchvision.__version__)
    return False


tolerate_torchvision()

from lightning.pytorch import LightningModule, Trainer  # noqa: E402
from lightning.pytorch.callbacks import (  # noqa: E402
    Callback,
    EarlyStopping,
    ModelCheckpoint,
    Timer,
    WeightAveraging,
)
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger  # noqa: E402
from lightning.pytorch.plugins.io import TorchCheckpointIO  # noqa: E402

# Its greetings and tips are not ours.
logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)

__all__ = [
    "CSVLogger",
    "Callback",
    "EarlyStopping",
    "LightningModule",
    "ModelCheckpoint",
    "TensorBoardLogger",
    "Timer",
    "TorchCheckpointIO",
    "Trainer",
    "WeightAveraging",
    "tolerate_torchvision",
]
