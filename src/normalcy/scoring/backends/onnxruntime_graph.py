"""Graphs on ONNX Runtime."""

import hashlib
import importlib.util
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from normalcy.environment import adds_integers_exactly
from normalcy.errors import BundleError, ConfigError, FallbackWarning, MissingPackage
from normalcy.methods.runtime import Arrays
from normalcy.scoring.backends.record import MADE_BY, Precision, Target

INSTALL = "pip install 'normalcy[onnxruntime]'"
TENSORRT, CUDA, CPU = "TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"
ENGINES = Path("~/.cache/normalcy/tensorrt")
"""Folders of what TensorRT built of each file, which takes it minutes."""

# An ONNX Runtime that does not know bf16 refuses even to be told False.
_TENSORRT_MAY: Mapping[Precision, dict[str, Any]] = {
    "fp16": {"trt_fp16_enable": True},
    "bf16": {"trt_bf16_enable": True},
    "int8": {"trt_int8_enable": True},
}


class OnnxRuntimeGraph:
    """A session.

    Args:
        model: File, or the bytes of one.
        inputs: Names, in order.
        outputs: Names, in order.
        precision: What TensorRT may compute in, where it is used.
        target: `gpu` asks for TensorRT and CUDA; `edge` takes less memory; `cpu` is what it does without.
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
        options = _options(onnxruntime.SessionOptions(), target, threads)
        if target != "gpu":
            _add_up_exactly(options)
        available = onnxruntime.get_available_providers()
        engines = _engine_folder(model) if target == "gpu" and TENSORRT in available else None
        providers = _providers(target, precision, available, engines=engines)
        try:
            source = str(model) if isinstance(model, Path) else model
            self._session = onnxruntime.InferenceSession(source, options, providers=providers)
            if target == "gpu" and self.providers[0] == CPU and _add_up_exactly(options):
                self._session = onnxruntime.InferenceSession(source, options, providers=[CPU])
        except Exception as error:  # its errors have no common base
            where = model if isinstance(model, Path) else ""
            what = f"ONNX Runtime cannot run it: {' '.join(str(error).split())[:160]}"
            raise BundleError(what, where=where, hint=f"`{MADE_BY}` makes it again") from error

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


def _options(options: Any, target: Target | None, threads: int | None) -> Any:
    options.log_severity_level = 3
    # Threads that wait by spinning slow down whatever else runs on the box.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if threads:
        options.intra_op_num_threads = threads
    if target == "edge":
        # Memory that was planned ahead is a fifth more at its peak; without the arena too, only time is lost.
        options.enable_mem_pattern = False
    return options


def _add_up_exactly(options: Any) -> bool:
    """Rounded layers in floating point, where the processor's sums of 8-bit products overflow; whether they do."""
    overflows = not adds_integers_exactly()
    if overflows:
        options.add_session_config_entry("session.disable_quant_qdq", "1")
    return overflows


def _engine_folder(model: Path | bytes) -> Path | None:
    """A folder for each content, for engines are named by their graph alone, whatever its weights.

    None where there can be none: then they are built each time.
    """
    try:
        content = model.read_bytes() if isinstance(model, Path) else model
        folder = ENGINES.expanduser() / hashlib.sha256(content).hexdigest()[:16]
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder


def _providers(
    target: Target | None, precision: Precision, available: Sequence[str], *, engines: Path | None
) -> list[Any]:
    """In the order in which they are asked, with their options.

    Args:
        target: What is asked for.
        precision: What TensorRT may compute in.
        available: What this ONNX Runtime has.
        engines: Folder where TensorRT keeps what it built; None keeps nothing.

    Raises:
        ConfigError: A GPU is asked for, and nothing here runs on one.
    """
    if target != "gpu":
        return [CPU]
    kept = {"trt_engine_cache_enable": True, "trt_engine_cache_path": str(engines)} if engines else {}
    options: dict[str, dict[str, Any]] = {
        TENSORRT: kept | _TENSORRT_MAY.get(precision, {}),
        # TF32 would round to 10 bits of mantissa.
        CUDA: {"use_tf32": "0"},
    }
    found = [(name, options[name]) for name in (TENSORRT, CUDA) if name in available]
    if not found:
        raise ConfigError(
            "this ONNX Runtime has neither TensorRT nor CUDA",
            where="--target gpu",
            hint="pip install onnxruntime-gpu, or use --backend torch",
        )
    return [*found, CPU]
