"""The whole way in one command: train, evaluate, optimise, show it live; what has not changed is not done again.

`pipeline.json` in the run folder keeps, for each stage, a digest of what went into it. A stage runs when that digest is
another, or what it wrote is gone.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from normalcy.config import StrictConfig, build_config, read_yaml
from normalcy.datasets import open_dataset
from normalcy.datasets.base import Dataset
from normalcy.datasets.cache import fingerprint
from normalcy.datasets.classes import KnowsClasses
from normalcy.errors import BundleError, ConfigError, DatasetError
from normalcy.progress import Progress
from normalcy.run_folder import RunFolder, write_json
from normalcy.scoring.bundle import Bundle
from normalcy.training.config import FitConfig, resolve_config
from normalcy.training.fit import fit
from normalcy.video.reader import ReadOptions
from normalcy.workflows.content import content_of
from normalcy.workflows.judge import ClassOptions, judge_run
from normalcy.workflows.score import score_videos

Platform = Literal["cpu", "gpu", "edge"]
StageName = Literal["train", "evaluate", "optimise", "demo"]
Status = Literal["done", "unchanged", "skipped", "not available", "failed"]

STAGES: tuple[StageName, ...] = ("train", "evaluate", "optimise", "demo")


class DemoSettings(StrictConfig):
    """What the demo shows.

    Attributes:
        source: A file, a folder of pictures, a URL or a camera's number; the first test video without.
        seconds: How much of it.
    """

    source: str | None = None
    seconds: float = Field(30.0, gt=0)


class PipelineSettings(StrictConfig):
    """The section `pipeline` of the configuration; all else is what `normalcy fit` takes.

    Attributes:
        out: Run folder.
        report: Write the report.
        videos: Write an annotated video of each test video.
        platform: What the bundle is made fast for.
        demo: What is shown live.
    """

    out: Path | None = None
    report: bool = True
    videos: bool = False
    platform: Platform = "cpu"
    demo: DemoSettings = DemoSettings()


@dataclass(frozen=True)
class StageResult:
    """What became of a stage.

    Attributes:
        stage: Which.
        status: Done now, unchanged since, left out on request, not in this version, or failed.
        why: In words.
        seconds: How long it took.
        files: What it wrote, by name.
    """

    stage: StageName
    status: Status
    why: str = ""
    seconds: float = 0.0
    files: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Skipped:
    """What is left out on request.

    Attributes:
        training: Takes the bundle that is there.
        optimisation: Leaves the bundle as it is.
        demo: Shows nothing.
    """

    training: bool = False
    optimisation: bool = False
    demo: bool = False


Optimiser = Callable[[Path, Platform, Progress | None], Mapping[str, Path]]
"""Makes a bundle fast for a platform; returns what it wrote. None is built in yet."""


def read_pipeline(path: Path, overrides: Sequence[str] = ()) -> tuple[FitConfig, PipelineSettings]:
    """The settings of a fit and of the stages around it, from one file.

    Raises:
        ConfigError: A key is unknown, `method` or `data` is missing, or a value is out of range.
    """
    given = read_yaml(path)
    settings = build_config(
        PipelineSettings, given.pop("pipeline", None) or {}, where=f"{path}, section pipeline"
    )
    method = given.get("method")
    if not isinstance(method, str):
        raise ConfigError("names no method", where=path, hint="Add a line such as `method: scene-memory`")
    if not isinstance(given.get("data"), dict) or not {"name", "root"} <= set(given["data"]):
        raise ConfigError("names no data", where=path, hint="Add `data:` with `name:` and `root:` below it")
    return resolve_config(method, data={}, given=given, where=path, overrides=overrides), settings


def run_pipeline(
    config: FitConfig,
    settings: PipelineSettings,
    *,
    skipped: Skipped = Skipped(),
    resume: bool = False,
    overwrite: bool = False,
    optimiser: Optimiser | None = None,
    command: str = "",
    on_stage: Callable[[StageResult], None] | None = None,
    progress: Progress | None = None,
) -> list[StageResult]:
    """Runs the stages in order; each says what became of it.

    Args:
        config: Of the fit.
        settings: Of the stages around it.
        skipped: What is left out.
        resume: Go on with a training that was cut off.
        overwrite: Train anew in a folder that holds another run.
        optimiser: Makes the bundle fast for `settings.platform`; without one that stage says so.
        command: What asked for it, for the record.
        on_stage: Called after each stage.
        progress: Called with what is being done, how much is done and how much there is.

    Raises:
        BundleError: Training is left out, and there is no bundle.
        RunFolderExists: The folder holds another run, and neither `resume` nor `overwrite` was asked for.
    """
    run = RunFolder(settings.out or Path("runs") / f"{config.method}-{config.data.name}-seed{config.seed}")
    book = _Book(run.path / "pipeline.json")
    dataset = _dataset(config)
    stages: dict[StageName, Callable[[], StageResult]] = {
        "train": lambda: _train(config, dataset, run, book, skipped, resume, overwrite, command, progress),
        "evaluate": lambda: _evaluate(config, dataset, run, book, settings, command, progress),
        "optimise": lambda: _optimise(run, book, settings, skipped, optimiser, progress),
        "demo": lambda: _demo(dataset, run, book, settings, skipped, progress),
    }
    results = []
    for stage in STAGES:
        results.append(stages[stage]())
        if on_stage:
            on_stage(results[-1])
    return results


class _Book:
    """What went into each stage when it was last done, and what it wrote."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def files_of(self, stage: StageName, inputs: str) -> dict[str, Path] | None:
        """What a stage wrote from the same inputs; None where it did not, or some of it is gone."""
        entry = self._read().get(stage)
        if not isinstance(entry, dict) or entry.get("inputs") != inputs:
            return None
        files = {name: self._path.parent / path for name, path in entry.get("files", {}).items()}
        return files if all(path.exists() for path in files.values()) else None

    def enter(self, stage: StageName, inputs: str, files: Mapping[str, Path]) -> None:
        """Notes that a stage is done."""
        folder = self._path.parent
        written = {
            name: str(path.relative_to(folder)) for name, path in files.items() if path.is_relative_to(folder)
        }
        write_json(self._path, {**self._read(), stage: {"inputs": inputs, "files": written}})

    def _read(self) -> dict[str, Any]:
        try:
            book = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return book if isinstance(book, dict) else {}


