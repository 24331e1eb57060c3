"""A run judged and written down: metrics, scores, events, the report and annotated videos, in its run folder."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from normalcy.config import build_config, to_yaml
from normalcy.datasets import open_dataset
from normalcy.datasets.base import Dataset
from normalcy.datasets.classes import KnowsClasses
from normalcy.environment import hardware, versions
from normalcy.errors import ConfigError, OutputError
from normalcy.evaluation.class_run import (
    ClassEvaluation,
    at_its_fold,
    judge_classes,
    require_unseen,
    tells_classes,
)
from normalcy.evaluation.floors import NOISE_METHOD, noise_draw
from normalcy.evaluation.labelled import labels_of
from normalcy.evaluation.results import RunResult, read_result, write_result
from normalcy.evaluation.run import Evaluation, evaluate
from normalcy.methods import method_definition
from normalcy.progress import Progress
from normalcy.report.from_evaluation import report_data
from normalcy.report.page import write_report
from normalcy.run_folder import RunFolder, write_json, writing_to
from normalcy.scoring.backends.choice import TORCH, open_backend
from normalcy.scoring.bundle import Bundle, BundleHeader
from normalcy.scoring.kept_looks import KeepingModel, KeptLooks
from normalcy.scoring.model import ScoringModel
from normalcy.scoring.record import write_scores
from normalcy.scoring.track import describe_threshold
from normalcy.training.config import FEATURES
from normalcy.training.history import read_history
from normalcy.video.reader import ReadOptions
from normalcy.workflows.score import score_video


@dataclass(frozen=True, eq=False)
class JudgedRun:
    """What judging wrote.

    Attributes:
        evaluation: All that was measured.
        record: The same as `metrics.json` holds it.
        files: What was written, by name.
        classes: How well classes were told apart, where the bundle tells them and the dataset has them.
    """

    evaluation: Evaluation
    record: dict[str, Any]
    files: dict[str, Path]
    classes: ClassEvaluation | None = None


@dataclass(frozen=True)
class ClassOptions:
    """How classes are judged; see `judge_classes`.

    Attributes:
        others: Bundles whose probabilities are averaged with the first one's.
        views: Of each video, whose probabilities are averaged.
        temperature: Whether the bundles' temperatures are used.
        features: Folder of the feature store.
    """

    others: Sequence[Path] = ()
    views: int = 1
    temperature: bool = True
    features: Path = FEATURES


def judge_run(
    bundle_path: Path,
    data: str,
    root: Path,
    *,
    command: str,
    folder: Path | None = None,
    report: bool = True,
    videos: bool = False,
    publish: Path | None = None,
    class_options: ClassOptions | None = None,
    backend: str = TORCH,
    threads: int | None = None,
    progress: Progress | None = None,
) -> JudgedRun:
    """Evaluates a bundle and writes everything about it.

    Args:
        bundle_path: Bundle, or the run folder that holds it.
        data: Name of the dataset.
        root: Its folder.
        command: How this was asked for, for the record.
        folder: Run folder to write to; by default the one that holds the bundle.
        report: Write `report.html`.
        videos: Write an annotated video of each test video.
        publish: Results folder to enter this seed's numbers into.
        class_options: How classes are judged, where the bundle tells them apart.
        backend: What scores frames; figures are published of torch alone.
        threads: As `scoring.backends.choice.open_backend` takes them.
        progress: Called with what is being done, how much is done and how much there is.
    """
    opened = open_backend(Bundle.load(bundle_path), backend, threads=threads)
    bundle = opened.bundle
    if publish and opened.name != TORCH:
        hint = "Leave --backend out, or --publish"
        raise OutputError(f"figures are published of torch, not of {opened.name}", where=publish, hint=hint)
    dataset = at_its_fold(bundle, open_dataset(data, root))
    # Pictures and videos look at what was judged once more.
    model = KeepingModel(opened.model, KeptLooks()) if report or videos else opened.model
    run = RunFolder(folder or run_of(bundle_path))
    with run.claimed():
        classes = _judge_classes(bundle, dataset, class_options or ClassOptions(), progress)
        evaluation = evaluate(bundle, dataset, model=model, progress=progress)
        record = metrics_record(bundle, data, evaluation, command) | {"backend": opened.name}
        if classes:
            record["classes"] = classes.record()
        files = _write_tables(run, evaluation, record)
        if report:
            history = read_history(RunFolder(run_of(bundle_path)))
            shown = report_data(
                bundle,
                dataset,
                evaluation,
                record,
                model=model,
                classes=classes,
                history=history,
                progress=progress,
            )
            write_report(run.report, shown)
            files["report"] = run.report
        if videos:
            files |= _write_videos(bundle, model, dataset, evaluation, run, progress)
    if publish and evaluation.metrics:
        _require_publishable(bundle, dataset, evaluation)
        files["results"] = publish / data / f"{bundle.header.method}.json"
        write_result(files["results"], published(record))
        publish_noise(publish / data / f"{NOISE_METHOD}.json", evaluation, published(record), bundle)
    return JudgedRun(evaluation, record, files, classes)


def _judge_classes(
    bundle: Bundle, dataset: Dataset, options: ClassOptions, progress: Progress | None
) -> ClassEvaluation | None:
    if not (tells_classes(bundle) and isinstance(dataset, KnowsClasses)):
        require_unseen(bundle, dataset)
        if options.others or options.views > 1 or not options.temperature:
            lacking = dataset.info.name if tells_classes(bundle) else bundle.header.method
            raise ConfigError(f"{lacking} knows no classes", where="--with, --views or --no-temperature")
        return None
    return judge_classes(
        [bundle, *(Bundle.load(path) for path in options.others)],
        dataset,
        views=options.views,
        temperature=options.temperature,
        features=options.features,
        progress=progress,
    )


def run_of(bundle_path: Path) -> Path:
    """The run folder of a bundle: the one that holds it; nothing is ever written into the bundle itself."""
    return bundle_path if (bundle_path / "bundle").is_dir() else bundle_path.resolve().parent


def metrics_record(bundle: Bundle, data: str, evaluation: Evaluation, command: str) -> dict[str, Any]:
    """What `metrics.json` holds."""
    header = bundle.header
    return {
        "method": header.method,
        "dataset": data,
        "preset": header.fit.preset,
        "seed": header.fit.seed,
        "metrics": evaluation.metrics,
        "floors": evaluation.floors,
        "parts": evaluation.parts,
        "kinds": evaluation.kinds,
        "pixel_criterion_auc": evaluation.pixel_criterion_auc,
        "events": asdict(evaluation.events) if evaluation.events else None,
        "recall_at_false_alarms": evaluation.recall_at,
        "calibration": describe_threshold(header.scoring, bundle.calibration),
        "fit_seconds": header.fit.fit_seconds,
        "frames_per_second": round(evaluation.frames_per_second, 2),
        "left_out": list(evaluation.left_out),
        "command": " && ".join(filter(None, (header.fit.command, command))),
        "settings_sha256": settings_sha256(header),
        "versions": versions(),
        "hardware": hardware(),
        "settings": to_yaml(header),
    }


def settings_sha256(header: BundleHeader) -> str:
    """What tells apart runs that differ in more than their seed.

    Only what departs from the defaults counts, so that a setting which is new keeps earlier runs comparable.
    """
    definition = method_definition(header.method)
    model = build_config(definition.config, header.model, where="method.yaml")
    parts = [
        header.method,
        *(each.model_dump(mode="json", exclude_defaults=True) for each in (model, header.scoring)),
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def published(record: dict[str, Any]) -> RunResult:
    """What of a record enters the results of all seeds."""
    return RunResult.model_validate({name: record[name] for name in RunResult.model_fields})


def publish_noise(
    path: Path, evaluation: Evaluation, like: RunResult, bundle: Bundle, draws: int = 20
) -> None:
    """Enters the noise floor of the same videos, a draw a seed."""
    labels = {video.name: labels_of(video) for video in evaluation.videos if video.label_T is not None}
    shared: dict[str, Any] = {
        "method": NOISE_METHOD,
        "preset": "gaussian",
        "fit_seconds": None,
        "frames_per_second": None,
        "settings_sha256": "",
        "parts": {},
        "kinds": {},
    }
    alpha = bundle.header.scoring.smoothing_alpha
    known = {run.seed: run.metrics for run in read_result(path).runs} if path.exists() else {}
    for seed in range(draws):
        metrics = noise_draw(labels, seed=seed, smoothing_alpha=alpha)
        # Noise is the same whoever is judged: the record of its first making stays.
        if known.get(seed) != metrics:
            write_result(path, like.model_copy(update={**shared, "seed": seed, "metrics": metrics}))


def _require_publishable(bundle: Bundle, dataset: Dataset, evaluation: Evaluation) -> None:
    """Figures are published for a whole benchmark alone, by a method that was fitted on its training videos."""
    if evaluation.left_out:
        raise OutputError(
            f"{len(evaluation.left_out)} test videos could not be scored, so the figures are not published",
            where=evaluation.left_out[0],
            hint="Mend the dataset first; `normalcy data check` says what is wrong",
        )
    if bundle.header.fit.data != dataset.info.name:
        raise OutputError(
            f"the bundle was fitted on {bundle.header.fit.data}, so its figures on {dataset.info.name} "
            "are not published"
        )
    if bundle.header.fit.amendments:
        raise OutputError(
            "the bundle was amended after it was fitted, so its figures are not published",
            hint="Fit it again",
        )
    if bundle.header.fit.fold is not None:
        raise OutputError(
            "one fold is a part of a benchmark, so its figures are not published",
            hint="benchmarks/class_parts.py judges all folds",
        )
    if not dataset.check().complete:
        raise OutputError(
            "the dataset is not complete, so the figures are not published",
            where=dataset.root,
            hint=f"`normalcy data check {dataset.info.name}` says what is missing or wrong",
        )


def _write_tables(run: RunFolder, evaluation: Evaluation, record: dict[str, Any]) -> dict[str, Path]:
    write_json(run.metrics, record)
    scores = write_scores(run.scores, evaluation.videos)
    write_json(run.events, [asdict(event) for video in evaluation.videos for event in video.events])
    return {"metrics": run.metrics, "scores": scores, "events": run.events}


def _write_videos(
    bundle: Bundle,
    model: ScoringModel,
    dataset: Dataset,
    evaluation: Evaluation,
    run: RunFolder,
    progress: Progress | None,
) -> dict[str, Path]:
    judged = {video.name for video in evaluation.videos}
    chosen = [video for video in dataset.videos("test") if video.name in judged]
    for number, video in enumerate(chosen):
        if progress:
            progress(f"annotating {video.name}", number, len(chosen))
        with writing_to(run.videos):
            score_video(
                bundle,
                model,
                video.path,
                options=ReadOptions(fps=video.fps),
                annotated=run.videos / f"{video.name}.mp4",
                name=video.name,
                label_T=dataset.frame_labels(video),
            )
    if progress:
        progress("annotating", len(chosen), len(chosen))
    return {"videos": run.videos}
