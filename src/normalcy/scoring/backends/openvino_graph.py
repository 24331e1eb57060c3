"""Graphs on OpenVINO."""

import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from normalcy.errors import BundleError, MissingPackage
from normalcy.layers.openvino_import import compiled_for_cpu, openvino_core, openvino_installed
from normalcy.methods.runtime import Arrays
from normalcy.scoring.backends.record import MADE_BY, Precision, Target

INSTALL = "pip install 'normalcy[runtime]'"


class OpenVinoGraph:
    """A compiled graph that takes one item of a batch at a time, so that no result depends on its batch.

    Args:
        model: File, or a model in memory.
        inputs: Names, in order.
        outputs: Names, in order.
        precision: What it is computed in, as far as the processor has it.
        target: `cpu` runs several items side by side; others one item on all cores.
        threads: At most so many; all cores without.

    Raises:
        MissingPackage: OpenVINO is not installed.
        BundleError: The file cannot be read or compiled.
    """

    def __init__(
        self,
        model: Any,
        *,
        inputs: Sequence[str],
        outputs: Sequence[str],
        precision: Precision = "fp32",
        target: Target | None = None,
        threads: int | None = None,
    ) -> None:
        if not openvino_installed():
            raise MissingPackage("OpenVINO is not installed", hint=INSTALL)
        self._inputs, self._outputs = tuple(inputs), tuple(outputs)
        self._lock = threading.Lock()
        try:
            found = openvino_core().read_model(model) if isinstance(model, (str, Path)) else model
            found.reshape({port: [1, *port.partial_shape[1:]] for port in found.inputs})
            self._compiled = compiled_for_cpu(found, _settings(precision, target, threads))
        except RuntimeError as error:
            where = model if isinstance(model, (str, Path)) else ""
            what = f"OpenVINO cannot run it: {_first_line(error)}"
            raise BundleError(what, where=where, hint=f"`{MADE_BY}` makes it again") from error
        count = self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS") if target == "cpu" else 1
        self._requests = [self._compiled.create_infer_request() for _ in range(count)]

    def __call__(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        """Runs the graph on each item; one caller at a time."""
        with self._lock:
            return self._run(inputs)

    def _run(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        arrays = [inputs[name] for name in self._inputs]
        batch = len(arrays[0])
        found: list[list[npt.NDArray[Any]]] = [[] for _ in range(batch)]
        for first in range(0, batch, len(self._requests)):
            items = range(first, min(batch, first + len(self._requests)))
            running = list(zip(items, self._requests, strict=False))
            for b, request in running:
                request.start_async([np.ascontiguousarray(each[b : b + 1]) for each in arrays])
            for b, request in running:
                request.wait()
                found[b] = [np.array(output.data) for output in request.output_tensors]
        return {
            name: np.concatenate([each[place] for each in found]) for place, name in enumerate(self._outputs)
        }


def _settings(precision: Precision, target: Target | None, threads: int | None) -> dict[str, str | int]:
    settings: dict[str, str | int] = {
        "PERFORMANCE_HINT": "THROUGHPUT" if target == "cpu" else "LATENCY",
        "INFERENCE_PRECISION_HINT": computed_in(precision),
    }
    if target == "edge":
        # One stream, and no compiled kernels kept for shapes that never come.
        settings |= {"NUM_STREAMS": 1, "CPU_RUNTIME_CACHE_CAPACITY": 0}
    return settings | ({"INFERENCE_NUM_THREADS": threads} if threads else {})


def computed_in(precision: Precision) -> str:
    """OpenVINO's name of the precision that what is not rounded to integers runs in here."""
    if precision == "fp32":
        return "f32"
    can = _capabilities()
    if precision == "fp16" and "FP16" in can:
        return "f16"
    return "bf16" if precision in ("bf16", "int8") and "BF16" in can else "f32"


@cache
def _capabilities() -> tuple[str, ...]:
    return tuple(openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
