"""Frozen networks of optical flow, through which a loss can send its gradient to the pictures.

Letters: B batch, H height, W width, h and w the size at which flow is computed; flow channels are x and y displacement.
"""

import difflib
import logging
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.hub import download_url_to_file
from torch.nn import functional as F

from normalcy.errors import ConfigError
from normalcy.layers.flownet_sd import FlowNetSD
from normalcy.layers.raft import Raft, raft_small
from normalcy.layers.spynet import SpyNet

log = logging.getLogger(__name__)

FETCH_TIMEOUT_SECONDS = 20.0
"""How long a server may be silent."""


class FlowNetwork(Protocol):
    """Estimates flow and is never trained; the flow depends on both pictures differentiably."""

    def __call__(self, first_B3HW: Tensor, second_B3HW: Tensor) -> Tensor:
        """Displacement that carries the first picture to the second, x then y, in their pixels: (B, 2, H, W).

        Args:
            first_B3HW: Pictures with values in [0, 1].
            second_B3HW: The same of a later time.
        """
        ...


class FrozenFlow(nn.Module):
    """A `FlowNetwork` for pictures of any size: fits them to what a network takes, and its flow to them.

    Pictures are scaled, and enlarged where a side would be too short, then padded below and to the right. Parameters
    need no gradient and the network always evaluates.

    Args:
        network: From two pictures to their flow.
        multiple_px: What its sides are multiples of.
        smallest_px: Its shortest side.
        scale: Pictures are made so many times larger first; 0.5 leaves a quarter of the work.
    """

    def __init__(self, network: nn.Module, *, multiple_px: int, smallest_px: int, scale: float = 1.0) -> None:
        super().__init__()
        self.network = network.requires_grad_(False)
        self.multiple_px, self.smallest_px, self.scale = multiple_px, smallest_px, scale
        self.train(False)

    def forward(self, first_B3HW: Tensor, second_B3HW: Tensor) -> Tensor:
        """Returns the flow (B, 2, H, W), float32."""
        height, width = first_B3HW.shape[2:]
        scale = max(self.scale, self.smallest_px / min(height, width))
        h, w = round(height * scale), round(width * scale)
        first, second = (self._padded(_resized(image.float(), (h, w))) for image in (first_B3HW, second_B3HW))
        flow_B2hw: Tensor = self.network(first, second)[:, :, :h, :w].float()
        ratio_211 = flow_B2hw.new_tensor([width / w, height / h])[:, None, None]
        return _resized(flow_B2hw, (height, width)) * ratio_211

    def train(self, mode: bool = True) -> Self:
        """Does nothing."""
        return super().train(False)

    def _padded(self, image_B3hw: Tensor) -> Tensor:
        below, right = (-side % self.multiple_px for side in image_B3hw.shape[2:])
        return F.pad(image_B3hw, (0, right, 0, below), mode="replicate")


@dataclass(frozen=True)
class FlowKind:
    """A network that can be asked for by name.

    Attributes:
        weights: Which file holds its weights, and where that comes from.
        instead: What to use where there is none.
        network: Builds it without weights, under the names that its file has.
        url: Where the file is fetched from; None where its owner wants to be asked.
        module: Makes of it, and of a number of iterations, a module of two pictures.
        renamed: Puts the names of a public file into the network's own; "" leaves a tensor out.
        multiple_px: What the sides of its pictures are multiples of.
        smallest_px: The shortest side of its pictures.
    """

    weights: str
    instead: str
    network: Callable[[], nn.Module]
    url: str | None = None
    module: Callable[[nn.Module, int], nn.Module] = lambda network, _: network
    renamed: Callable[[str], str] = str
    multiple_px: int = 1
    smallest_px: int = 1


def _without_modules(name: str) -> str:
    """OpenMMLab's names of SPyNet's weights: counted without activations, beside mean and deviation."""
    own = re.fullmatch(r"basic_module\.(\d)\.basic_module\.(\d)\.conv\.(weight|bias)", name)
    if own:
        return f"basic.{own[1]}.{2 * int(own[2])}.{own[3]}"
    return "" if name in ("mean", "std") else name


# Both names end in the first digits of the file's SHA-256, by which what was fetched is checked.
_RAFT_URL = "https://download.pytorch.org/models/raft_small_C_T_V2-01064c6d.pth"
_SPYNET_URL = "https://download.openmmlab.com/mmediting/restorers/basicvsr/spynet_20210409-c6c1bd09.pth"

