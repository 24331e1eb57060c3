"""The graphs of an export in integers: what goes through them on normal video, and how its scores suffer."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from normalcy.export.files import GraphFile, open_in_memory
from normalcy.export.held_out import excerpt, halves
from normalcy.export.integers import Onnx, rounded
from normalcy.export.parity import Scored, rank_correlation, score_footage
from normalcy.methods.runtime import Arrays, RunGraph, Runner
from normalcy.progress import Progress
from normalcy.scoring.backends.exported_model import exported_model
from normalcy.scoring.backends.record import ExportedGraph, ExportRecord, read_exports
from normalcy.scoring.backends.record import Rounding as RoundingRecord
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.model import ScoringModel
from normalcy.training.data import Footage

Judge: TypeAlias = Callable[[ScoringModel], float]
"""Micro AUC of a scoring model on labelled video."""

_SAMPLES = 120
_JUDGED_FRAMES, _JUDGED_CLIPS = 400, 100
LEAST_SCORES = 30
"""By fewer scores it is chance which layers seem to be sensitive."""


class Rounding:
    """Rounds graphs of an export, one by one.

    Args:
        record: Of the export.
        files: Its graphs in 32 bits by name.
        bundle: Whose.
        spans: Held-out normal video.
        auc: Judges on labelled video; without, scores of normal video are compared with those of the exact graphs.
        progress: Called with what is being done, how much is done and how much there is.
    """

    def __init__(
        self,
        record: ExportRecord,
        files: Mapping[str, GraphFile],
        bundle: Bundle,
        spans: Sequence[Footage],
        *,
        auc: Judge | None,
        progress: Progress | None,
    ) -> None:
        self._exact = record.model_copy(
            update={"precision": "fp32", "graphs": tuple(file.described for file in files.values())}
        )
        self._record = record
        self._files, self._bundle, self._progress = dict(files), bundle, progress
        self._auc = auc
        # What integers are tuned on says little of what they cost.
        tuned, judged = halves(spans, spec=record.spec)
        frames = max(_JUDGED_FRAMES, _JUDGED_CLIPS * bundle.header.scoring.hop_frames)
        self._spans = excerpt(judged, spec=record.spec, frames=frames)
        self._samples_of = excerpt(tuned, spec=record.spec, frames=4 * _JUDGED_FRAMES)
        self._own: Scored | None = None

    def rounded(self, name: str, *, limit: float) -> GraphFile:
        """A graph in integers, with as many layers left as the limit asks for; all where few scores judge.

        Args:
            name: Of the graph.
            limit: What the scores may lose by integers, beyond what they lose by the precision of all else.
        """
        file = self._files[name]
        best_auc = self._auc(self._model(None, name)) if self._auc else None

        def judge(model: Onnx) -> float:
            other = self._model(model, name)
            if self._auc and best_auc is not None:
                return max(0.0, best_auc - self._auc(other))
            return 1 - rank_correlation(self._own_scores(name).raw, self._scores(other).raw)

        # Layers that go back are computed as the rest is: what that loses is not theirs to give back.
        without = judge(file.model)
        scores = 0 if self._auc else len(np.unique(self._own_scores(name).raw))
        bearable = limit + without if self._auc or scores >= LEAST_SCORES else math.inf
        found = rounded(
            file.model,
            self._recorded(name),
            judge=judge,
            limit=bearable,
            known=self._known(name),
            progress=self._progress,
        )
        how = RoundingRecord(
            layers=found.layers,
            kept=found.kept,
            judged_by="AUC" if self._auc else "rank correlation",
            limit=limit,
            loss=found.loss,
            loss_in_full=found.loss_in_full,
            loss_without=without,
            scores=scores,
        )
        self._files[name] = GraphFile(file.plan, file.exporter, found.model, how)
        return self._files[name]

    def _known(self, name: str) -> set[str]:
        """Layers that went back in other exports of the bundle."""
        assert self._bundle.path is not None
        exports = [each for each in read_exports(self._bundle.path) if self._bundle.is_of(each)]
        graphs = [graph for each in exports for graph in each.graphs if graph.name == name]
        return {layer for graph in graphs if graph.rounding for layer in graph.rounding.kept}

    def _own_scores(self, name: str) -> Scored:
        if self._own is None:
            self._own = self._scores(self._model(None, name))
        return self._own

    def _scores(self, model: ScoringModel) -> Scored:
        return score_footage(model, self._spans, settings=self._bundle.header.scoring)

    def _model(self, replaced: Onnx | None, name: str, spy: "_Spy | None" = None) -> Runner:
        """The method with one graph replaced, or as it is."""

        def opener(graph: ExportedGraph) -> RunGraph:
            if replaced is not None and graph.name == name:
                return open_in_memory(self._record, graph, replaced)
            opened = open_in_memory(self._exact, graph, self._files[graph.name].model)
            return spy.on(opened) if spy and graph.name == name else opened

        assert self._bundle.path is not None
        return exported_model(
            self._exact, self._bundle.path, weights=lambda: self._bundle.weights, opener=opener
        )

    def _recorded(self, name: str) -> list[Arrays]:
        """Inputs of a graph, evenly over the footage."""
        spy = _Spy()
        score_footage(
            self._model(None, name, spy),
            self._samples_of,
            settings=self._bundle.header.scoring,
            what="taking samples",
            progress=self._progress,
        )
        return spy.seen


class _Spy:
    """Keeps what goes into a graph, each item by itself, evenly over all of it: from 120 to 240 items."""

    def __init__(self) -> None:
        self.seen: list[Arrays] = []
        self._count, self._stride = 0, 1

    def on(self, graph: RunGraph) -> RunGraph:
        """The graph, watched."""

        def run(inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
            for b in range(len(next(iter(inputs.values())))):
                if self._count % self._stride == 0:
                    self._keep({name: array[b : b + 1].copy() for name, array in inputs.items()})
                self._count += 1
            return graph(inputs)

        return run

    def _keep(self, item: Arrays) -> None:
        self.seen.append(item)
        if len(self.seen) == 2 * _SAMPLES:
            self.seen, self._stride = self.seen[::2], 2 * self._stride
