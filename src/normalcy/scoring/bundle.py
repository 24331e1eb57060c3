"""The bundle: what `fit` writes and everything else reads. A folder, and never a pickle.

model.safetensors   weights and statistics
method.yaml         format version, method, its configuration, scoring settings, map scale
calibration.json    from score to false alarms per day
card.md             what it was fitted on, when, with which versions
export.json         once it was exported: what its files in exports/ are (`scoring.backends.record`)
"""

import contextlib
import json
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock
from pydantic import Field

from normalcy.config import StrictConfig, build_config, read_yaml, to_yaml
from normalcy.errors import BundleError, ConfigError, FallbackWarning
from normalcy.scoring.backends.record import FOLDER, ExportRecord, digest_of, read_exports, write_exports
from normalcy.scoring.calibration import Calibration
from normalcy.scoring.model import TorchModel, TorchPrecision
from normalcy.scoring.settings import ScoringSettings
from normalcy.scoring.usual import UsualPart

if TYPE_CHECKING:
    from torch import Tensor

    from normalcy.methods.base import Method

FORMAT_VERSION = 1


class FitRecord(StrictConfig):
    """What a bundle remembers of its fit.

    Attributes:
        data: Dataset it was fitted on.
        preset: Which of the method's presets the settings started from.
        seed: Seed of weights, sampling and splits.
        fitted_at: UTC time.
        fit_seconds: Wall-clock time of training and calibration.
        fitted_frames: Frames of normal video it was fitted on.
        held_out_frames: Frames of normal video it was calibrated on.
        held_out_videos: Their videos.
        held_out_turns: In how many turns; each is scored by what was fitted on the others.
        parts: Of how many parts of the footage a memory was merged; 1 where it was fitted in one piece.
        training: What the training came to; None where nothing is trained by gradients.
        command: What asked for it; empty where it was called from Python.
        versions: Of Python and packages.
        hardware: What it ran on.
        amendments: What was changed of it afterwards, a line each: what a memory was told, or another calibration.
        fold: Of a dataset with classes: the fold that it did not learn from, and is judged on; None elsewhere.
        learned: Content of each video that a classifier was fitted or validated on.
    """

    data: str
    preset: str
    seed: int
    fitted_at: str
    fit_seconds: float
    fitted_frames: int
    held_out_frames: int
    held_out_videos: tuple[str, ...]
    held_out_turns: int = 1
    parts: int = 1
    training: dict[str, Any] | None = None
    command: str = ""
    versions: dict[str, str] = Field(default_factory=dict)
    hardware: str = ""
    amendments: tuple[str, ...] = ()
    fold: int | None = None
    learned: tuple[str, ...] = ()


class BundleHeader(StrictConfig):
    """What `method.yaml` holds.

    Attributes:
        format_version: Version of the bundle's layout.
        method: Name of the method.
        model: The method's configuration.
        scoring: How scores become alarms.
        frames_per_second: Rate of the normal video it was calibrated on.
        map_scale: Map values of the first and the last colour; normal maps lie below the middle.
        usual_parts: What each term of the score is on normal video; none in bundles from before this was kept.
        fit: What is remembered of the fit.
    """

    format_version: int = FORMAT_VERSION
    method: str
    model: dict[str, Any]
    scoring: ScoringSettings = ScoringSettings()
    frames_per_second: float
    map_scale: tuple[float, float]
    usual_parts: dict[str, UsualPart] = Field(default_factory=dict)
    fit: FitRecord


@dataclass(frozen=True)
class BundleThresholds:
    """What decides about alarms.

    Attributes:
        calibration: From score to false alarms per day.
        scoring: How scores become alarms.
    """

    calibration: Calibration
    scoring: ScoringSettings

    @classmethod
    def read(cls, path: Path) -> "BundleThresholds":
        """Of a bundle folder; raises `BundleError` where it is damaged."""
        return cls(_read_calibration(path), _read_header(path).scoring)