FLOW_NETWORKS = {
    "raft-small": FlowKind(
        weights=f"raft_small_C_T_V2-01064c6d.pth (torchvision's Raft_Small_Weights.C_T_V2, {_RAFT_URL})",
        instead="spynet",
        network=raft_small,
        url=_RAFT_URL,
        module=lambda network, iterations: Raft(network, iterations=iterations),
        multiple_px=8,
        smallest_px=128,
    ),
    "spynet": FlowKind(
        weights=f"spynet_20210409-c6c1bd09.pth (OpenMMLab's, {_SPYNET_URL}), or a safetensors file with the names "
        "basic.{0..5}.{0,2,4,6,8}.{weight,bias}",
        instead="raft-small",
        network=SpyNet,
        url=_SPYNET_URL,
        renamed=_without_modules,
        multiple_px=32,
        smallest_px=64,
    ),
    "flownet2-sd": FlowKind(
        weights="FlowNet2-SD_checkpoint.pth.tar (from NVIDIA's release, https://github.com/NVIDIA/flownet2-pytorch, "
        "for research only)",
        instead="raft-small or spynet",
        network=FlowNetSD,
        multiple_px=64,
        smallest_px=64,
    ),
}


def flow_network(name: str, *, weights: Path | None, scale: float = 1.0, iterations: int = 4) -> FrozenFlow:
    """A frozen `FlowNetwork`.

    Args:
        name: One of `FLOW_NETWORKS`.
        weights: Its file: safetensors, or PyTorch's own, of which nothing but tensors is ever loaded. None takes the
            public file out of PyTorch's cache (`TORCH_HOME`), where it is put at the first time.
        scale: Flow is computed on pictures so many times larger, and is in pixels of the given ones all the same.
        iterations: Refinements of a network that refines; the others do not.

    Raises:
        ConfigError: There is no such network, or a part of it is missing: its weights, torchvision.
    """
    kind = _kind(name)
    if scale <= 0 or iterations < 1:
        raise ConfigError(
            f"cannot compute flow at scale {scale} in {iterations} iterations",
            where=name,
            hint="Both are positive",
        )
    file = _file_of(kind, name, weights)
    network = kind.network()
    _load(network, file, kind)
    return FrozenFlow(
        kind.module(network, iterations),
        multiple_px=kind.multiple_px,
        smallest_px=kind.smallest_px,
        scale=scale,
    )


def _kind(name: str) -> FlowKind:
    if name not in FLOW_NETWORKS:
        near = difflib.get_close_matches(name, FLOW_NETWORKS, n=1, cutoff=0.4)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known are {', '.join(FLOW_NETWORKS)}"
        raise ConfigError(f"there is no flow network {name!r}", hint=hint)
    return FLOW_NETWORKS[name]


def _file_of(kind: FlowKind, name: str, weights: Path | None) -> Path:
    """The file that was given, or the public one."""
    hint = f"Get {kind.weights}, or use {kind.instead}, or a flow weight of 0"
    if weights is not None:
        if not weights.is_file():
            raise ConfigError(f"there is no file {weights}", where=name, hint=hint)
        return weights
    if kind.url is None:
        raise ConfigError("needs a file of weights", where=name, hint=hint)
    cached = Path(torch.hub.get_dir()) / "checkpoints" / Path(kind.url).name
    if not cached.is_file():
        _fetch(kind.url, cached, name, hint)
    return cached


def _fetch(url: str, to: Path, name: str, hint: str) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    log.info("fetching %s", url)
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(FETCH_TIMEOUT_SECONDS)
    try:
        download_url_to_file(url, str(to), hash_prefix=to.stem.rpartition("-")[2], progress=False)
    except (OSError, RuntimeError) as error:  # no network; another file than was expected
        raise ConfigError(f"its weights could not be fetched ({error})", where=name, hint=hint) from error
    finally:
        socket.setdefaulttimeout(before)


def _load(network: nn.Module, path: Path, kind: FlowKind) -> None:
    found = {kind.renamed(name): tensor for name, tensor in _read(path, kind).items()}
    found.pop("", None)
    if misfits := _misfits(network.state_dict(), found):
        raise ConfigError(
            f"{len(misfits)} weights do not fit: {'; '.join(misfits[:3])}",
            where=path,
            hint=f"Get {kind.weights}",
        )
    network.load_state_dict(found)


def _read(path: Path, kind: FlowKind) -> Mapping[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        held = torch.load(path, map_location="cpu", weights_only=True)
        tensors = held.get("state_dict", held)
        return {str(name): tensor for name, tensor in tensors.items() if isinstance(tensor, Tensor)}
    except Exception as error:  # a damaged file can make a reader raise nearly anything
        raise ConfigError(
            f"holds no weights that can be read ({type(error).__name__})",
            where=path,
            hint=f"Get {kind.weights}",
        ) from error


def _misfits(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    """What is wrong with the names and shapes of weights, a line each."""
    lines = [f"{name} is missing" for name in expected if name not in found]
    lines += [f"{name} is unknown" for name in found if name not in expected]
    return lines + [
        f"{name} is {tuple(found[name].shape)}, expected {tuple(tensor.shape)}"
        for name, tensor in expected.items()
        if name in found and found[name].shape != tensor.shape
    ]


def _resized(x_BCHW: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear, averaging where it gets smaller; as it is where the size is right."""
    if x_BCHW.shape[2:] == size:
        return x_BCHW
    return F.interpolate(x_BCHW, size=size, mode="bilinear", antialias=True)
