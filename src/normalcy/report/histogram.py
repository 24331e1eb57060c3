"""How the scores of normal and abnormal frames are spread, as SVG.

Letters: N frames of a kind, K bins.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from normalcy.report import svg
from normalcy.report.axes import ScoreAxis, ticks
from normalcy.report.data import VideoTimeline
from normalcy.report.plot import Plot, percent
from normalcy.report.words import compact

FloatArray = npt.NDArray[np.float64]

_BINS = 36


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
        *(plot.y_tick(value / tallest, percent(value)) for value in ticks(0, tallest, at_most=5)),
        *(plot.x_tick(float(axis.share(value)), compact(value)) for value in _score_ticks(axis)),
        *bars,
        _threshold_mark(plot, axis, threshold),
        *_bin_tooltips(plot, edges_K1, shares),
        label=f"Histogram of the smoothed scores of {' and '.join(groups) or 'no'} frames, with the threshold.",
        viewBox=view,
        class_="plot",
    )


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
            f"{percent(float(share_K[place]))} of {name} frames" for name, share_K in shares.items()
        )
        words = f"{compact(float(edges_K1[place]))} to {compact(float(edges_K1[place + 1]))}: {told}"
        at = {"x": plot.x(place / _BINS), "y": plot.y(1), "width": width, "height": plot.y(0) - plot.y(1)}
        columns.append(svg.element("rect", svg.tooltip(words), **at, class_="hover"))
    return columns


def _score_ticks(axis: ScoreAxis) -> list[float]:
    if not axis.logarithmic:
        return ticks(axis.low, axis.high, at_most=5)
    return [float(value) for value in axis.value(np.linspace(0, 1, 5))]
