"""The ROC curve and the score histogram, as SVG.

Letters: N frames of all labelled videos, P points of a curve, K bins.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import auc, roc_curve

from normalcy.report import svg
from normalcy.report.axes import ScoreAxis, ticks
from normalcy.report.data import VideoTimeline
from normalcy.report.words import compact, number

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_MOST_ROC_POINTS = 300
_BINS = 36


@dataclass(frozen=True)
class Plot:
    """Where a drawing with axes lies in its view box, in its own units."""

    width: float = 440.0
    height: float = 360.0
    left: float = 66.0
    right: float = 12.0
    top: float = 12.0
    bottom: float = 48.0

    def x(self, share: float) -> float:
        """Place of a share of the horizontal axis."""
        return self.left + share * (self.width - self.left - self.right)

    def y(self, share: float) -> float:
        """Place of a share of the vertical axis, upwards."""
        return self.height - self.bottom - share * (self.height - self.top - self.bottom)

    def frame(self, *, x_name: str, y_name: str) -> str:
        """Axis names and the base lines."""
        middle_y = self.y(0.5)
        return "".join(
            [
                svg.path(
                    [(self.x(0), self.y(1)), (self.x(0), self.y(0)), (self.x(1), self.y(0))], class_="axis"
                ),
                svg.text(x_name, x=self.x(0.5), y=self.height - 8, class_="name", text_anchor="middle"),
                svg.text(
                    y_name,
                    x=13,
                    y=middle_y,
                    class_="name",
                    text_anchor="middle",
                    transform=f"rotate(-90 13 {middle_y})",
                ),
            ]
        )

    def x_tick(self, share: float, words: str) -> str:
        """A labelled place on the horizontal axis."""
        return svg.text(words, x=self.x(share), y=self.y(0) + 18, class_="tick", text_anchor="middle")

    def y_tick(self, share: float, words: str) -> str:
        """A labelled place on the vertical axis, with a faint line across."""
        rule = svg.path([(self.x(0), self.y(share)), (self.x(1), self.y(share))], class_="rule")
        return rule + svg.text(words, x=self.x(0) - 7, y=self.y(share) + 4, class_="tick", text_anchor="end")


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
        f"{_percent(point.true_positive_rate)} of abnormal and {_percent(point.false_positive_rate)} of normal "
        "frames are above it."
    )
    frame = plot.frame(x_name="normal frames above (false)", y_name="abnormal frames above (found)")
    view = f"0 0 {plot.width:g} {plot.height:g}"
    return svg.picture(frame, *marks, label=label, viewBox=view, class_="plot")


def histogram_svg(videos: Sequence[VideoTimeline], *, threshold: float, axis: ScoreAxis) -> str:
    """Shares of normal and of abnormal frames by score with the threshold; of all frames without labels."""
    groups = _groups(videos)
    edges_K1 = axis.value(np.linspace(0, 1, _BINS + 1))
    shares = {name: _bin_shares(axis, score_N) for name, score_N in groups.items()}
    tallest = max((float(share_K.max()) for share_K in shares.values()), default=1.0) or 1.0
    plot = Plot()
    bars = [_bars(plot, share_K / tallest, class_=name) for name, share_K in shares.items()]
    view = f"0 0 {plot.width:g} {plot.height:g}"
    return svg.picture(
        plot.frame(
            x_name=f"smoothed score{' (log)' if axis.logarithmic else ''}", y_name="share of its frames"
        ),
        *(plot.y_tick(value / tallest, _percent(value)) for value in ticks(0, tallest, at_most=5)),
        *(plot.x_tick(float(axis.share(value)), compact(value)) for value in _score_ticks(axis)),
        *bars,
        _threshold_mark(plot, axis, threshold),
        *_bin_tooltips(plot, edges_K1, shares),
        label=f"Histogram of the smoothed scores of {' and '.join(groups) or 'no'} frames, with the threshold.",
        viewBox=view,
        class_="plot",
    )


def _roc_path(plot: Plot, score_N: FloatArray, label_N: BoolArray, *, class_: str) -> tuple[float, str]:
    false_rate_P, true_rate_P, _ = roc_curve(label_N, score_N)
    kept = np.unique(np.linspace(0, len(false_rate_P) - 1, _MOST_ROC_POINTS).round().astype(int))
    points = [(plot.x(false_rate_P[place]), plot.y(true_rate_P[place])) for place in kept]
    return float(auc(false_rate_P, true_rate_P)), svg.path(points, class_=class_)


def _roc_ticks(plot: Plot) -> str:
    places = (0.0, 0.25, 0.5, 0.75, 1.0)
    return "".join(plot.y_tick(at, _percent(at)) + plot.x_tick(at, _percent(at)) for at in places)


def _chance(plot: Plot) -> str:
    return svg.path([(plot.x(0), plot.y(0)), (plot.x(1), plot.y(1))], class_="chance")


def _mark(plot: Plot, point: OperatingPoint) -> str:
    x, y = plot.x(point.false_positive_rate), plot.y(point.true_positive_rate)
    leftwards = point.false_positive_rate > 0.55
    words = f"finds {_percent(point.true_positive_rate)} at {_percent(point.false_positive_rate)}"
    label_y = min(y + 18, plot.y(0) - 8)
    dx, anchor = (-10, "end") if leftwards else (10, "start")
    dot = svg.element("circle", svg.tooltip(f"the threshold {words}"), cx=x, cy=y, r=6, class_="point")
    return dot + svg.text(words, x=x + dx, y=label_y, class_="callout", text_anchor=anchor)


def _groups(videos: Sequence[VideoTimeline]) -> dict[str, FloatArray]:
    """Scores by the class their bars are drawn with; empty groups are left out."""
    if not any(video.label_T is not None for video in videos):
        scores = {"all": [np.asarray(video.smoothed_T, np.float64) for video in videos]}
    else:
        pairs = [
            (np.asarray(video.smoothed_T, np.float64), np.asarray(video.label_T, bool))
            for video in videos
            if video.label_T is not None
        ]
        scores = {"normal": [s_T[~l_T] for s_T, l_T in pairs], "abnormal": [s_T[l_T] for s_T, l_T in pairs]}
    joined = {name: np.concatenate([np.zeros(0), *parts]) for name, parts in scores.items()}
    return {name: score_N for name, score_N in joined.items() if score_N.size}


def _bin_shares(axis: ScoreAxis, score_N: FloatArray) -> FloatArray:
    bin_N = np.minimum((axis.share(score_N) * _BINS).astype(int), _BINS - 1)
    return np.asarray(np.bincount(bin_N, minlength=_BINS) / len(score_N), np.float64)


def _bars(plot: Plot, height_K: FloatArray, *, class_: str) -> str:
    steps = [
        (plot.x(edge / _BINS), plot.y(float(height)))
        for place, height in enumerate(height_K)
        for edge in (place, place + 1)
    ]
    return svg.area(steps, base=plot.y(0), class_=f"bars {class_}")


def _threshold_mark(plot: Plot, axis: ScoreAxis, threshold: float) -> str:
    if not math.isfinite(threshold):
        return ""
    share = float(axis.share(threshold))
    x = plot.x(share)
    line = svg.path([(x, plot.y(0)), (x, plot.y(1))], class_="threshold")
    dx, anchor = (-6, "end") if share > 0.6 else (6, "start")
    return line + svg.text("threshold", x=x + dx, y=plot.y(1) + 12, class_="callout", text_anchor=anchor)


def _bin_tooltips(plot: Plot, edges_K1: FloatArray, shares: dict[str, FloatArray]) -> list[str]:
    """Invisible columns over the bars that tell their numbers."""
    width = plot.x(1 / _BINS) - plot.x(0)
    columns = []
    for place in range(_BINS):
        told = ", ".join(
            f"{_percent(float(share_K[place]))} of {name} frames" for name, share_K in shares.items()
        )
        words = f"{compact(float(edges_K1[place]))} to {compact(float(edges_K1[place + 1]))}: {told}"
        at = {"x": plot.x(place / _BINS), "y": plot.y(1), "width": width, "height": plot.y(0) - plot.y(1)}
        columns.append(svg.element("rect", svg.tooltip(words), **at, class_="hover"))
    return columns


def _score_ticks(axis: ScoreAxis) -> list[float]:
    if not axis.logarithmic:
        return ticks(axis.low, axis.high, at_most=5)
    return [float(value) for value in axis.value(np.linspace(0, 1, 5))]


def _percent(share: float) -> str:
    """A share as per cent, with a decimal where whole ones would hide it."""
    percent = 100 * share
    return f"{percent:.1f} %" if 0 < percent < 9.95 and percent != round(percent) else f"{percent:.0f} %"
