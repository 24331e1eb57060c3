"""Exporting a bundle: its graphs, in a precision, for a backend, compared with torch and calibrated where need be."""

import json
import shutil
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from filelock import FileLock

from normalcy.environment import hardware_name, versions
from normalcy.errors import CalibrationError, ConfigError, FallbackWarning, MissingPackage
from normalcy.export.files import GraphFile, exported_graph, open_written, write_graph
from normalcy.export.parity import Scored, difference, rates, score_footage
from normalcy.export.rounding import Judge, Rounding
from normalcy.methods import method_definition
from normalcy.methods.base import Method
from normalcy.methods.plan import ExportPlan
from normalcy.progress import Progress
from normalcy.scoring.backends.exported_model import exported_model
from normalcy.scoring.backends.openvino_graph import computed_in
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
from normalcy.scoring.model import ScoringModel, TorchModel
from normalcy.scoring.track import alarm_rule
from normalcy.training.data import Footage


@dataclass(frozen=True)
class ExportRequest:
    """What is asked for.

    Attributes:
        backend: What shall run it.
        precision: In what; without, integers where a graph has nothing else, 32 bits elsewhere.
        target: What it is tuned for.
        limit: Of integers: what the scores may lose by them, in rank correlation on normal video, or in AUC where
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
    return Exporter(Bundle.load(path), footage, auc, progress).export(request)


@dataclass(eq=False)
class Exporter:
    """Exports one bundle, any number of times: graphs are made, and torch scores, once.

    Attributes:
        bundle: As it was read.
        footage: Gives held-out normal video; none where there is none.
        auc: Judges on labelled video.
        progress: Called with what is being done, how much is done and how much there is.
    """

    bundle: Bundle
    footage: Callable[[Bundle], Sequence[Footage]] | None = None
    auc: Judge | None = None
    progress: Progress | None = None

    def export(self, request: ExportRequest) -> ExportRecord:
        """Makes an export and enters it into the bundle; raises what `export_bundle` raises."""
        precision = request.precision or self._natural
        self._require_possible(precision)
        assert self.bundle.path is not None
        folder = self.bundle.path / FOLDER
        folder.mkdir(exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".making-", dir=folder))
        try:
            record = self._record(request, precision)
            record = self._written(record, temporary, limit=request.limit)
            record = self._compared(record, temporary) if self._spans else record
            temporary.chmod(0o755)
            _enter(self.bundle.path, record, temporary)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return record

    @cached_property
    def _method(self) -> Method:
        return self.bundle.method().eval()

    @cached_property
    def _plan(self) -> ExportPlan:
        return self._method.export_plan()

    @cached_property
    def _files(self) -> Mapping[str, GraphFile]:
        """The graphs by name, in 32 bits."""
        found = {}
        for graph in self._plan.graphs:
            self._tell(f"exporting the graph {graph.name}")
            found[graph.name] = exported_graph(graph)
        return found

    @cached_property
    def _torch(self) -> TorchModel:
        return TorchModel(self._method)

    @cached_property
    def _spans(self) -> tuple[Footage, ...]:
        return tuple(self.footage(self.bundle)) if self.footage else ()

    @cached_property
    def _own(self) -> Scored:
        return self._scored(self._torch, "scoring with torch")

    @cached_property
    def _own_auc(self) -> float | None:
        return self.auc(self._torch) if self.auc else None

    def _tell(self, what: str) -> None:
        if self.progress:
            self.progress(what, 0, 0)

    @property
    def _natural(self) -> Precision:
        return "int8" if any(graph.in_integers for graph in self._plan.graphs) else "fp32"

    def _require_possible(self, precision: Precision) -> None:
        graphs = self._plan.graphs
        for graph in graphs:
            if graph.in_integers and precision != "int8":
                raise ConfigError(
                    f"the graph {graph.name} rounds to 8-bit integers by itself, it has no {precision}",
                    where="--precision",
                    hint="Use int8, or fit it with model.trunk_precision=float",
                )
        if precision == "int8" and not self.footage and any(graph.to_be_rounded for graph in graphs):
            raise ConfigError(
                "integers are tuned on normal video, and there is none",
                where="--precision int8",
                hint="Name it with --data and --root",
            )

    def _record(self, request: ExportRequest, precision: Precision) -> ExportRecord:
        header, plan = self.bundle.header, self._plan
        return ExportRecord(
            backend=request.backend,
            precision=precision,
            target=request.target,
            method=header.method,
            clip=asdict(self._method.clip),
            graphs=(),
            runner=plan.runner,
            settings=dict(plan.settings),
            made_of=digest_of(header.model, self.bundle.weights, without=plan.outside),
            outside=plan.outside,
            part_words=dict(method_definition(header.method).part_words),
            score_terms=self._method.score_terms,
            versions=versions(),
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            hardware=hardware_name(),
            computed_in=computed_in(precision) if request.backend == "openvino" else "f32",
        )

    def _written(self, record: ExportRecord, folder: Path, *, limit: float) -> ExportRecord:
        files = dict(self._files)
        if record.precision == "int8":
            rounding = Rounding(record, files, self.bundle, self._spans, auc=self.auc, progress=self.progress)
            for graph in self._plan.graphs:
                if graph.to_be_rounded:
                    files[graph.name] = rounding.rounded(graph.name, limit=limit)
        graphs = tuple(write_graph(file, record, folder) for file in files.values())
        return record.model_copy(update={"graphs": graphs})

    def _scored(self, model: ScoringModel, what: str) -> Scored:
        settings = self.bundle.header.scoring
        return score_footage(model, self._spans, settings=settings, what=what, progress=self.progress)

    def _compared(self, record: ExportRecord, folder: Path) -> ExportRecord:
        """With its difference from torch, and a calibration of its own in the folder where it needs one."""
        try:
            model = exported_model(
                record,
                folder,
                weights=lambda: self.bundle.weights,
                opener=lambda graph: open_written(record, graph, folder),
            )
        except (ConfigError, MissingPackage) as error:
            warnings.warn(f"{record.name} is not compared: {error}", FallbackWarning, stacklevel=3)
            return record
        other = self._scored(model, "scoring with the export")
        found, calibration = self._calibrated(difference(self._own, other), other)
        if self.auc:
            found = found.model_copy(update={"auc": self.auc(model), "auc_torch": self._own_auc})
        if calibration:
            text = json.dumps(calibration.to_json(), indent=2) + "\n"
            (folder / "calibration.json").write_text(text, encoding="utf-8")
        return record.model_copy(update={"difference": found, "recalibrated": calibration is not None})

    def _calibrated(self, found: Difference, other: Scored) -> tuple[Difference, Calibration | None]:
        """A calibration where thresholds no longer mean the same, and what is held out was never learned."""
        header = self.bundle.header
        fps = sum(map(len, self._spans)) / sum(len(span) / span.frames_per_second for span in self._spans)
        try:
            both = rates(self._own, other, settings=header.scoring, frames_per_second=fps)
        except CalibrationError:
            return found, None
        threshold = alarm_rule(header.scoring, self.bundle.calibration).enter_threshold
        same = both.agree(threshold)
        found = found.model_copy(
            update={
                "same_alarms": same,
                "alarms_per_day": both.other.false_alarms_per_day(threshold),
                "alarms_per_day_torch": both.own.false_alarms_per_day(threshold),
            }
        )
        # What was held out in turns is remembered in the end: it is no longer unseen, and calibrates nothing.
        return found, both.other if same is False and header.fit.held_out_turns == 1 else None


def _enter(bundle: Path, record: ExportRecord, made: Path) -> None:
    """Puts what was made in its place, then enters it."""
    place = bundle / FOLDER / record.name
    aside = made.with_name(f"{made.name}-old")
    with FileLock(bundle / FOLDER / ".lock"):
        others = [each for each in read_exports(bundle) if each.name != record.name]
        if place.exists():
            place.rename(aside)
        try:
            made.rename(place)
            write_exports(bundle, [*others, record])
        except BaseException:
            if aside.exists():
                shutil.rmtree(place, ignore_errors=True)
                aside.rename(place)
            raise
    shutil.rmtree(aside, ignore_errors=True)
