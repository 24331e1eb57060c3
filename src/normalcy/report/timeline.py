"""The score of one video over time, as SVG that fills any width without its text growing or shrinking.

Letters: T frames of the video.
"""

import math

import numpy as np
import numpy.typing as npt

from normalcy.explain.spans import true_runs
from normalcy.report import svg
from normalcy.report.axes import ScoreAxis, thin, ticks
from normalcy.report.data import VideoTimeline
from normalcy.report.words import compact

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_WIDTH, _HEIGHT = 1000.0, 100.0  # of the stretched inner drawing, in its own units
_PLOT_PX, _AXIS_PX = 84, 20
_STRIP = 6.0  # height of the alarm strip at the foot


def timeline_svg(video: VideoTimeline, *, threshold: float, axis: ScoreAxis, most_points: int = 800) -> str:
    """Smoothed score, threshold, labelled spans shaded, alarms marked, seconds below."""
    x_T = _WIDTH * _shares(video)
    y_T = _height(axis, video.smoothed_T)
    inner = svg.element(
        "svg",
        _shaded(video, x_T),
        _threshold_line(axis, threshold),
        svg.path(_points(x_T, y_T, most_points), class_="score"),
        _alarmed(video, x_T, y_T, most_points),
        viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
        preserveAspectRatio="none",
        width="100%",
        height=_PLOT_PX,
    )
    base = svg.element("line", x1="0", x2="100%", y1=_PLOT_PX, y2=_PLOT_PX, class_="axis")
    return svg.picture(
        inner,
        base,
        _time_ticks(video),
        label=describe(video, threshold),
        width="100%",
        height=_PLOT_PX + _AXIS_PX,
    )


def describe(video: VideoTimeline, threshold: float) -> str:
    """The timeline in a sentence, for those who cannot see it."""
    alarms = len(true_runs(video.alarmed_T))
    spans = "no labels" if video.label_T is None else f"{len(true_runs(video.label_T))} labelled spans"
    peak = compact(float(np.max(video.smoothed_T))) if len(video.smoothed_T) else "none"
    return (
        f"Score of video {video.name} over {video.duration_seconds:.1f} seconds: {spans}, {alarms} alarms, "
        f"highest score {peak}, threshold {compact(threshold)}."
    )


def _shares(video: VideoTimeline) -> FloatArray:
    pts_seconds_T = np.asarray(video.pts_seconds_T, np.float64)
    if len(pts_seconds_T) < 2:
        return np.zeros(len(pts_seconds_T))
    return np.asarray((pts_seconds_T - pts_seconds_T[0]) / max(video.duration_seconds, 1e-9), np.float64)


def _height(axis: ScoreAxis, score_T: npt.ArrayLike) -> FloatArray:
    room = _HEIGHT - _STRIP - 6
    return 4 + room * (1 - axis.share(score_T))


def _points(x_T: FloatArray, y_T: FloatArray, most_points: int) -> list[tuple[float, float]]:
    if not len(x_T):
        return [(0.0, _HEIGHT), (0.0, _HEIGHT)]
    return [(float(x), float(y)) for x, y in zip(*thin(x_T, y_T, most_points=most_points), strict=True)]


def _edges(x_T: FloatArray, start: int, end: int) -> tuple[float, float]:
    """A run of frames reaches half-way to the frames beside it."""
    left = x_T[start] if start == 0 else (x_T[start - 1] + x_T[start]) / 2
    right = x_T[end] if end == len(x_T) - 1 else (x_T[end] + x_T[end + 1]) / 2
    return float(left), float(max(right, left + 1))


def _band(video: VideoTimeline, x_T: FloatArray, run: tuple[int, int], *, what: str, **place: object) -> str:
    left, right = _edges(x_T, *run)
    first, last = (float(video.pts_seconds_T[at]) for at in run)
    words = svg.tooltip(f"{what}: {first:.1f} s to {last:.1f} s")
    return svg.element("rect", words, x=left, width=right - left, **place)


def _shaded(video: VideoTimeline, x_T: FloatArray) -> str:
    if video.label_T is None:
        return ""
    bands = []
    for start, end in true_runs(video.label_T):
        what = f"true event, {'alarm raised' if video.alarmed_T[start : end + 1].any() else 'no alarm'}"
        bands.append(_band(video, x_T, (start, end), what=what, y=0, height=_HEIGHT, class_="truth"))
    return "".join(bands)


def _alarmed(video: VideoTimeline, x_T: FloatArray, y_T: FloatArray, most_points: int) -> str:
    drawn = []
    for start, end in true_runs(video.alarmed_T):
        part = slice(start, end + 1)
        drawn.append(svg.path(_points(x_T[part], y_T[part], most_points), class_="score alarmed"))
        place = {"y": _HEIGHT - _STRIP, "height": _STRIP, "class_": "alarm"}
        drawn.append(_band(video, x_T, (start, end), what="alarm", **place))
    return "".join(drawn)


def _threshold_line(axis: ScoreAxis, threshold: float) -> str:
    if not math.isfinite(threshold):
        return ""
    y = float(_height(axis, threshold))
    return svg.path([(0.0, y), (_WIDTH, y)], class_="threshold")


def _time_ticks(video: VideoTimeline) -> str:
    if video.duration_seconds <= 0:
        return ""
    first = float(video.pts_seconds_T[0])
    last = first + video.duration_seconds
    return "".join(
        _time_tick(seconds, (seconds - first) / (last - first)) for seconds in ticks(first, last, at_most=6)
    )


def _time_tick(seconds: float, share: float) -> str:
    anchor = "start" if share < 0.02 else "end" if share > 0.96 else "middle"
    return svg.text(
        f"{seconds:g} s", x=f"{100 * share:.2f}%", y=_PLOT_PX + 15, class_="tick", text_anchor=anchor
    )
