"""Chooses the frames that a person should look at first: the worst misses and false alarms, the clearest finds.

Letters: T frames of a video.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from normalcy.explain.spans import true_runs
from normalcy.report.data import CaseKind, VideoTimeline

FloatArray = npt.NDArray[np.floating]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class CasePick:
    """A chosen frame.

    Attributes:
        kind: Why it was chosen.
        video: Name of the video.
        place: Place of the frame in the video's arrays.
        pts_seconds: Its time.
        score: Its smoothed score.
    """

    kind: CaseKind
    video: str
    place: int
    pts_seconds: float
    score: float


def choose_cases(
    videos: Sequence[VideoTimeline],
    *,
    per_kind: int = 4,
    apart_seconds: float = 2.0,
    edge_seconds: float = 0.5,
) -> list[CasePick]:
    """Picks up to `per_kind` frames of each kind, spread over videos and apart in time.

    A miss is a labelled frame without alarm, worst where the score is lowest, and spans that never raised an alarm
    come first; a false alarm is an alarmed frame outside every label, worst where the score is highest; a detection
    is an alarmed, labelled frame. Videos without labels give the kind "alarm" instead. Every video's first choice
    comes before any video's second.

    Args:
        videos: What to choose from.
        per_kind: How many of each kind at most.
        apart_seconds: Least distance between two choices of one kind in one video.
        edge_seconds: Frames this near to the start or end of a labelled span are passed over, as labels are vague
            there; the middle of a short span stays.
    """
    rules = _Rules(apart_seconds, edge_seconds, silent_bonus=2 * _largest_score(videos) + 1)
    kinds: tuple[CaseKind, ...] = ("miss", "false alarm", "detection", "alarm")
    return [
        pick
        for kind in kinds
        for pick in _best(
            [list(islice(_peaks(video, kind, rules), per_kind)) for video in videos], count=per_kind
        )
    ]


@dataclass(frozen=True)
class _Rules:
    apart_seconds: float
    edge_seconds: float
    silent_bonus: float  # lifts spans without any alarm above every other miss


def _largest_score(videos: Sequence[VideoTimeline]) -> float:
    return max(
        (float(np.abs(video.smoothed_T).max()) for video in videos if len(video.smoothed_T)), default=0.0
    )


def _best(peaks_by_video: list[list[tuple[float, CasePick]]], *, count: int) -> list[CasePick]:
    ranked = [
        (rank, -badness, place, pick)
        for place, peaks in enumerate(peaks_by_video)
        for rank, (badness, pick) in enumerate(peaks)
    ]
    ranked.sort(key=lambda entry: entry[:3])
    return [pick for *_, pick in ranked[:count]]


def _peaks(video: VideoTimeline, kind: CaseKind, rules: _Rules) -> Iterator[tuple[float, CasePick]]:
    """The video's frames of a kind by falling badness, each apart from the ones before it."""
    badness_T = _badness(video, kind, rules)
    pts_seconds_T = np.asarray(video.pts_seconds_T)
    while badness_T.size and np.isfinite(badness_T.max()):
        place = int(badness_T.argmax())
        pts_seconds = float(pts_seconds_T[place])
        pick = CasePick(kind, video.name, place, pts_seconds, float(video.smoothed_T[place]))
        yield float(badness_T[place]), pick
        badness_T[np.abs(pts_seconds_T - pts_seconds) < max(rules.apart_seconds, 1e-9)] = -np.inf


def _badness(video: VideoTimeline, kind: CaseKind, rules: _Rules) -> FloatArray:
    """How much a frame is of this kind, -inf where it is not at all."""
    score_T = np.asarray(video.smoothed_T, np.float64)
    alarmed_T = np.asarray(video.alarmed_T, bool)
    if video.label_T is None:
        fits_T = alarmed_T if kind == "alarm" else np.zeros_like(alarmed_T)
        return np.where(fits_T, score_T, -np.inf)
    label_T = np.asarray(video.label_T, bool)
    clear_T = _away_from_edges(label_T, np.asarray(video.pts_seconds_T), rules.edge_seconds)
    if kind == "miss":
        badness_T = _never_alarmed(label_T, alarmed_T) * rules.silent_bonus - score_T
        return np.where(clear_T & label_T & ~alarmed_T, badness_T, -np.inf)
    wanted_T = {"false alarm": ~label_T, "detection": label_T}.get(kind, np.zeros_like(label_T))
    return np.where(clear_T & wanted_T & alarmed_T, score_T, -np.inf)


def _never_alarmed(label_T: BoolArray, alarmed_T: BoolArray) -> BoolArray:
    """True on the labelled spans in which no frame is alarmed."""
    silent_T = np.zeros_like(label_T)
    for start, end in true_runs(label_T):
        silent_T[start : end + 1] = not alarmed_T[start : end + 1].any()
    return silent_T


def _away_from_edges(label_T: BoolArray, pts_seconds_T: FloatArray, edge_seconds: float) -> BoolArray:
    """False within `edge_seconds` of a change of the label, but for the middle frame of a run that short."""
    clear_T = np.ones_like(label_T)
    changes = np.flatnonzero(label_T[1:] != label_T[:-1])
    for change in changes:
        border_seconds = (pts_seconds_T[change] + pts_seconds_T[change + 1]) / 2
        clear_T &= np.abs(pts_seconds_T - border_seconds) >= edge_seconds
    for start, end in true_runs(label_T):
        if not clear_T[start : end + 1].any():
            clear_T[(start + end) // 2] = True
    return clear_T