@dataclass(frozen=True)
class Bundle:
    """A fitted detector.

    Attributes:
        header: Method, configuration and scoring settings.
        calibration: From score to false alarms per day.
        weights: Tensors by name.
        card: Markdown text.
        path: The folder it was read from.
        exports: What it was exported as, in that folder.
    """

    header: BundleHeader
    calibration: Calibration
    weights: Mapping[str, npt.NDArray[Any]] = field(repr=False)
    card: str = field(repr=False, default="")
    path: Path | None = None
    exports: tuple[ExportRecord, ...] = field(repr=False, default=())

    def method(self) -> "Method":
        """Builds the method with its weights.

        Raises:
            BundleError: There is no such method, or its configuration or weights do not fit it.
        """
        from normalcy.methods import method_definition

        try:
            definition = method_definition(self.header.method)
            config = build_config(definition.config, self.header.model, where="model")
        except ConfigError as error:
            raise BundleError(f"does not fit this normalcy: {error}", where="method.yaml") from error
        method = definition.build(config)
        method.make_room({name: tuple(tensor.shape) for name, tensor in self.weights.items()})
        if misfits := _misfits(method.state_dict(), self.weights):
            raise BundleError(
                f"{len(misfits)} weights do not fit method.yaml: {'; '.join(misfits[:3])}",
                where="model.safetensors",
                hint="Both must come from one fit; fit it again",
            )
        import torch

        # A copy: a memory that learns must not change what the bundle holds.
        method.load_state_dict({name: torch.from_numpy(array) for name, array in self.weights.items()})
        return method

    def scoring_model(self, *, device: str | None = None, precision: TorchPrecision = "fp32") -> TorchModel:
        """The method in torch as a scoring model; on a GPU where there is one, unless a device is named."""
        return TorchModel(self.method(), device=device, precision=precision)

    def save(self, path: Path) -> None:
        """Writes the folder under a temporary name and renames it, so that no reader sees half a bundle.

        Exports go along as far as they are still of this method; the others are dropped with a warning. An export that
        is entered meanwhile waits.
        """
        from safetensors.numpy import save

        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
        try:
            # As bytes: `save_file` hides the disk's errors, and lets nobody but the owner read the file.
            weights = save(
                {name: np.require(array, requirements="C") for name, array in self.weights.items()}
            )
            (temporary / "model.safetensors").write_bytes(weights)
            (temporary / "method.yaml").write_text(to_yaml(self.header), encoding="utf-8")
            calibration = json.dumps(self.calibration.to_json(), indent=2)
            (temporary / "calibration.json").write_text(calibration + "\n", encoding="utf-8")
            (temporary / "card.md").write_text(self.card, encoding="utf-8")
            temporary.chmod(0o755)
            with bundle_lock(path) if path.exists() else contextlib.nullcontext():
                self._take_exports(temporary)
                _replace_folder(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _take_exports(self, folder: Path) -> None:
        """Copies the exports that are still true, as they are entered by now."""
        if self.path is None or not (exports := read_exports(self.path)):
            return
        before = BundleThresholds.read(self.path)
        kept = [true for record in exports if (true := self.still_true(record, before))]
        for record in kept:
            shutil.copytree(self.path / FOLDER / record.name, folder / FOLDER / record.name)
        if kept:
            write_exports(folder, kept)
        _warn_of_exports(exports, kept)

    def still_true(self, record: ExportRecord, before: "BundleThresholds") -> ExportRecord | None:
        """What may still be said of an export of an earlier bundle; None where it is one of something else.

        Args:
            record: Of the export.
            before: What it was compared under.
        """
        if not self.is_of(record):
            return None
        if record.recalibrated and before.calibration != self.calibration:
            return None
        if record.difference is None or before == self.thresholds:
            return record
        return record.model_copy(update={"difference": record.difference.without_alarms})

    @property
    def thresholds(self) -> "BundleThresholds":
        """What decides about alarms."""
        return BundleThresholds(self.calibration, self.header.scoring)

    def is_of(self, record: ExportRecord) -> bool:
        """Whether an export was made of the settings and weights that this holds."""
        return record.made_of == digest_of(self.header.model, self.weights, without=record.outside)

    @classmethod
    def load(cls, path: Path) -> "Bundle":
        """Reads a bundle folder, or a run folder that holds one.

        Raises:
            BundleError: Not a bundle, damaged, or of another version.
        """
        path = path / "bundle" if (path / "bundle").is_dir() else path
        missing = [
            name
            for name in ("method.yaml", "model.safetensors", "calibration.json")
            if not (path / name).is_file()
        ]
        if not path.exists():
            raise BundleError("there is no such folder", where=path, hint="`normalcy fit` makes bundles")
        if missing:
            raise BundleError(
                f"is not a bundle, it lacks {', '.join(missing)}", where=path, hint="`normalcy fit` makes one"
            )
        return cls(
            _read_header(path),
            _read_calibration(path),
            _read_weights(path),
            _read_card(path),
            path,
            read_exports(path),
        )


def _read_header(path: Path) -> BundleHeader:
    try:
        data = read_yaml(path / "method.yaml")
        version = data.get("format_version")
        if version != FORMAT_VERSION:
            raise BundleError(
                f"has format version {version}, this normalcy reads {FORMAT_VERSION}",
                where=path,
                hint="Fit it again, or install the normalcy that made it (see card.md)",
            )
        return build_config(BundleHeader, data, where=path / "method.yaml")
    except ConfigError as error:
        raise BundleError(f"is damaged: {error}", where=path) from error


def _read_calibration(path: Path) -> Calibration:
    try:
        return Calibration.from_json(json.loads((path / "calibration.json").read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise BundleError(f"calibration.json is damaged: {error}", where=path) from error


def _read_weights(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path / "model.safetensors")
    except (OSError, SafetensorError) as error:
        raise BundleError(f"model.safetensors is damaged: {error}", where=path) from error


def _read_card(path: Path) -> str:
    card = path / "card.md"
    return card.read_text(encoding="utf-8") if card.is_file() else ""


@contextlib.contextmanager
def bundle_lock(path: Path) -> Iterator[None]:
    """Keeps a bundle folder from being replaced, or its exports from being entered, by others."""
    path = path.resolve()
    # Beside the folder: what lies in it goes with it.
    with FileLock(path.parent / f".{path.name}.lock"):
        yield


def _warn_of_exports(before: Sequence[ExportRecord], after: Sequence[ExportRecord]) -> None:
    """Says which exports are gone, and of which thresholds are no longer known to hold."""
    kept = {record.name: record for record in after}
    dropped = [record.name for record in before if record.name not in kept]
    if dropped:
        message = f"exports of what it was before are dropped: {', '.join(dropped)}; export it again"
        warnings.warn(message, FallbackWarning, stacklevel=5)
    if doubtful := [record.name for record in before if kept.get(record.name, record) != record]:
        message = f"thresholds are others now than {', '.join(doubtful)} was compared at; export it again"
        warnings.warn(message, FallbackWarning, stacklevel=5)


def _replace_folder(new: Path, path: Path) -> None:
    """Puts `new` at `path`; an old folder there is moved aside first and removed last."""
    if not path.exists():
        new.rename(path)
        return
    aside = new.with_name(f"{new.name}-old")
    path.rename(aside)
    try:
        new.rename(path)
    except BaseException:
        aside.rename(path)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _misfits(expected: Mapping[str, "Tensor"], found: Mapping[str, npt.NDArray[Any]]) -> list[str]:
    """What is wrong with the names and shapes of weights, a line each."""
    lines = [f"{name} is missing" for name in expected if name not in found]
    lines += [f"{name} is unknown" for name in found if name not in expected]
    return lines + [
        f"{name} is {tuple(tensor.shape)}, expected {tuple(expected[name].shape)}"
        for name, tensor in found.items()
        if name in expected and tensor.shape != expected[name].shape
    ]
