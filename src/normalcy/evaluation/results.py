"""Published results: one file for each dataset and method, every seed kept, mean and deviation recomputable.

    results/<dataset>/<method>.json     mean and sd over the seeds, then `runs`: what each seed measured,
                                        then `variants`: the same of each further preset of the method

The figures follow from the runs; a file where they do not is refused. The preset with the highest mean micro AUC stands
at the top; that order is for display alone, as it is made with the test labels in sight.
"""

import hashlib
import math
import os
import statistics
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, ValidationError, model_serializer

from normalcy.errors import InputError, OutputError
from normalcy.evaluation.protocols import METRIC_NOTES
from normalcy.run_folder import write_json, writing_to

RecordT = TypeVar("RecordT", bound=BaseModel)

_LEFT_OUT_WHEN_EMPTY = frozenset({"parts", "kinds", "variants"})


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @model_serializer(mode="wrap")
    def _without_what_is_empty(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Files from before there were parts, kinds and variants stay as they are, to the byte."""
        values: dict[str, Any] = serialise(self)
        return {name: value for name, value in values.items() if value or name not in _LEFT_OUT_WHEN_EMPTY}


class RunResult(_Record):
    """What one seed measured.

    Attributes:
        method: Name of the method.
        dataset: Name of the dataset.
        preset: Which configuration of the method.
        seed: Of the fit.
        metrics: By the names of METRIC_NOTES; None where not measured.
        fit_seconds: Wall-clock time of the fit; None where nothing was fitted.
        frames_per_second: Of scoring, decoding included; None where not measured.
        command: What made it.
        versions: Of Python and packages.
        hardware: What it ran on.
        settings_sha256: Of all settings but the seed; runs of different settings are not averaged.
        parts: Micro AUC of each term of the score alone, as in `Evaluation.parts`.
        kinds: Micro AUC of each kind of anomaly, by the score and by each term of it, as in `Evaluation.kinds`.
    """

    method: str
    dataset: str
    preset: str
    seed: int
    metrics: dict[str, float | None]
    fit_seconds: float | None
    frames_per_second: float | None
    command: str
    versions: dict[str, str]
    hardware: str
    settings_sha256: str = ""
    parts: dict[str, float | None] = {}
    kinds: dict[str, dict[str, float | None]] = {}


class Spread(_Record):
    """Mean and sample standard deviation over the seeds.

    Attributes:
        mean: None where any seed lacks the value.
        sd: None likewise, and for a single seed.
    """

    mean: float | None
    sd: float | None


class Result(_Record):
    """All seeds of one preset of a method on one dataset; command, versions and hardware are the latest run's.

    Attributes:
        variants: The method's other presets by name, best first; these have none of their own.
    """

    method: str
    dataset: str
    preset: str
    seeds: list[int]
    metrics: dict[str, Spread]
    fit_seconds: Spread
    frames_per_second: Spread
    command: str
    versions: dict[str, str]
    hardware: str
    runs: list[RunResult]
    parts: dict[str, Spread] = {}
    kinds: dict[str, dict[str, Spread]] = {}
    variants: dict[str, "Result"] = {}

    @property
    def presets(self) -> list["Result"]:
        """This one, then its variants."""
        return [self, *self.variants.values()]


def gather(runs: Sequence[RunResult]) -> Result:
    """All presets of one method: the one with the highest mean micro AUC, the others as its variants.

    Raises:
        OutputError: As in `aggregate`; runs of several presets are welcome.
    """
    by_preset: dict[str, list[RunResult]] = {}
    for run in runs:
        _require_same(run, runs[-1], _OF_A_FILE, hint="each method and dataset has a file of its own")
        by_preset.setdefault(run.preset, []).append(run)
    best, *others = sorted(map(aggregate, by_preset.values()), key=_by_micro_auc)
    return best.model_copy(update={"variants": {other.preset: other for other in others}})


def aggregate(runs: Sequence[RunResult]) -> Result:
    """Mean and deviation over the seeds, in the order of the runs; the metrics in the order of METRIC_NOTES.

    Raises:
        OutputError: When the runs differ in method, dataset, preset or settings, or a seed comes twice.
    """
    latest = runs[-1]
    for run in runs:
        _require_same(run, latest, _OF_A_MEAN, hint="publish runs of changed settings into another folder")
    seeds = [run.seed for run in runs]
    if len(set(seeds)) < len(seeds):
        raise OutputError(
            f"the seeds {seeds} repeat themselves", where=f"{latest.method} on {latest.dataset}"
        )
    kinds = dict.fromkeys(part for run in runs for part in run.kinds)
    return Result(
        method=latest.method,
        dataset=latest.dataset,
        preset=latest.preset,
        seeds=sorted(seeds),
        metrics=_spreads([run.metrics for run in runs], first=METRIC_NOTES),
        fit_seconds=spread([run.fit_seconds for run in runs]),
        frames_per_second=spread([run.frames_per_second for run in runs]),
        command=latest.command,
        versions=latest.versions,
        hardware=latest.hardware,
        runs=list(runs),
        parts=_spreads([run.parts for run in runs]),
        kinds={part: _spreads([run.kinds.get(part, {}) for run in runs]) for part in kinds},
    )


def _spreads(by_run: Sequence[Mapping[str, float | None]], *, first: Iterable[str] = ()) -> dict[str, Spread]:
    """The spread of every value that any run has, by name, some names first."""
    names = dict.fromkeys([*first, *(name for values in by_run for name in values)])
    return {name: spread([values.get(name) for values in by_run]) for name in names}


def spread(values: Sequence[float | None]) -> Spread:
    """Mean and sample standard deviation (n - 1) of values that are all there.

    >>> spread([1.0, 3.0])
    Spread(mean=2.0, sd=1.4142135623730951)
    """
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return Spread(mean=None, sd=None)
    return Spread(mean=statistics.fmean(known), sd=statistics.stdev(known) if len(known) > 1 else None)


def write_result(path: Path, run: RunResult) -> Result:
    """Adds a run to a results file, in place of an earlier one with its preset and seed; others are kept.

    The file is replaced whole or not at all, and two processes may add to it at once.

    Raises:
        OutputError: When the file holds another method or dataset, or the preset under other settings, or cannot
            be written.
        InputError: When the file is there but is no results file.
    """
    with _lock(path):
        earlier = _all_runs(read_result(path)) if path.exists() else []
        kept = [old for old in earlier if (old.preset, old.seed) != (run.preset, run.seed)]
        result = gather([*kept, run])
        with writing_to(path):
            write_json(path, result.model_dump(mode="json"))
    return result


def read_result(path: Path) -> Result:
    """Reads a results file; its variants come best first.

    Raises:
        InputError: When it cannot be read, is no results file, or its figures do not follow from its runs.
    """
    result = read_record(path, Result, what="is no results file", hint=_HINT)
    follows = _regathered(result)
    if follows != result:
        raise InputError("its figures do not follow from its runs", where=path, hint=_HINT)
    return follows


def read_record(path: Path, kind: type[RecordT], *, what: str, hint: str = "") -> RecordT:
    """Reads a file that holds a record and nothing else.

    Args:
        path: The file.
        kind: Of record.
        what: To say where it holds something else.
        hint: What to do then.

    Raises:
        InputError: It cannot be read, or holds something else.
    """
    try:
        return kind.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=path) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "file"
        raise InputError(f"{what}: {place}: {first['msg']}", where=path, hint=hint) from error


_HINT = "results files are written by `normalcy evaluate`, not by hand"
_OF_A_FILE = ("method", "dataset")
_OF_A_MEAN = (*_OF_A_FILE, "preset", "settings_sha256")


def _regathered(result: Result) -> Result | None:
    """What the runs of a result come to; None where they come to none."""
    try:
        return gather(_all_runs(result)) if result.runs else None
    except OutputError:
        return None


def _all_runs(result: Result) -> list[RunResult]:
    return [run for preset in result.presets for run in preset.runs]


def _by_micro_auc(result: Result) -> tuple[float, str]:
    mean = result.metrics["micro_auc"].mean
    return (math.inf if mean is None else -mean), result.preset


def _require_same(run: RunResult, other: RunResult, names: Sequence[str], *, hint: str) -> None:
    ours, theirs = ([getattr(each, name) for name in names] for each in (run, other))
    if ours != theirs:
        raise OutputError(
            f"results of {'/'.join(ours)} and of {'/'.join(theirs)} cannot share a file",
            hint=hint,
        )


def _lock(path: Path) -> FileLock:
    """One writer at a time; the lock lies with the temporary files, so that none is left among the results."""
    key = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]
    user = os.getuid() if hasattr(os, "getuid") else 0
    return FileLock(Path(tempfile.gettempdir()) / f"normalcy-{user}-{key}.lock")
