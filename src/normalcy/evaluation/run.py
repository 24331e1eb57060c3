"""Judging a bundle on a dataset: its metrics, with the floors that every method must beat beside them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from normalcy.datasets.base import Dataset
from normalcy.evaluation.event_metrics import EventSummary, VideoEvents, summarise_events
from normalcy.evaluation.event_sweep import recall_at_false_alarms
from normalcy.evaluation.floors import NOISE_METHOD, noise_floor
from normalcy.evaluation.flow_floor import FLOW_METHOD, flow_floor
from normalcy.evaluation.frame_metrics import VideoScores, micro_auc
from normalcy.evaluation.kind_metrics import KindAucs, kind_aucs_by_part
from normalcy.evaluation.labelled import labels_of
from normalcy.evaluation.protocols import evaluate_frames
from normalcy.evaluation.scored_dataset import ScoredDataset, kinds_of_frames, score_dataset
from normalcy.methods import method_definition
from normalcy.progress import Progress
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.model import ScoringModel
from normalcy.scoring.record import Float64Array, ScoredVideo

Metrics = dict[str, float | None]

CLIP_ERROR = "reconstruction"
"""The part of the score that papers' protocols also read: mean squared error of the clip that ends at a frame."""


FALSE_ALARMS_PER_HOUR = (1, 10, 60)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What judging came to; without labels, only the videos.

    Attributes:
        videos: Every test video, frame by frame.
        metrics: By name, see `protocols.METRIC_NOTES`; empty without labels.
        floors: The same metrics of what needs no training, by name.
        parts: Micro AUC of each term of the score alone.
        pixel_criterion_auc: See `PixelCriterion`; None without masks.
        events: Alarms against labelled events at the calibrated threshold; None without labels.
        recall_at: Share of the events found when so many false alarms an hour are put up with; the thresholds are
            chosen on the test labels, so it compares methods and promises nothing.
        frames_per_second: Decoding and scoring together.
        left_out: What was wrong with each test video that could not be scored; the figures are without it.
        kinds: Micro AUC of each kind of anomaly, by the score and by each part of it; empty where no kind is known.
    """

    videos: tuple[ScoredVideo, ...]
    metrics: Metrics
    floors: dict[str, Metrics]
    parts: Metrics
    pixel_criterion_auc: float | None
    events: EventSummary | None
    recall_at: dict[str, float | None]
    frames_per_second: float
    left_out: tuple[str, ...] = ()
    kinds: KindAucs = field(default_factory=dict)


def evaluate(
    bundle: Bundle,
    dataset: Dataset,
    *,
    model: ScoringModel | None = None,
    floors: bool = True,
    progress: Progress | None = None,
) -> Evaluation:
    """Scores every test video as a camera would, and judges the scores.

    Args:
        bundle: What to judge.
        dataset: On which test videos.
        model: Another backend for the bundle; its own by default.
        floors: Judge what needs no training as well.
        progress: Called with what is being done, how much is done and how much there is.

    Raises:
        DatasetIncomplete: There are no test videos.
        LabelError: Labels do not fit their video.
        InputError: No test video could be scored.
    """
    scored = score_dataset(
        model or bundle.scoring_model(),
        dataset,
        settings=bundle.header.scoring,
        calibration=bundle.calibration,
        progress=progress,
    )
    labelled = scored.labelled
    protocol = paper_protocol_of(bundle.header.method, bundle.header.fit.preset)
    return Evaluation(
        videos=scored.videos,
        metrics=dataset_metrics(scored, protocol) if labelled else {},
        floors=_floors(bundle, dataset, scored, protocol, progress) if labelled and floors else {},
        parts={name: part_auc(labelled, name) for name in labelled[0].parts} if labelled else {},
        pixel_criterion_auc=scored.pixels.criterion_auc(),
        events=_events(bundle, labelled) if labelled else None,
        recall_at=_recall_at(bundle, labelled) if labelled else {},
        frames_per_second=scored.frames_per_second,
        left_out=scored.left_out,
        kinds=kind_aucs_by_part(labelled, kinds_of_frames(dataset, labelled)),
    )


def part_auc(videos: Sequence[ScoredVideo], name: str) -> float | None:
    """Micro AUC of one term of the score."""
    return micro_auc([VideoScores(video.name, video.parts[name], labels_of(video)) for video in videos])


class PaperProtocol(NamedTuple):
    """How a method's paper judges: by a name in `PAPER_PROTOCOLS`, on a part of the method's score."""

    name: str
    error_part: str


def dataset_metrics(scored: ScoredDataset, paper: PaperProtocol | None) -> Metrics:
    """All metrics of scored test videos; the paper's protocol reads raw scores where there is no such part."""
    labelled = scored.labelled
    metrics = evaluate_frames(
        labelled,
        paper_protocol=paper.name if paper else None,
        paper_error_T_by_video=_parts(labelled, paper.error_part) if paper else None,
        paper_clip_error_T_by_video=_parts(labelled, CLIP_ERROR),
    )
    regions = scored.pixels.region_aucs()
    return metrics | {
        "pixel_auc": scored.pixels.auc(),
        "rbdc": regions.rbdc if regions else None,
        "tbdc": regions.tbdc if regions else None,
    }


def _parts(videos: Sequence[ScoredVideo], name: str) -> list[Float64Array] | None:
    """A part of the score by video; None where the method has no such part."""
    return [video.parts[name] for video in videos] if name in videos[0].parts else None


def paper_protocol_of(method: str, preset: str) -> PaperProtocol | None:
    """The protocol of the method's paper; None without one, or for a preset that is not the paper's method."""
    definition = method_definition(method)
    known = definition.presets.get(preset)
    if definition.paper_protocol is None or (known and known.variant):
        return None
    return PaperProtocol(definition.paper_protocol, definition.paper_error)


def _floors(
    bundle: Bundle,
    dataset: Dataset,
    scored: ScoredDataset,
    paper: PaperProtocol | None,
    progress: Progress | None,
) -> dict[str, Metrics]:
    labels = {video.name: labels_of(video) for video in scored.labelled}
    settings = bundle.header.scoring
    name = paper.name if paper else None
    noise = noise_floor(labels, smoothing_alpha=settings.smoothing_alpha, paper_protocol=name)
    if bundle.header.method == FLOW_METHOD:
        return {NOISE_METHOD: noise}
    # On the very videos that were scored: a floor on others would be no floor.
    videos = [video for video in dataset.videos("test") if video.name in labels]
    floor = flow_floor(dataset, videos=videos, settings=settings, progress=progress)
    flow = dataset_metrics(floor, paper)
    return {NOISE_METHOD: noise, FLOW_METHOD: flow}


def _recall_at(bundle: Bundle, labelled: Sequence[ScoredVideo]) -> dict[str, float | None]:
    settings = bundle.header.scoring
    points = {
        f"{rate}_per_hour": recall_at_false_alarms(
            labelled,
            false_alarms_per_hour=rate,
            min_seconds=settings.min_event_seconds,
            merge_gap_seconds=settings.merge_gap_seconds,
        )
        for rate in FALSE_ALARMS_PER_HOUR
    }
    return {name: point.summary.recall for name, point in points.items()}


def _events(bundle: Bundle, labelled: Sequence[ScoredVideo]) -> EventSummary:
    videos = [
        VideoEvents(video.name, labels_of(video), video.pts_seconds_T, video.events) for video in labelled
    ]
    return summarise_events(videos, alarm_delay_seconds=bundle.header.scoring.min_event_seconds)
