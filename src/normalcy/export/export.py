"""Exporting a bundle: its graphs, in a precision, for a backend, compared with torch and calibrated where need be."""

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from normalcy.environment import versions
from normalcy.errors import CalibrationError, ConfigError
from normalcy.export.files import GraphFile, exported_graph, open_written, write_graph
from normalcy.export.parity import Scored, difference, rates, score_footage
from normalcy.export.rounding import Judge, Rounding
from normalcy.methods import method_definition
from normalcy.methods.base import Method
from normalcy.methods.plan import ExportPlan, GraphPlan
from normalcy.progress import Progress
from normalcy.scoring.backends.exported_model import exported_model
from normalcy.scoring.backends.record import (
    FOLDER,
    Difference,
    ExportRecord,
    FileBackend,
    Precision,
    Target,
    digest_of,
    read_exports,
    write_exports,
)
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.calibration import Calibration
from normalcy.scoring.model import TorchModel
from normalcy.training.data import Footage


@dataclass(frozen=True)
class ExportRequest:
    """What is asked for.

    Attributes:
        backend: What shall run it.
        precision: In what; without, integers where a graph has nothing else, 32 bits elsewhere.
        target: What it is tuned for.
        limit: Of integers: what the scores may lose, in rank correlation on normal video, or in AUC where
            labelled video is given; beyond it, layers go back to floating point.
    """

    backend: FileBackend
    precision: Precision | None = None
    target: Target | None = None
    limit: float = 0.01


def export_bundle(
    path: Path,
    request: ExportRequest,
    *,
    footage: Callable[[Bundle], Sequence[Footage]] | None = None,
    auc: Judge | None = None,
    progress: Progress | None = None,
) -> ExportRecord:
    """Exports a bundle and enters that into it; an earlier export of the same name is replaced.

    Args:
        path: Bundle folder, or the run folder that holds it.
        request: What is asked for.
        footage: Held-out normal video; needed for integers, and to say how far the export differs.
        auc: Judges on labelled video.
        progress: Called with what is being done, how much is done and how much there is.

    Raises:
        ConfigError: A graph has no such precision, or integers are asked for without video.
        MissingPackage: What writes it is not installed.
    """
    bundle = Bundle.load(path)
    assert bundle.path is not None
    method = bundle.method().eval()
    plan = method.export_plan()
    request = replace(request, precision=request.precision or _natural(plan))
    _require_possible(plan, request, footage)
    spans = tuple(footage(bundle)) if footage else ()
    record = _record(bundle, plan, request)
    folder = bundle.path / FOLDER
    folder.mkdir(exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{record.name}-", dir=folder))
    try:
        made = _Making(bundle, method, plan, record, spans, auc, progress, temporary)
        record, calibration = made.run(limit=request.limit)
        if calibration:
            text = json.dumps(calibration.to_json(), indent=2) + "\n"
            (temporary / "calibration.json").write_text(text, encoding="utf-8")
        temporary.chmod(0o755)
        _enter(bundle.path, record, temporary)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return record


def _natural(plan: ExportPlan) -> Precision:
    return "int8" if any(graph.in_integers for graph in plan.graphs) else "fp32"


def _require_possible(plan: ExportPlan, request: ExportRequest, footage: object) -> None:
    for graph in plan.graphs:
        if graph.in_integers and request.precision != "int8":
            raise ConfigError(
                f"the graph {graph.name} rounds to 8-bit integers by itself, it has no {request.precision}",
                where="--precision",
                hint="Use int8, or fit it with model.trunk_precision=float",
            )
    if request.precision == "int8" and not footage and any(not each.in_integers for each in plan.graphs):
        raise ConfigError(
            "integers are tuned on normal video, and there is none",
            where="--precision int8",
            hint="Name it with --data and --root",
        )


def _record(bundle: Bundle, plan: ExportPlan, request: ExportRequest) -> ExportRecord:
    definition = method_definition(bundle.header.method)
    assert request.precision is not None
    return ExportRecord(
        backend=request.backend,
        precision=request.precision,
        target=request.target,
        method=bundle.header.method,
        clip=asdict(bundle.method().clip),
        graphs=(),
        runner=plan.runner,
        settings=dict(plan.settings),
        made_of=digest_of(bundle.header.model, bundle.weights, without=plan.outside),
        outside=plan.outside,
        part_words=dict(definition.part_words),
        versions=versions(),
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


@dataclass
class _Making:
    """An export on its way."""

    bundle: Bundle
    method: Method
    plan: ExportPlan
    record: ExportRecord
    spans: Sequence[Footage]
    auc: Judge | None
    progress: Progress | None
    folder: Path

    def run(self, *, limit: float) -> tuple[ExportRecord, Calibration | None]:
        files = {graph.name: self._written(graph) for graph in self.plan.graphs}
        torch_model = TorchModel(self.method)
        own = self._scored(torch_model, "scoring with torch") if self.spans else None
        if self.record.precision == "int8" and (floats := self._to_round()):
            rounding = Rounding(
                self.record, files, self.bundle, self.spans, auc=self.auc, progress=self.progress
            )
            for graph in floats:
                files[graph.name] = rounding.rounded(graph.name, limit=limit)
        graphs = tuple(write_graph(file, self.record, self.folder) for file in files.values())
        self.record = self.record.model_copy(update={"graphs": graphs})
        if own is None:
            return self.record, None
        return self._compared(own, torch_model)

    def _to_round(self) -> list[GraphPlan]:
        return [graph for graph in self.plan.graphs if graph.rounded and not graph.in_integers]

    def _written(self, graph: GraphPlan) -> GraphFile:
        if self.progress:
            self.progress(f"exporting the graph {graph.name}", 0, 0)
        return exported_graph(graph)

    def _scored(self, model: Any, what: str) -> Scored:
        return score_footage(
            model, self.spans, settings=self.bundle.header.scoring, what=what, progress=self.progress
        )

    def _compared(self, own: Scored, torch_model: TorchModel) -> tuple[ExportRecord, Calibration | None]:
        model = exported_model(
            self.record,
            self.folder,
            weights=lambda: self.bundle.weights,
            opener=lambda graph: open_written(self.record, graph, self.folder),
        )
        other = self._scored(model, "scoring with the export")
        found = difference(own, other)
        found, calibration = self._calibrated(found, own, other)
        if self.auc:
            aucs = {"auc_torch": self.auc(torch_model), "auc": self.auc(model)}
            found = found.model_copy(update=aucs)
        update = {"difference": found, "recalibrated": calibration is not None}
        return self.record.model_copy(update=update), calibration

    def _calibrated(
        self, found: Difference, own: Scored, other: Scored
    ) -> tuple[Difference, Calibration | None]:
        """A calibration of its own where thresholds no longer mean the same, and what is held out was never learned."""
        header = self.bundle.header
        fps = sum(map(len, self.spans)) / sum(len(span) / span.frames_per_second for span in self.spans)
        try:
            both = rates(own, other, settings=header.scoring, frames_per_second=fps)
        except CalibrationError:
            return found, None
        same = both.agree()
        found = found.model_copy(update={"same_alarms": same})
        return found, None if same or header.fit.held_out_turns > 1 else both.other


def _enter(bundle: Path, record: ExportRecord, made: Path) -> None:
    """Puts what was made in its place, then enters it."""
    place = bundle / FOLDER / record.name
    aside = made.with_name(f"{made.name}-old")
    if place.exists():
        place.rename(aside)
    made.rename(place)
    others = [each for each in read_exports(bundle) if each.name != record.name]
    write_exports(bundle, [*others, record])
    shutil.rmtree(aside, ignore_errors=True)
