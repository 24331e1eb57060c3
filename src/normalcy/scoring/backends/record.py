"""What `export.json` says of a bundle's exported files.

bundle/export.json                                    a record of each export
bundle/exports/openvino-int8/clip.xml, clip.bin       its graphs
bundle/exports/openvino-int8/calibration.json         where this export needs one of its own
"""

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from pydantic import Field, TypeAdapter, ValidationError

from normalcy.config import StrictConfig
from normalcy.errors import FallbackWarning
from normalcy.methods.contract import ClipSpec

FileBackend = Literal["onnxruntime", "openvino"]
BackendName = Literal["torch", "onnxruntime", "openvino"]
Precision = Literal["fp32", "fp16", "bf16", "int8"]
Target = Literal["edge", "cpu", "gpu"]

RECORD, FOLDER = "export.json", "exports"
SUFFIX: Mapping[FileBackend, str] = {"onnxruntime": ".onnx", "openvino": ".xml"}
_SUFFIXES: Mapping[FileBackend, tuple[str, ...]] = {"onnxruntime": (".onnx",), "openvino": (".xml", ".bin")}
MADE_BY = "normalcy export"


class Difference(StrictConfig):
    """How far an export's scores lie from those of the method in torch, in 32 bits, on the same clips.

    Attributes:
        clips: How many, of held-out normal video or of a labelled set.
        largest, mean: Of the differences of the scores, in the spread (standard deviation) of torch's.
        relative: The largest, in the size of the largest score.
        rank_correlation: Of the scores (Spearman).
        auc: Micro AUC on a labelled set; None without one.
        auc_torch: Of torch there.
        same_alarms: Whether thresholds mean the same on held-out normal video; None where it is too short to tell.
        alarms_per_day: What held-out normal video gives at the bundle's threshold by the export.
        alarms_per_day_torch: By torch.
        own_video: Whether that normal video was held out of the bundle's own fit; elsewhere it is of another scene.
    """

    clips: int
    largest: float
    mean: float
    relative: float
    rank_correlation: float
    auc: float | None = None
    auc_torch: float | None = None
    same_alarms: bool | None = None
    alarms_per_day: float | None = None
    alarms_per_day_torch: float | None = None
    own_video: bool = True

    @property
    def without_alarms(self) -> "Difference":
        """The same where thresholds have changed: nobody knows what they mean by the export."""
        return self.model_copy(
            update={"same_alarms": None, "alarms_per_day": None, "alarms_per_day_torch": None}
        )


class Rounding(StrictConfig):
    """How a graph was rounded to integers.

    Attributes:
        layers: How many layers were rounded.
        kept: Layers that went back to floating point.
        judged_by: What the loss is.
        limit: What integers may add to it.
        loss: What it is.
        loss_in_full: With all layers in integers.
        loss_without: With none, by the precision that the rest is computed in.
        scores: How many different scores of normal video that is known by; 0 by AUC, and where it was not counted.
    """

    layers: int
    kept: tuple[str, ...] = ()
    judged_by: Literal["rank correlation", "AUC"]
    limit: float
    loss: float
    loss_in_full: float
    loss_without: float = 0.0
    scores: int = 0

    @property
    def missed(self) -> bool:
        """Whether integers cost more than they may, although all that could went back."""
        return self.loss > self.limit + self.loss_without


class ExportedGraph(StrictConfig):
    """One graph of an export.

    Attributes:
        name: Of its file, without suffix.
        inputs: Names, in order.
        outputs: Names, in order.
        exporter: What made ONNX of it.
        rounding: How it was rounded; None where it was not, or does so by itself.
        size_bytes: Of its files.
    """

    name: str = Field(pattern=r"^\w[\w-]*$")
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    exporter: Literal["torch.export", "TorchScript"] = "torch.export"
    rounding: Rounding | None = None
    size_bytes: int = 0


