"""From what was measured to what a report shows."""

from types import MappingProxyType
from typing import Any

from normalcy.datasets.base import Dataset
from normalcy.evaluation.class_run import ClassEvaluation
from normalcy.evaluation.frame_metrics import VideoScores, micro_auc
from normalcy.evaluation.run import Evaluation
from normalcy.methods import method_definition
from normalcy.progress import Progress
from normalcy.report.case_pictures import picture_case
from normalcy.report.cases import choose_cases
from normalcy.report.classes import class_section
from normalcy.report.data import Case, EventSummary, History, ReportData, TrainingLog, VideoTimeline
from normalcy.scoring.bundle import Bundle, BundleHeader
from normalcy.scoring.model import ScoringModel
from normalcy.scoring.record import ScoredVideo
from normalcy.scoring.track import alarm_rule
from normalcy.training.card import full_title


def report_data(
    bundle: Bundle,
    dataset: Dataset,
    evaluation: Evaluation,
    record: dict[str, Any],
    *,
    model: ScoringModel | None = None,
    classes: ClassEvaluation | None = None,
    history: History = MappingProxyType({}),
    progress: Progress | None = None,
) -> ReportData:
    """Everything the report of an evaluation shows.

    Args:
        bundle: What was judged.
        dataset: On which videos.
        evaluation: What was measured.
        record: The same as `metrics.json` holds it.
        model: What judged; the bundle's own by default.
        classes: How classes were told apart, where they are.
        history: What the training logged, see `read_history`.
        progress: Called while pictures are made.
    """
    header, fit = bundle.header, bundle.header.fit
    timelines = tuple(_timeline(video) for video in evaluation.videos)
    return ReportData(
        title=f"{full_title(header)} on {dataset.info.title}",
        method=header.method,
        dataset=dataset.info.name,
        preset=fit.preset,
        seed=fit.seed,
        metrics=evaluation.metrics,
        videos=timelines,
        threshold=alarm_rule(header.scoring, bundle.calibration).enter_threshold,
        calibration_text=record["calibration"],
        fitted_on_text=_fitted_on(header),
        events=_events(evaluation),
        floors=evaluation.floors,
        parts=evaluation.parts,
        kinds=evaluation.kinds,
        cases=_cases(bundle, model or bundle.scoring_model(), dataset, evaluation, timelines, progress),
        map_range=header.map_scale,
        config_yaml=record["settings"],
        commands=tuple(record["command"].split(" && ")),
        versions=record["versions"],
        hardware=record["hardware"],
        fit_seconds=fit.fit_seconds,
        frames_per_second=evaluation.frames_per_second,
        training=_training(header, history),
        warnings=_warnings(bundle, evaluation),
        classes=class_section(classes) if classes else None,
    )


def _fitted_on(header: BundleHeader) -> str:
    fit = header.fit
    what = "labelled" if method_definition(header.method).training == "classify" else "normal"
    fold = f", all folds but {fit.fold}" if fit.fold is not None else ""
    return f"{fit.fitted_frames:,} frames of {what} video of {fit.data}{fold}"


def _training(header: BundleHeader, history: History) -> TrainingLog | None:
    if header.fit.training is None:
        return None
    return TrainingLog(header.fit.training, history, method_definition(header.method).validation_name)


def _timeline(video: ScoredVideo) -> VideoTimeline:
    auc = None
    if video.label_T is not None:
        auc = micro_auc([VideoScores(video.name, video.raw_T, video.label_T)])
    return VideoTimeline(
        name=video.name,
        pts_seconds_T=video.pts_seconds_T,
        smoothed_T=video.smoothed_T,
        label_T=video.label_T,
        alarmed_T=video.alarmed_T,
        auc=auc,
        raw_T=video.raw_T,
    )


def _events(evaluation: Evaluation) -> EventSummary:
    summary = evaluation.events
    if summary is None:
        return EventSummary(raised=sum(len(video.events) for video in evaluation.videos))
    return EventSummary(
        raised=summary.alarms,
        found=summary.detected,
        total=summary.true_events,
        false=summary.false_alarms,
        false_alarms_per_hour=summary.false_alarms_per_hour,
        latency_seconds=summary.median_latency_seconds,
    )


def _cases(
    bundle: Bundle,
    model: ScoringModel,
    dataset: Dataset,
    evaluation: Evaluation,
    timelines: tuple[VideoTimeline, ...],
    progress: Progress | None,
) -> tuple[Case, ...]:
    sources = {video.name: video for video in dataset.videos("test")}
    scored = {video.name: video for video in evaluation.videos}
    picks, cases = choose_cases(timelines), []
    for number, pick in enumerate(picks):
        if progress:
            progress("picturing the worst cases", number + 1, len(picks))
        found, hop_frames = scored[pick.video], bundle.header.scoring.hop_frames
        cases.append(picture_case(model, sources[pick.video], found, pick, hop_frames=hop_frames))
    return tuple(cases)


def _warnings(bundle: Bundle, evaluation: Evaluation) -> tuple[str, ...]:
    """What the reader must know before believing the numbers."""
    warnings = [f"Left out: {reason}" for reason in evaluation.left_out]
    rate = bundle.header.scoring.false_alarms_per_day
    factor = bundle.calibration.extrapolation(rate)
    if factor > 1 and bundle.header.scoring.threshold is None:
        warnings.append(
            f"The threshold asks for {rate:g} false alarms a day, {factor:,.0f} times rarer than one in the normal "
            "video it was calibrated on. Fit on more ordinary footage before trusting it."
        )
    training = bundle.header.fit.training or {}
    warnings.extend(f"Training: {warning}" for warning in training.get("warnings", ()))
    return tuple(warnings)
