"""The ROC curve with the threshold on it, as SVG.

Letters: N frames of all labelled videos, P points of a curve.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import auc, roc_curve

from normalcy.report import svg
from normalcy.report.data import VideoTimeline
from normalcy.report.plot import Plot, percent
from normalcy.report.words import number

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_MOST_ROC_POINTS = 300


@dataclass(frozen=True)
class OperatingPoint:
    """What the threshold does to single frames."""

    false_positive_rate: float
    true_positive_rate: float


def labelled_frames(
    videos: Sequence[VideoTimeline], *, raw: bool = False
) -> tuple[FloatArray, BoolArray] | None:
    """Scores and labels of all labelled frames; None when a score or one of the two kinds is missing."""
    labelled = [video for video in videos if video.label_T is not None]
    scores = [video.raw_T if raw else video.smoothed_T for video in labelled]
    if not labelled or any(score_T is None for score_T in scores):
        return None
    score_N = np.concatenate([np.asarray(score_T, np.float64) for score_T in scores])
    label_N = np.concatenate([np.asarray(video.label_T, bool) for video in labelled])
    return (score_N, label_N) if label_N.any() and not label_N.all() else None


def operating_point(score_N: FloatArray, label_N: BoolArray, *, threshold: float) -> OperatingPoint:
    """Shares of normal and of abnormal frames at or above the threshold."""
    above_N = score_N >= threshold
    return OperatingPoint(float(above_N[~label_N].mean()), float(above_N[label_N].mean()))


def roc_svg(videos: Sequence[VideoTimeline], *, threshold: float) -> str | None:
    """ROC of the smoothed scores, the raw ones faint behind it, the threshold marked; None without both classes."""
    smoothed, raw = labelled_frames(videos), labelled_frames(videos, raw=True)
    if smoothed is None:
        return None
    point = operating_point(*smoothed, threshold=threshold)
    plot = Plot()
    area_under, curve = _roc_path(plot, *smoothed, class_="roc")
    behind = "" if raw is None else _roc_path(plot, *raw, class_="roc-raw")[1]
    marks = [_roc_ticks(plot), _chance(plot), behind, curve, _mark(plot, point)]
    label = (
        f"ROC curve of the smoothed scores, area {number(area_under)}. At the threshold "
        f"{percent(point.true_positive_rate)} of abnormal and {percent(point.false_positive_rate)} of normal "
        "frames are above it."
    )
    frame = plot.frame(x_name="normal frames above (false)", y_name="abnormal frames above (found)")
    view = f"0 0 {plot.width:g} {plot.height:g}"
    return svg.picture(frame, *marks, label=label, viewBox=view, class_="plot")


def _roc_path(plot: Plot, score_N: FloatArray, label_N: BoolArray, *, class_: str) -> tuple[float, str]:
    false_rate_P, true_rate_P, _ = roc_curve(label_N, score_N)
    kept = np.unique(np.linspace(0, len(false_rate_P) - 1, _MOST_ROC_POINTS).round().astype(int))
    points = [(plot.x(false_rate_P[place]), plot.y(true_rate_P[place])) for place in kept]
    return float(auc(false_rate_P, true_rate_P)), svg.path(points, class_=class_)


def _roc_ticks(plot: Plot) -> str:
    places = (0.0, 0.25, 0.5, 0.75, 1.0)
    return "".join(plot.y_tick(at, percent(at)) + plot.x_tick(at, percent(at)) for at in places)


def _chance(plot: Plot) -> str:
    return svg.path([(plot.x(0), plot.y(0)), (plot.x(1), plot.y(1))], class_="chance")


def _mark(plot: Plot, point: OperatingPoint) -> str:
    x, y = plot.x(point.false_positive_rate), plot.y(point.true_positive_rate)
    leftwards = point.false_positive_rate > 0.55
    words = f"finds {percent(point.true_positive_rate)} at {percent(point.false_positive_rate)}"
    label_y = min(y + 18, plot.y(0) - 8)
    dx, anchor = (-10, "end") if leftwards else (10, "start")
    dot = svg.element("circle", svg.tooltip(f"the threshold {words}"), cx=x, cy=y, r=6, class_="point")
    return dot + svg.text(words, x=x + dx, y=label_y, class_="callout", text_anchor=anchor)