class ExportRecord(StrictConfig):
    """One export.

    Attributes:
        backend: What runs it.
        precision: Of what is exported.
        target: What it was tuned for.
        method: Name.
        clip: The clip it reads.
        graphs: Its graphs.
        runner: What comes before, between and after the graphs, by the method's name for it.
        settings: Of the runner.
        made_of: Digest of settings and weights that its graphs were made of.
        outside: Beginnings of the names of weights that are in no graph.
        part_words: As in the method's definition, for explanations without torch.
        score_terms: Parts that its score is made of; all where empty.
        versions: Of what made it.
        made_at: UTC time.
        hardware: Where it was compared and calibrated.
        computed_in: What was not rounded was computed in this there.
        difference: From torch; None where that was not measured.
        recalibrated: Whether it has a calibration of its own.
    """

    backend: FileBackend
    precision: Precision
    target: Target | None = None
    method: str
    clip: dict[str, Any]
    graphs: tuple[ExportedGraph, ...]
    runner: str
    settings: dict[str, Any] = Field(default_factory=dict)
    made_of: str
    outside: tuple[str, ...] = ()
    part_words: dict[str, str] = Field(default_factory=dict)
    score_terms: tuple[str, ...] = ()
    versions: dict[str, str] = Field(default_factory=dict)
    made_at: str = ""
    hardware: str = ""
    computed_in: str = ""
    difference: Difference | None = None
    recalibrated: bool = False

    @property
    def name(self) -> str:
        """Of its folder."""
        return "-".join(filter(None, (self.backend, self.precision, self.target)))

    @property
    def spec(self) -> ClipSpec:
        """The clip it reads."""
        return TypeAdapter(ClipSpec).validate_python(self.clip)

    def file(self, bundle: Path, graph: str) -> Path:
        """Of a graph."""
        return bundle / FOLDER / self.name / f"{graph}{SUFFIX[self.backend]}"


FORMAT_VERSION = 1


def read_exports(bundle: Path) -> tuple[ExportRecord, ...]:
    """The exports of a bundle folder that can be used.

    Others are left out with a warning: what scores in torch needs none of them.
    """
    try:
        data = json.loads((bundle / RECORD).read_text(encoding="utf-8"))
        if data["format_version"] != FORMAT_VERSION:
            raise ValueError(f"format version {data['format_version']}, this normalcy reads {FORMAT_VERSION}")
        entries = list(data["exports"])
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError) as error:
        _left_out(bundle, f"{RECORD} cannot be used ({error})")
        return ()
    return tuple(record for entry in entries if (record := _usable(bundle, entry)))


def _usable(bundle: Path, entry: object) -> ExportRecord | None:
    try:
        record = ExportRecord.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(each) for each in first["loc"])
        _left_out(bundle, f"an entry of {RECORD} cannot be used ({place}: {first['msg']})")
        return None
    for graph in record.graphs:
        if wrong := _wrong(record.file(bundle, graph.name), graph, record.backend):
            file, what = wrong
            _left_out(bundle, f"{file.relative_to(bundle)} {what}")
            return None
    return record


def _wrong(file: Path, graph: ExportedGraph, backend: FileBackend) -> tuple[Path, str] | None:
    """Which file of a graph is missing or not as it was written, and how so; None where all are there."""
    files = [file.with_suffix(suffix) for suffix in _SUFFIXES[backend]]
    for each in files:
        if not each.is_file():
            return each, "is missing"
    size = sum(each.stat().st_size for each in files)
    if graph.size_bytes and size != graph.size_bytes:
        return file, f"is damaged ({size:,} bytes with what belongs to it instead of {graph.size_bytes:,})"
    return None


def _left_out(bundle: Path, what: str) -> None:
    message = f"{bundle}: {what}, so that export is left out. `{MADE_BY}` makes it again"
    warnings.warn(message, FallbackWarning, stacklevel=4)


def write_exports(bundle: Path, records: Sequence[ExportRecord]) -> None:
    """Writes the record, whole or not at all."""
    temporary = bundle / f".{RECORD}.part"
    data = {
        "format_version": FORMAT_VERSION,
        "exports": [record.model_dump(mode="json") for record in records],
    }
    temporary.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    temporary.replace(bundle / RECORD)


def digest_of(
    model: Mapping[str, Any], weights: Mapping[str, npt.NDArray[Any]], *, without: Sequence[str] = ()
) -> str:
    """Of a method's settings and of names, shapes and values of its weights.

    Args:
        model: Its settings as a bundle's header holds them.
        weights: By name.
        without: Beginnings of the names of those that do not count.
    """
    found = hashlib.sha256(json.dumps(model, sort_keys=True, default=str).encode())
    for name in sorted(weights):
        if not name.startswith(tuple(without)):
            array = np.require(weights[name], requirements="C")
            found.update(f"{name}{array.shape}{array.dtype}".encode())
            found.update(array.tobytes())
    return found.hexdigest()[:16]


BACKENDS: tuple[BackendName, ...] = get_args(BackendName)
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
"""The most exact first."""
