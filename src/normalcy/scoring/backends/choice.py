"""Which backend scores: one that is named, or the fastest here."""

import importlib.util
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

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
            exact one of a backend by the backend's name; or `auto`.
        threads: Threads of each exported graph; all cores without.
        cache: File of what was the fastest here, for `auto`.

    Raises:
        ConfigError: There is no such backend.
        MissingPackage: It is not installed.
        BundleError: The bundle was not exported for it, or has changed since.
    """
    name = _auto(bundle, threads, cache) if choice == AUTO else choice
    if name in IN_TORCH:
        if not installed(TORCH):
            what = "torch is not installed"
            if choice == AUTO:
                what += ", nor anything that this bundle was exported for"
            hint = f"pip install 'normalcy[train]'; or use what `{MADE_BY}` makes, which runs without"
            raise MissingPackage(what, hint=hint)
        return Opened(name, bundle.scoring_model(precision=IN_TORCH[name]), bundle)
    record = _named(bundle, name)
    assert bundle.path is not None
    _warn_of_hardware(record)
    model = exported_model(record, bundle.path, weights=lambda: bundle.weights, threads=threads)
    return Opened(record.name, model, _calibrated(bundle, record))


def _warn_of_hardware(record: ExportRecord) -> None:
    if record.backend != "openvino" or not record.computed_in or not installed("openvino"):
        return
    if (here := computed_in(record.precision)) != record.computed_in:
        message = (
            f"{record.name} was compared and calibrated where it was computed in {record.computed_in}; "
            f"here it is {here}, so scores differ a little"
        )
        warnings.warn(message, FallbackWarning, stacklevel=4)


def installed(backend: str) -> bool:
    """Whether what runs it is there."""
    return importlib.util.find_spec(_MODULES[backend]) is not None


def available(bundle: Bundle) -> tuple[str, ...]:
    """What can score here, torch first."""
    exports = [each.name for each in bundle.exports if installed(each.backend) and bundle.is_of(each)]
    return ((TORCH,) if installed(TORCH) else ()) + tuple(exports)


def _auto(bundle: Bundle, threads: int | None, cache: Path) -> str:
    """The fastest of those whose thresholds are known to mean the same."""
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
    if len(names) > 1 and (known := remembered_fastest(bundle, names, threads=threads, cache=cache)):
        return known
    opened: dict[str, ScoringModel] = {}
    for name in names if len(names) > 1 else ():
        try:
            opened[name] = open_backend(bundle, name, threads=threads).model
        except (ConfigError, MissingPackage) as error:
            warnings.warn(f"{name} is left out: {error}", FallbackWarning, stacklevel=4)
    if not opened:
        return names[0] if names else TORCH
    return measured_fastest(bundle, names, models=opened, threads=threads, cache=cache)


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
