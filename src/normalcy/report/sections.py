"""The repeated parts of the page, ready for the template: timelines and cases."""

from collections.abc import Sequence
from dataclasses import dataclass

from normalcy.explain.spans import true_runs
from normalcy.report.axes import ScoreAxis
from normalcy.report.data import Case, CaseKind, ReportData, VideoTimeline
from normalcy.report.pictures import case_pictures
from normalcy.report.timeline import timeline_svg
from normalcy.report.words import compact, duration, number

_POINTS_IN_ALL = 24_000  # of all timelines together: keeps the page under a few megabytes

_KINDS: dict[CaseKind, tuple[str, str]] = {
    "miss": ("Worst misses", "Labelled abnormal, and no alarm."),
    "false alarm": ("Worst false alarms", "Alarm, but labelled normal."),
    "detection": ("Clearest detections", "Labelled abnormal, and the alarm was on."),
    "alarm": ("Strongest alarms", "There are no labels to tell right from wrong."),
}


@dataclass(frozen=True)
class Timeline:
    """One video's row."""

    name: str
    facts: str
    svg: str


@dataclass(frozen=True)
class Picture:
    """One picture with what stands for it."""

    uri: str
    alt: str


@dataclass(frozen=True)
class CaseCard:
    """One case's card."""

    video: str
    time: str
    score: str
    against: str
    parts: tuple[tuple[str, str], ...]
    pictures: tuple[Picture, ...]
    width_px: int
    height_px: int


@dataclass(frozen=True)
class CaseGroup:
    """All cases of one kind."""

    title: str
    meaning: str
    css: str
    cases: tuple[CaseCard, ...]


def timelines(data: ReportData, *, axis: ScoreAxis) -> list[Timeline]:
    """A row for each video, in order."""
    most_points = min(max(_POINTS_IN_ALL // max(len(data.videos), 1), 120), 800)
    return [
        Timeline(
            video.name,
            video_facts(video),
            timeline_svg(video, threshold=data.threshold, axis=axis, most_points=most_points),
        )
        for video in data.videos
    ]


def video_facts(video: VideoTimeline) -> str:
    """Length, alarms and AUC of a video in a line."""
    alarms = len(true_runs(video.alarmed_T))
    facts = [duration(video.duration_seconds), f"{alarms} alarm{'' if alarms == 1 else 's'}"]
    if video.auc is not None:
        return "  ·  ".join([*facts, f"AUC {number(video.auc)}"])
    return "  ·  ".join([*facts, _why_no_auc(video)])


def case_groups(
    cases: Sequence[Case], *, threshold: float, map_range: tuple[float, float]
) -> list[CaseGroup]:
    """Cases by kind, kinds in the order misses, false alarms, detections; empty kinds are left out."""
    groups = []
    for kind, (title, meaning) in _KINDS.items():
        cards = tuple(
            _card(case, threshold=threshold, map_range=map_range) for case in cases if case.kind == kind
        )
        if cards:
            groups.append(CaseGroup(title, meaning, kind.replace(" ", "-"), cards))
    return groups


def _why_no_auc(video: VideoTimeline) -> str:
    if video.label_T is None:
        return "no labels"
    if not len(video.label_T) or bool(video.label_T.all()) != bool(video.label_T.any()):
        return "no AUC"
    return "no AUC: all frames are abnormal" if video.label_T.any() else "no AUC: all frames are normal"


def _card(case: Case, *, threshold: float, map_range: tuple[float, float]) -> CaseCard:
    pictures = case_pictures(case, map_range=map_range)
    time = f"{case.pts_seconds:.1f} s"
    place = f"of {case.kind} in video {case.video} at {time}"
    return CaseCard(
        video=case.video,
        time=time,
        score=compact(case.score),
        against=_against(case.score, threshold),
        parts=tuple((name, compact(value)) for name, value in case.parts.items()),
        pictures=(
            Picture(pictures.frame, f"Frame {place}"),
            Picture(pictures.heat_map, f"Heat map {place}"),
            Picture(pictures.overlay, f"Heat map over the frame {place}"),
        ),
        width_px=pictures.width_px,
        height_px=pictures.height_px,
    )


def _against(score: float, threshold: float) -> str:
    """The score in thresholds, where that makes sense."""
    if not 0 < threshold < float("inf") or score < 0:
        return ""
    return f", {score / threshold:.2f} times the threshold"
