"""Published results of classifiers: every fold and seed kept, means and deviations recomputable.

results/<dataset>/<method>.json     the metrics of one row of one backbone, then all rows of all backbones
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from normalcy.errors import InputError
from normalcy.evaluation.class_metrics import CLASS_METRIC_NOTES
from normalcy.evaluation.results import Spread, read_record, spread

Metrics = dict[str, float | None]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class ClassRun(_Record):
    """One fold and seed.

    Attributes:
        fold: Which was judged.
        seed: Of the training; None for a mean over seeds.
        seconds: Of training and judging.
        metrics: By the names of CLASS_METRIC_NOTES.
        confusion: Videos of each class (row) by what they were taken for.
        classes: Their names.
        normal: Place of the normal one.
        targets: Place of the class of each test video; empty where only figures were kept.
        probabilities: Of each test video, of each class, to four places; likewise.
    """

    fold: int
    seed: int | None
    seconds: float
    metrics: Metrics
    confusion: list[list[int]]
    classes: list[str]
    normal: int
    targets: list[int] = []
    probabilities: list[list[float]] = []


class ClassRow(_Record):
    """All folds and seeds of one way to do it.

    Attributes:
        settings_sha256: Of all settings but fold and seed; runs of different settings share no row.
        metrics: Mean and sample standard deviation over folds and seeds.
        seconds: Likewise.
        runs: Each.
    """

    settings_sha256: str
    metrics: dict[str, Spread]
    seconds: Spread
    runs: list[ClassRun]


class BackboneRows(_Record):
    """All rows of one backbone, and what made them."""

    command: str
    versions: dict[str, str]
    hardware: str
    rows: dict[str, ClassRow]


class ClassResult(_Record):
    """What a file holds.

    Attributes:
        method: Name of the method.
        dataset: Name of the dataset.
        preset: The backbone whose row stands at the top.
        row: Which row that is.
        folds: How many.
        seeds: Of that row.
        metrics: Its metrics.
        command, versions, hardware: What made it.
        backbones: All rows of all backbones.
    """

    method: str
    dataset: str
    preset: str
    row: str
    folds: int
    seeds: list[int]
    metrics: dict[str, Spread]
    command: str
    versions: dict[str, str]
    hardware: str
    backbones: dict[str, BackboneRows]


def gathered(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with the spreads that follow from its runs."""
    runs = row["runs"]
    metrics = {name: _spread([run["metrics"][name] for run in runs]) for name in CLASS_METRIC_NOTES}
    return {**row, "metrics": metrics, "seconds": _spread([run["seconds"] for run in runs])}


def _spread(values: Sequence[float | None]) -> dict[str, Any]:
    return spread(values).model_dump(mode="json")


def read_class_result(path: Path) -> ClassResult:
    """Reads a file.

    Raises:
        InputError: It cannot be read, is no such file, or its figures do not follow from its runs.
    """
    result = read_record(path, ClassResult, what="is no results file of classes")
    for backbone in result.backbones.values():
        for name, row in backbone.rows.items():
            dumped = row.model_dump(mode="json")
            if gathered(dumped) != dumped:
                raise InputError(f"the figures of {name!r} do not follow from its runs", where=path)
    top = result.backbones[result.preset].rows[result.row]
    if top.metrics != result.metrics:
        raise InputError("its metrics are not those of the row that they are said to be of", where=path)
    return result
