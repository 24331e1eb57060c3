"""Files of exported graphs, and graphs in memory on their way there."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from normalcy.errors import MissingPackage
from normalcy.export.integers import Onnx
from normalcy.export.onnx_graph import Exporter, compress_weights, to_onnx
from normalcy.layers.openvino_import import import_openvino
from normalcy.methods.plan import GraphPlan
from normalcy.methods.runtime import RunGraph
from normalcy.scoring.backends.exported_model import open_graph
from normalcy.scoring.backends.record import SUFFIX, ExportedGraph, ExportRecord, Rounding


@dataclass(frozen=True, eq=False)
class GraphFile:
    """A graph as ONNX, in 32 bits or rounded.

    Attributes:
        plan: What it was made from.
        exporter: What made it.
        model: The graph.
        rounding: How it was rounded.
    """

    plan: GraphPlan
    exporter: Exporter
    model: Onnx
    rounding: Rounding | None = None

    @property
    def described(self) -> ExportedGraph:
        """As the record has it."""
        return ExportedGraph(
            name=self.plan.name,
            inputs=tuple(self.plan.inputs),
            outputs=self.plan.outputs,
            exporter=self.exporter,
            rounding=self.rounding,
        )


def exported_graph(plan: GraphPlan) -> GraphFile:
    """Exports a graph.

    Raises:
        MissingPackage: What does that is not installed.
        ConfigError: It cannot be done.
    """
    for package in ("onnx", "onnxscript", "onnxruntime"):
        if not find_spec(package):
            raise MissingPackage(
                f"exporting needs {package}, which is not installed", hint="pip install 'normalcy[export]'"
            )
    import onnx

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{plan.name}.onnx"
        exporter = to_onnx(plan, path)
        return GraphFile(plan, exporter, onnx.load(path))


def write_graph(file: GraphFile, record: ExportRecord, folder: Path) -> ExportedGraph:
    """Writes a graph for its backend, in its precision."""
    import onnx

    path = folder / f"{file.plan.name}{SUFFIX[record.backend]}"
    if record.backend == "onnxruntime":
        onnx.save(file.model, path)
        if record.precision in ("fp16", "bf16"):
            compress_weights(path, record.precision)
    else:
        openvino = import_openvino()
        half = record.precision in ("fp16", "bf16")
        with _converted(file.model) as model:
            openvino.save_model(model, path, compress_to_fp16=half)
    size = sum(each.stat().st_size for each in folder.glob(f"{file.plan.name}.*"))
    return file.described.model_copy(update={"size_bytes": size})


def open_written(record: ExportRecord, graph: ExportedGraph, folder: Path) -> RunGraph:
    """A graph of a folder."""
    path = folder / f"{graph.name}{SUFFIX[record.backend]}"
    return open_graph(record.backend, path, graph, record=record, target=record.target)


def open_in_memory(record: ExportRecord, graph: ExportedGraph, model: Onnx) -> RunGraph:
    """A graph that is no file yet, on its backend."""
    if record.backend == "onnxruntime":
        return open_graph(record.backend, model.SerializeToString(), graph, record=record)
    with _converted(model) as converted:
        return open_graph(record.backend, converted, graph, record=record)


@contextmanager
def _converted(model: Onnx) -> Iterator[Any]:
    """As OpenVINO has it; it reads weights from the file as long as it is open."""
    import onnx

    openvino = import_openvino()

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.onnx"
        onnx.save(model, path)
        yield openvino.convert_model(path)
