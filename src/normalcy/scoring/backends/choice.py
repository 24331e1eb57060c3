"""Which backend scores: one that is named, or the fastest here."""

import importlib.util
import json
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import cv2

from normalcy.environment import versions
from normalcy.errors import BundleError, ConfigError, FallbackWarning, MissingPackage
from normalcy.scoring.backends.exported_model import exported_model
from normalcy.scoring.backends.fastest import CACHE, measured_fastest, remembered_fastest
from normalcy.scoring.backends.openvino_graph import computed_in
from normalcy.scoring.backends.record import BACKENDS, FOLDER, MADE_BY, PRECISIONS, ExportRecord
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.calibration import Calibration
from normalcy.scoring.model import ScoringModel, TorchPrecision

AUTO, TORCH = "auto", "torch"
IN_TORCH: Mapping[str, TorchPrecision] = {TORCH: "fp32", "torch-bf16": "bf16", "torch-fp16": "fp16"}
_MODULES = {"onnxruntime": "onnxruntime", "openvino": "openvino", TORCH: "torch"}


@dataclass(frozen=True, eq=False)
class Opened:
    """A bundle that is ready to score.

    Attributes:
        name: Of what scores: `torch`, or the export's, such as `openvino-int8`.
        model: What scores.
        bundle: With the calibration that belongs to it.
    """

    name: str
    model: ScoringModel
    bundle: Bundle


def open_backend(
    bundle: Bundle,
    choice: str = TORCH,
    *,
    threads: int | None = None,
    cache: Path = CACHE,
) -> Opened:
    """Opens what is to score.

    Args:
        bundle: As it was read.
        choice: `torch`; `torch-bf16`, or `torch-fp16` on a GPU; an export by name, such as `openvino-int8`; the most
            exact one of a backend by the backend's name; or `auto`, which passes over what cannot be opened.
        threads: Threads of each exported graph, and in this process of torch and OpenCV; all cores without.
        cache: File of what was the fastest here, for `auto`.

    Raises:
        ConfigError: There is no such backend.
        MissingPackage: It is not installed.
        BundleError: The bundle was not exported for it, or has changed since.
    """
    opened = _fastest(bundle, threads, cache) if choice == AUTO else _opened(bundle, choice, threads)
    for record in bundle.exports:
        if record.name == opened.name:
            _warn_of_versions(record)
            _warn_of_hardware(record)
    return opened


def limit_threads(threads: int) -> None:
    """Of what is at work in this process beside exported graphs; torch is not imported for this."""
    cv2.setNumThreads(threads)
    if (torch := sys.modules.get(TORCH)) is not None:
        torch.set_num_threads(threads)


def _opened(bundle: Bundle, name: str, threads: int | None) -> Opened:
    if name in IN_TORCH:
        opened = Opened(name, _in_torch(bundle, IN_TORCH[name]), bundle)
    else:
        record = _named(bundle, name)
        assert bundle.path is not None
        model = exported_model(record, bundle.path, weights=lambda: bundle.weights, threads=threads)
        opened = Opened(record.name, model, _calibrated(bundle, record))
    if threads:
        limit_threads(threads)
    return opened


def _in_torch(bundle: Bundle, precision: TorchPrecision) -> ScoringModel:
    if not installed(TORCH):
        hint = f"pip install 'normalcy[train]'; or use what `{MADE_BY}` makes, which runs without"
        raise MissingPackage("torch is not installed", hint=hint)
    return bundle.scoring_model(precision=precision)


def _warn_of_versions(record: ExportRecord) -> None:
    made_by, here = record.versions.get("normalcy"), versions().get("normalcy")
    if made_by and here and made_by != here:
        message = (
            f"{record.name} was exported by normalcy {made_by}; this is {here}, whose scores in torch may "
            f"differ. `{MADE_BY}` makes it again"
        )
        warnings.warn(message, FallbackWarning, stacklevel=3)


def _warn_of_hardware(record: ExportRecord) -> None:
    if record.backend != "openvino" or not record.computed_in:
        return
    if (here := computed_in(record.precision)) != record.computed_in:
        message = (
            f"{record.name} was compared and calibrated where it was computed in {record.computed_in}; "
            f"here it is {here}, so scores differ a little"
        )
        warnings.warn(message, FallbackWarning, stacklevel=3)