def _train(
    config: FitConfig,
    dataset: Dataset,
    run: RunFolder,
    book: _Book,
    skipped: Skipped,
    resume: bool,
    overwrite: bool,
    command: str,
    progress: Progress | None,
) -> StageResult:
    if skipped.training:
        if not run.bundle.is_dir():
            raise BundleError("holds no bundle, and training is left out", where=run.path)
        return StageResult("train", "skipped", "left out on request", files={"bundle": run.bundle})
    inputs = _digest(
        config.model_dump(mode="json", exclude={"data": {"cache", "features"}}), content_of(dataset, "train")
    )
    # Somebody else may have fitted here since.
    if run.bundle.is_dir() and (files := book.files_of("train", _digest(inputs, _bundle_digest(run)))):
        return StageResult("train", "unchanged", "neither settings nor videos have changed", files=files)
    with _timed() as seconds:
        fit(config, run=run, resume=resume, overwrite=overwrite, command=command, progress=progress)
    files = {"bundle": run.bundle}
    book.enter("train", _digest(inputs, _bundle_digest(run)), files)
    return StageResult("train", "done", seconds=seconds(), files=files)


def _evaluate(
    config: FitConfig,
    dataset: Dataset,
    run: RunFolder,
    book: _Book,
    settings: PipelineSettings,
    command: str,
    progress: Progress | None,
) -> StageResult:
    try:
        content = content_of(dataset, "test")
    except DatasetError as error:
        return StageResult("evaluate", "skipped", f"there is nothing to judge: {error}")
    inputs = _digest(_bundle_digest(run), content, settings.report, settings.videos)
    if files := book.files_of("evaluate", inputs):
        return StageResult(
            "evaluate", "unchanged", "neither bundle nor test videos have changed", files=files
        )
    with _timed() as seconds:
        judged = judge_run(
            run.path,
            config.data.name,
            config.data.root,
            command=command,
            report=settings.report,
            videos=settings.videos,
            class_options=ClassOptions(features=config.data.features),
            progress=progress,
        )
    book.enter("evaluate", inputs, judged.files)
    return StageResult("evaluate", "done", seconds=seconds(), files=judged.files)


def _optimise(
    run: RunFolder,
    book: _Book,
    settings: PipelineSettings,
    skipped: Skipped,
    optimiser: Optimiser | None,
    progress: Progress | None,
) -> StageResult:
    if skipped.optimisation:
        return StageResult("optimise", "skipped", "left out on request")
    if optimiser is None:
        why = f"this version makes nothing of its own for {settings.platform}: the bundle runs as it is"
        return StageResult("optimise", "not available", why)
    inputs = _digest(_bundle_digest(run), settings.platform)
    if files := book.files_of("optimise", inputs):
        return StageResult("optimise", "unchanged", "neither bundle nor platform has changed", files=files)
    with _timed() as seconds:
        files = dict(optimiser(run.bundle, settings.platform, progress))
    book.enter("optimise", inputs, files)
    return StageResult("optimise", "done", seconds=seconds(), files=files)


def _demo(
    dataset: Dataset,
    run: RunFolder,
    book: _Book,
    settings: PipelineSettings,
    skipped: Skipped,
    progress: Progress | None,
) -> StageResult:
    if skipped.demo:
        return StageResult("demo", "skipped", "left out on request")
    source, rate = settings.demo.source, None
    if source is None:
        try:
            first = dataset.videos("test")[0]
        except DatasetError:
            first = dataset.videos("train")[0]
        source, rate = str(first.path), first.fps
    inputs = _digest(_bundle_digest(run), source, _source_digest(source), settings.demo.seconds)
    if files := book.files_of("demo", inputs):
        return StageResult("demo", "unchanged", "neither bundle nor source has changed", files=files)
    with _timed() as seconds:
        shown = score_videos(
            Bundle.load(run.path),
            [source],
            run=RunFolder(run.path / "demo"),
            options=ReadOptions(end_seconds=settings.demo.seconds, fps=rate),
            progress=progress,
        )
    if shown.failures:
        return StageResult("demo", "failed", shown.failures[0], seconds(), shown.files)
    book.enter("demo", inputs, shown.files)
    events = sum(len(video.events) for video in shown.videos)
    return StageResult("demo", "done", f"{events} events", seconds(), shown.files)


def _dataset(config: FitConfig) -> Dataset:
    dataset = open_dataset(config.data.name, config.data.root)
    return dataset.at_fold(config.data.fold) if isinstance(dataset, KnowsClasses) else dataset


def _bundle_digest(run: RunFolder) -> str:
    digest = hashlib.sha256()
    for name in ("method.yaml", "model.safetensors", "calibration.json"):
        digest.update((run.bundle / name).read_bytes())
    return digest.hexdigest()


def _source_digest(source: str) -> str:
    """Of a file or folder, its content; a stream is never the same twice."""
    path = Path(source)
    return fingerprint(path) if path.exists() else str(time.time_ns())


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


@contextmanager
def _timed() -> Iterator[Callable[[], float]]:
    started = time.perf_counter()
    yield lambda: round(time.perf_counter() - started, 1)
