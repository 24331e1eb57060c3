"""Graphs on ONNX Runtime."""

import importlib.util
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from normalcy.errors import BundleError, ConfigError, FallbackWarning, MissingPackage
from normalcy.methods.runtime import Arrays
from normalcy.scoring.backends.record import Precision, Target

INSTALL = "pip install 'normalcy[onnxruntime]'"
GPU_PROVIDERS = ("TensorrtExecutionProvider", "CUDAExecutionProvider")


class OnnxRuntimeGraph:
    """A session.

    Args:
        model: File, or the bytes of one.
        inputs: Names, in order.
        outputs: Names, in order.
        precision: What TensorRT may compute in, where it is used.
        target: `gpu` asks for TensorRT and CUDA.
        threads: At most so many; all cores without.

    Raises:
        MissingPackage: ONNX Runtime is not installed.
        ConfigError: It has no provider of a GPU where one is asked for.
        BundleError: The file cannot be read.
    """

    def __init__(
        self,
        model: Path | bytes,
        *,
        inputs: Sequence[str],
        outputs: Sequence[str],
        precision: Precision = "fp32",
        target: Target | None = None,
        threads: int | None = None,
    ) -> None:
        if not importlib.util.find_spec("onnxruntime"):
            raise MissingPackage("ONNX Runtime is not installed", hint=INSTALL)
        import onnxruntime

        self._inputs, self._outputs = tuple(inputs), list(outputs)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # Threads that wait by spinning slow down whatever else runs on the box.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if threads:
            options.intra_op_num_threads = threads
        providers = _providers(target, precision, onnxruntime.get_available_providers())
        try:
            source = str(model) if isinstance(model, Path) else model
            self._session = onnxruntime.InferenceSession(source, options, providers=providers)
        except Exception as error:  # its errors have no common base
            where = model if isinstance(model, Path) else ""
            what = f"ONNX Runtime cannot read it: {' '.join(str(error).split())[:160]}"
            raise BundleError(what, where=where) from error

        asked = [each if isinstance(each, str) else each[0] for each in providers]
        if self.providers[0] != asked[0]:
            message = f"ONNX Runtime cannot use {asked[0]} here, it takes {self.providers[0]}"
            warnings.warn(message, FallbackWarning, stacklevel=2)

    @property
    def providers(self) -> tuple[str, ...]:
        """What runs it, the first that can each part."""
        return tuple(self._session.get_providers())

    def __call__(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        """Runs the graph on the whole batch."""
        found = self._session.run(self._outputs, {name: inputs[name] for name in self._inputs})
        return dict(zip(self._outputs, found, strict=True))


def _providers(target: Target | None, precision: Precision, available: Sequence[str]) -> list[Any]:
    """In the order in which they are asked.

    Raises:
        ConfigError: A GPU is asked for, and nothing here runs on one.
    """
    if target != "gpu":
        return ["CPUExecutionProvider"]
    found: list[Any] = [name for name in GPU_PROVIDERS if name in available]
    if not found:
        raise ConfigError(
            "this ONNX Runtime has neither TensorRT nor CUDA",
            where="--target gpu",
            hint="pip install onnxruntime-gpu, or use --backend torch",
        )
    half = {"trt_fp16_enable": precision in ("fp16", "bf16"), "trt_int8_enable": precision == "int8"}
    found = [(name, half) if name.startswith("Tensorrt") else name for name in found]
    return [*found, "CPUExecutionProvider"]