def installed(backend: str) -> bool:
    """Whether what runs it is there."""
    return importlib.util.find_spec(_MODULES[backend]) is not None


def available(bundle: Bundle) -> tuple[str, ...]:
    """What can score here, torch first."""
    exports = [each.name for each in bundle.exports if installed(each.backend) and bundle.is_of(each)]
    return ((TORCH,) if installed(TORCH) else ()) + tuple(exports)


def _fastest(bundle: Bundle, threads: int | None, cache: Path) -> Opened:
    """The fastest that can be opened of those whose thresholds are known to mean the same.

    Where one alone comes into question, whatever is wrong with it is the error.
    """
    names = _trusted(bundle)
    if len(names) < 2:
        return _opened(bundle, names[0], threads) if names else _nothing_here()
    known = remembered_fastest(bundle, names, threads=threads, cache=cache)
    if known and (opened := _tried(bundle, known, threads)):
        return opened
    others = [name for name in names if name != known]
    found = {name: opened for name in others if (opened := _tried(bundle, name, threads))}
    if not found:
        return _opened(bundle, others[-1], threads)
    models = {name: opened.model for name, opened in found.items()}
    return found[measured_fastest(bundle, names, models=models, threads=threads, cache=cache)]


def _nothing_here() -> Opened:
    raise MissingPackage(
        "torch is not installed, nor anything that this bundle was exported for",
        hint=f"pip install 'normalcy[train]'; or use what `{MADE_BY}` makes, which runs without",
    )


def _tried(bundle: Bundle, name: str, threads: int | None) -> Opened | None:
    """What was opened; None, with a warning, where that fails: nobody named it."""
    try:
        return _opened(bundle, name, threads)
    except (BundleError, ConfigError, MissingPackage) as error:
        warnings.warn(f"{name} is left out: {error}", FallbackWarning, stacklevel=5)
        return None


def _trusted(bundle: Bundle) -> list[str]:
    """What can score here with thresholds that are known to mean the same; all, with a warning, where nothing is."""
    doubtful = {
        each.name
        for each in bundle.exports
        if each.precision != "fp32"
        and not (each.recalibrated or (each.difference and each.difference.same_alarms))
    }
    there = available(bundle)
    names = [name for name in there if name not in doubtful]
    if not names and there:
        message = f"thresholds of {', '.join(there)} were not compared with torch's, or differ; there is nothing else"
        warnings.warn(message, FallbackWarning, stacklevel=4)
        names = list(there)
    return names


def _named(bundle: Bundle, name: str) -> ExportRecord:
    backend = name.partition("-")[0]
    if backend not in BACKENDS[1:]:
        known = ", ".join((AUTO, *IN_TORCH, *BACKENDS[1:]))
        raise ConfigError(f"unknown backend {name!r}", where="--backend", hint=f"Known are {known}")
    found = [each for each in bundle.exports if name in (each.name, each.backend)]
    if not found:
        had = ", ".join(each.name for each in bundle.exports) or "nothing"
        wanted = "onnx" if backend == "onnxruntime" else backend
        raise BundleError(
            f"was not exported as {name}, but as {had}",
            where=bundle.path or "bundle",
            hint=f"`{MADE_BY} {bundle.path or 'BUNDLE'} --to {wanted}` does that",
        )
    record = min(found, key=lambda each: PRECISIONS.index(each.precision))
    if not bundle.is_of(record):
        raise BundleError(
            f"{record.name} was exported before the bundle changed",
            where=bundle.path or "bundle",
            hint=f"Export it again with `{MADE_BY}`",
        )
    return record


def _calibrated(bundle: Bundle, record: ExportRecord) -> Bundle:
    """With the export's own calibration, where it has one."""
    if not record.recalibrated:
        return bundle
    assert bundle.path is not None
    file = calibration_file(bundle.path, record)
    try:
        calibration = Calibration.from_json(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise BundleError(f"is damaged: {error}", where=file, hint="Export it again") from error
    return replace(bundle, calibration=calibration)


def calibration_file(bundle: Path, record: ExportRecord) -> Path:
    """Of an export that has a calibration of its own."""
    return bundle / FOLDER / record.name / "calibration.json"
