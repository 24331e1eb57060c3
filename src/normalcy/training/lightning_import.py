"""The one place that imports Lightning, after making sure that a mismatched torchvision cannot break it."""

import logging

from normalcy.layers.torchvision_import import tolerate_torchvision

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
from lightning.pytorch.plugins import LayerSync  # noqa: E402
from lightning.pytorch.plugins.environments import (  # type: ignore[attr-defined]  # noqa: E402
    ClusterEnvironment,
    SLURMEnvironment,
    TorchElasticEnvironment,
)
from lightning.pytorch.plugins.io import TorchCheckpointIO  # noqa: E402
from lightning.pytorch.strategies import DDPStrategy  # noqa: E402

# Its greetings and tips are not ours.
logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)

__all__ = [
    "CSVLogger",
    "Callback",
    "ClusterEnvironment",
    "DDPStrategy",
    "EarlyStopping",
    "LayerSync",
    "LightningModule",
    "ModelCheckpoint",
    "SLURMEnvironment",
    "TensorBoardLogger",
    "Timer",
    "TorchCheckpointIO",
    "TorchElasticEnvironment",
    "Trainer",
    "WeightAveraging",
    "tolerate_torchvision",
]
