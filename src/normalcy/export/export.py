"""Exporting a bundle: its graphs, in a precision, for a backend, compared with torch and calibrated where need be."""

import json
import shutil
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from normalcy.environment import hardware_name, versions
from normalcy.errors import BundleError, CalibrationError, ConfigError, FallbackWarning, MissingPackage
from normalcy.export.files import GraphFile, exported_graph, open_written, write_graph
from normalcy.export.held_out import HeldOut
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
    write_exports,
)
from normalcy.scoring.bundle import Bundle, bundle_lock
from normalcy.scoring.calibration import Calibration
from normalcy.scoring.model import ScoringModel, TorchModel
from normalcy.scoring.track import alarm_rule
from normalcy.training.data import Footage


@dataclass(frozen=True)
class ExportRequest:
    """What is asked for.

    Attributes:
        backend: What shall run it.
        precision: In what; without, what is preferred; else integers where a graph has nothing else, or 32 bits.
        target: What it is tuned for.
        preferred: In what, where its graphs have that.
        limit: Of integers: what the scores may lose by them, in rank correlation on normal video, or in AUC where
            labelled video is given; beyond it, layers go back to floating point.
    """

    backend: FileBackend
    precision: Precision | None = None
    target: Target | None = None
    limit: float = 0.01
    preferred: Precision | None = None


def export_bundle(
    path: Path,
    request: ExportRequest,
    *,
    footage: Callable[[Bundle], HeldOut] | None = None,
    auc: Judge | None = None,
    progress: Progress | None = None,
) -> ExportRecord:
    """Exports a bundle and enters that into it; an earlier export of the same name is replaced.

    Args:
        path: Bundle folder, or the run folder that holds it.
        request: What is asked for.
        footage: Normal video that was not fitted on; needed for integers, and to say how far the export differs.
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
        footage: Gives normal video that was not fitted on; none where there is none.
        auc: Judges on labelled video.
        progress: Called with what is being done, how much is done and how much there is.
    """

    bundle: Bundle
    footage: Callable[[Bundle], HeldOut] | None = None
    auc: Judge | None = None
    progress: Progress | None = None

    def export(self, request: ExportRequest) -> ExportRecord:
        """Makes an export and enters it into the bundle; raises what `export_bundle` raises."""
        precision = request.precision or self._preferred(request)
        self._require_possible(precision)
        assert self.bundle.path is not None
        # Beside the bundle, which may be replaced meanwhile.
        place = self.bundle.path.resolve()
        temporary = Path(tempfile.mkdtemp(prefix=f".{place.name}-export-", dir=place.parent))
        try:
            record = self._record(request, precision)
            record = self._written(record, temporary, limit=request.limit)
            record = self._compared(record, temporary) if self._spans else record
            temporary.chmod(0o755)
            return _enter(self.bundle, record, temporary)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

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
    def _held_out(self) -> HeldOut:
        return self.footage(self.bundle) if self.footage else HeldOut((), is_own=False)

    @property
    def _spans(self) -> tuple[Footage, ...]:
        return self._held_out.spans

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

    def _preferred(self, request: ExportRequest) -> Precision:
        """What is preferred, where no graph rounds to something else by itself."""
        wanted, own = request.preferred or self._natural, self._natural
        if own != "int8" or wanted == own:
            return wanted
        method = self.bundle.header.method
        message = f"{method} is exported in {own}, for it rounds by itself and has no {wanted}"
        warnings.warn(message, FallbackWarning, stacklevel=3)
        return own

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
        found = difference(self._own, other).model_copy(update={"own_video": self._held_out.is_own})
        found, calibration = self._calibrated(found, other)
        if self.auc:
            found = found.model_copy(update={"auc": self.auc(model), "auc_torch": self._own_auc})
        if calibration:
            text = json.dumps(calibration.to_json(), indent=2) + "\n"
            (folder / "calibration.json").write_text(text, encoding="utf-8")
        return record.model_copy(update={"difference": found, "recalibrated": calibration is not None})

    def _calibrated(self, found: Difference, other: Scored) -> tuple[Difference, Calibration | None]:
        """A calibration where thresholds no longer mean the same, and the footage is the bundle's own and unseen."""
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
        # What was held out in turns is remembered in the end: it is no longer unseen, and calibrates nothing. Nor does
        # another scene, whose alarms are not the alarms of this one.
        may = self._held_out.is_own and header.fit.held_out_turns == 1
        return found, both.other if same is False and may else None


def _enter(made_of: Bundle, record: ExportRecord, made: Path) -> ExportRecord:
    """Puts what was made in its place and enters it, as far as it is still true of the bundle that is there by now.

    Raises:
        BundleError: The bundle is another by now.
    """
    assert made_of.path is not None
    with bundle_lock(made_of.path):
        now = Bundle.load(made_of.path)
        true = now.still_true(record, made_of.thresholds)
        if true is None:
            raise BundleError(
                f"has changed while {record.name} was made of it", where=made_of.path, hint="Export it again"
            )
        if true != record:
            message = (
                f"thresholds have changed while {record.name} was made; export it again to compare alarms"
            )
            warnings.warn(message, FallbackWarning, stacklevel=3)
        _put(true, made, now, made_of.path)
    return true


def _put(record: ExportRecord, made: Path, bundle: Bundle, path: Path) -> None:
    """Whole or not at all."""
    place = path / FOLDER / record.name
    place.parent.mkdir(exist_ok=True)
    aside = made.with_name(f"{made.name}-old")
    others = [each for each in bundle.exports if each.name != record.name]
    if place.exists():
        place.rename(aside)
    try:
        made.rename(place)
        write_exports(path, [*others, record])
    except BaseException:
        if aside.exists():
            shutil.rmtree(place, ignore_errors=True)
            aside.rename(place)
        raise
    shutil.rmtree(aside, ignore_errors=True)
