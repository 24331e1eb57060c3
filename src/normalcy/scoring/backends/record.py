"""What `export.json` says of a bundle's exported files.

bundle/export.json                                    a record of each export
bundle/exports/openvino-int8/clip.xml, clip.bin       its graphs
bundle/exports/openvino-int8/calibration.json         where this export needs one of its own
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from pydantic import Field, TypeAdapter, ValidationError

from normalcy.config import StrictConfig
from normalcy.errors import BundleError
from normalcy.methods.contract import ClipSpec

FileBackend = Literal["onnxruntime", "openvino"]
BackendName = Literal["torch", "onnxruntime", "openvino"]
Precision = Literal["fp32", "fp16", "bf16", "int8"]
Target = Literal["edge", "cpu", "gpu"]

RECORD, FOLDER = "export.json", "exports"
SUFFIX: Mapping[FileBackend, str] = {"onnxruntime": ".onnx", "openvino": ".xml"}
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
        same_alarms: Whether thresholds give as many alarms on held-out normal video; None where it is too short.
    """

    clips: int
    largest: float
    mean: float
    relative: float
    rank_correlation: float
    auc: float | None = None
    auc_torch: float | None = None
    same_alarms: bool | None = None


class ExportedGraph(StrictConfig):
    """One graph of an export.

    Attributes:
        name: Of its file, without suffix.
        inputs: Names, in order.
        outputs: Names, in order.
        exporter: What made ONNX of it.
        kept: Layers that were left in higher precision than asked for.
        size_bytes: Of its files.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    exporter: Literal["torch.export", "TorchScript"] = "torch.export"
    kept: tuple[str, ...] = ()
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
    difference: Difference | None = None
    recalibrated: bool = False

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.backend}-{self.precision}"

    @property
    def spec(self) -> ClipSpec:
        """The clip it reads."""
        return TypeAdapter(ClipSpec).validate_python(self.clip)

    def file(self, bundle: Path, graph: str) -> Path:
        """Of a graph."""
        return bundle / FOLDER / self.name / f"{graph}{SUFFIX[self.backend]}"


_RECORDS = TypeAdapter(tuple[ExportRecord, ...])


def read_exports(bundle: Path) -> tuple[ExportRecord, ...]:
    """The exports of a bundle folder; none where it has no record.

    Raises:
        BundleError: The record is damaged, or files that it names are missing.
    """
    try:
        text = (bundle / RECORD).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise BundleError(f"{RECORD} cannot be read: {error.strerror}", where=bundle) from error
    hint = f"Delete {RECORD} and `{FOLDER}`, and export again"
    try:
        records = _RECORDS.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(each) for each in first["loc"])
        raise BundleError(f"{RECORD} is damaged: {place}: {first['msg']}", where=bundle, hint=hint) from error
    for record in records:
        for graph in record.graphs:
            if not (file := record.file(bundle, graph.name)).is_file():
                raise BundleError(f"{file.relative_to(bundle)} is missing", where=bundle, hint=hint)
    return records


def write_exports(bundle: Path, records: Sequence[ExportRecord]) -> None:
    """Writes the record, whole or not at all."""
    temporary = bundle / f".{RECORD}.part"
    data = json.loads(_RECORDS.dump_json(tuple(records)))
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
