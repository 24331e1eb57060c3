"""An exported method as a scoring model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from normalcy.methods.runtime import Arrays, RunGraph, Runner, RunnerParts, open_runner
from normalcy.scoring.backends.record import ExportedGraph, ExportRecord, FileBackend, Target

OpenGraph = Callable[[ExportedGraph], RunGraph]

_ONE_BY_ONE = ("scene-memory",)
"""Runners that ask for one item at a time: with cores shared out among several, each takes longer."""


def exported_model(
    record: ExportRecord,
    bundle: Path,
    *,
    weights: Callable[[], Arrays],
    target: Target | None = None,
    threads: int | None = None,
    opener: OpenGraph | None = None,
) -> Runner:
    """Opens the graphs of an export and what runs between them.

    Args:
        record: Which export.
        bundle: Its folder.
        weights: Reads the bundle's weights, for what is kept outside of graphs.
        target: What it is tuned for; what the record says without.
        threads: Threads of each graph; all cores without.
        opener: Opens a graph, for graphs that are not files yet.

    Raises:
        ConfigError: What runs it is not installed.
        BundleError: A file cannot be read.
    """
    target = target or record.target

    def from_file(graph: ExportedGraph) -> RunGraph:
        path = record.file(bundle, graph.name)
        return open_graph(record.backend, path, graph, record=record, target=target, threads=threads)

    graphs = {graph.name: (opener or from_file)(graph) for graph in record.graphs}
    return open_runner(record.runner, RunnerParts(record.spec, graphs, record.settings, weights))


def open_graph(
    backend: FileBackend,
    model: Any,
    graph: ExportedGraph,
    *,
    record: ExportRecord,
    target: Target | None = None,
    threads: int | None = None,
) -> RunGraph:
    """A graph of a file, or of a model in memory, on a backend."""
    if target == "cpu" and record.runner in _ONE_BY_ONE:
        target = None
    if backend == "openvino":
        from normalcy.scoring.backends.openvino_graph import OpenVinoGraph as Graph
    else:
        from normalcy.scoring.backends.onnxruntime_graph import OnnxRuntimeGraph as Graph  # type: ignore[assignment]
    opened: RunGraph = Graph(
        model,
        inputs=graph.inputs,
        outputs=graph.outputs,
        precision=record.precision,
        target=target,
        threads=threads,
    )
    return opened
