"""Everything that a report shows, as plain data.

Letters: T frames of a video, H height, W width, C channels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from normalcy.report.classes import ClassSection

FloatArray = npt.NDArray[np.floating]
BoolArray = npt.NDArray[np.bool_]
UInt8Array = npt.NDArray[np.uint8]

CaseKind = Literal["miss", "false alarm", "detection", "alarm"]
Metrics = Mapping[str, float | None]
History = Mapping[str, Sequence[tuple[int, float]]]


@dataclass(frozen=True, eq=False)
class VideoTimeline:
    """One video frame by frame.

    Attributes:
        name: Name of the video.
        pts_seconds_T: Time of each frame, ascending.
        smoothed_T: Causally smoothed score, the one that the threshold is applied to.
        label_T: True where abnormal; None where the video has no labels.
        alarmed_T: True where the alarm is on.
        auc: Area under this video's ROC; None where it has not both kinds of frames.
        raw_T: Score of the method before smoothing; adds its ROC curve where every labelled video has it.
    """

    name: str
    pts_seconds_T: FloatArray
    smoothed_T: FloatArray
    label_T: BoolArray | None
    alarmed_T: BoolArray
    auc: float | None = None
    raw_T: FloatArray | None = None

    @property
    def duration_seconds(self) -> float:
        """From the first to the last frame."""
        return float(self.pts_seconds_T[-1] - self.pts_seconds_T[0]) if len(self.pts_seconds_T) else 0.0


@dataclass(frozen=True, eq=False)
class Case:
    """One frame worth looking at.

    Attributes:
        kind: A "miss", "false alarm" or "detection" by the labels; "alarm" where there are none.
        video: Name of the video.
        pts_seconds: Time of the frame.
        score: Its smoothed score.
        parts: Each term of the score: why it is what it is.
        image_HWC: uint8, grey or RGB.
        map_HW: Anomaly map of any size.
    """

    kind: CaseKind
    video: str
    pts_seconds: float
    score: float
    parts: Mapping[str, float]
    image_HWC: UInt8Array
    map_HW: FloatArray


@dataclass(frozen=True)
class EventSummary:
    """Events at the chosen threshold; None wherever labels do not say.

    Attributes:
        raised: Alarms raised, true and false.
        found: True events that raised an alarm.
        total: True events.
        false: Alarms without a true event.
        false_alarms_per_hour: Of normal video.
        latency_seconds: Median time from the start of an event to its alarm.
    """

    raised: int
    found: int | None = None
    total: int | None = None
    false: int | None = None
    false_alarms_per_hour: float | None = None
    latency_seconds: float | None = None


@dataclass(frozen=True, eq=False)
class TrainingLog:
    """How a network was trained.

    Attributes:
        summary: What the training came to, as `FitRecord.training` holds it.
        history: Pairs (epoch from 0, value) by logged name, as `read_history` gives them; empty without logs.
        validation_name: What the validation loss is, in words.
    """

    summary: Mapping[str, Any]
    history: History = field(default_factory=dict)
    validation_name: str = "validation error"


@dataclass(frozen=True, eq=False)
class ReportData:
    """What a report shows of one run.

    Attributes:
        title: Heading of the page.
        method: Name of the method.
        dataset: Name of the dataset.
        preset: Named settings of the method.
        seed: Random seed of the run.
        metrics: Value by metric, None where it does not apply. `report.words` explains the known names.
        metric_notes: A mark to show beside a metric, by its name.
        floors: Metrics of what needs no training, by name.
        parts: AUC of each term of the score alone.
        kinds: AUC of each kind of anomaly, by the score and by each term of it; all have the same kinds.
        videos: In the order to show them.
        threshold: On the smoothed score.
        fitted_on_text: What it was fitted on, in words.
        calibration_text: What the threshold was calibrated on, in words.
        events: What the alarms amount to.
        cases: Frames worth looking at.
        map_range: Map values of the first and the last colour; None to take it from the cases.
        config_yaml: The resolved configuration.
        commands: How to make this run again.
        versions: Version by package.
        hardware: What it ran on.
        fit_seconds: How long fitting took.
        frames_per_second: Speed of scoring.
        training: How the network was trained; None where nothing is trained.
        warnings: What the reader must know before believing the numbers.
        classes: How classes were told apart, where they are.
    """

    title: str
    method: str
    dataset: str
    preset: str
    seed: int
    metrics: Metrics
    videos: tuple[VideoTimeline, ...]
    threshold: float
    calibration_text: str
    events: EventSummary
    fitted_on_text: str = ""
    metric_notes: Mapping[str, str] = field(default_factory=dict)
    floors: Mapping[str, Metrics] = field(default_factory=dict)
    parts: Metrics = field(default_factory=dict)
    kinds: Mapping[str, Metrics] = field(default_factory=dict)
    cases: tuple[Case, ...] = ()
    map_range: tuple[float, float] | None = None
    config_yaml: str = ""
    commands: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    hardware: str = ""
    fit_seconds: float | None = None
    frames_per_second: float | None = None
    training: TrainingLog | None = None
    warnings: tuple[str, ...] = ()
    classes: "ClassSection | None" = None

    @property
    def labelled(self) -> bool:
        """True when any video has labels."""
        return any(video.label_T is not None for video in self.videos)
