"""Values over the epochs of a training, as a small drawing.

Letters: E epochs of a curve, S of them in an unbroken stretch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from normalcy.report import svg
from normalcy.report.axes import ScoreAxis, log_ticks, thin, tick_words, ticks
from normalcy.report.plot import Plot
from normalcy.report.words import compact

FloatArray = npt.NDArray[np.float64]

_PLOT = Plot(width=340, height=216, left=52, right=14, top=10, bottom=44)
_MOST_POINTS = 200
_MOST_COLUMNS = 40


@dataclass(frozen=True, eq=False)
class Curve:
    """Finite values by epoch.

    Attributes:
        name: What the values are.
        epoch_E: Epochs counted from 1, ascending.
        value_E: Their values.
        css: What distinguishes it where two share a drawing.
        broken: True when values are missing or are no numbers.
    """

    name: str
    epoch_E: FloatArray
    value_E: FloatArray
    css: str = ""
    broken: bool = False

    @classmethod
    def of(cls, name: str, points: Sequence[tuple[int, float]], *, css: str = "") -> "Curve":
        """From pairs (epoch from 0, value), NaN among them."""
        pairs = np.array(sorted(points), np.float64).reshape(-1, 2)
        finite = pairs[np.isfinite(pairs[:, 1])]
        broken = len(finite) < len(pairs) or bool(_gaps(finite[:, 0]).any())
        return cls(name, finite[:, 0] + 1, finite[:, 1], css, broken)

    @property
    def lowest(self) -> tuple[int, float] | None:
        """Epoch of the lowest value, the first of equals, and that value."""
        if not len(self.value_E):
            return None
        place = int(self.value_E.argmin())
        return int(self.epoch_E[place]), float(self.value_E[place])


@dataclass(frozen=True)
class Marks:
    """Epochs, from 1, that a drawing marks: a ring at a value, a line across."""

    ring: tuple[int, float] | None = None
    line: int | None = None


NO_MARKS = Marks()


@dataclass(frozen=True, eq=False)
class _Canvas:
    epochs: tuple[int, int]
    axis: ScoreAxis
    plot: Plot = _PLOT

    def share(self, epoch: float) -> float:
        """Place on the horizontal axis; a single epoch stands in the middle."""
        first, last = self.epochs
        return (epoch - first) / (last - first) if last > first else epoch - first + 0.5

    def x(self, epoch: float) -> float:
        return self.plot.x(self.share(epoch))

    def points(self, epoch_S: FloatArray, value_S: FloatArray) -> list[tuple[float, float]]:
        shares = zip(epoch_S, self.axis.share(value_S), strict=True)
        return [(self.x(float(epoch)), self.plot.y(float(share))) for epoch, share in shares]


def curves_svg(
    curves: Sequence[Curve], *, epochs: tuple[int, int], label: str, marks: Marks = NO_MARKS
) -> tuple[str, ScoreAxis]:
    """Curves on one axis, and that axis: logarithmic where they span more than a factor 30.

    Args:
        curves: At least one; a value without neighbours becomes a dot.
        epochs: The first and the last of the training, from 1.
        label: A sentence that stands for the drawing.
        marks: What to point out.
    """
    axis = ScoreAxis.fitting(np.concatenate([curve.value_E for curve in curves]))
    canvas = _Canvas(epochs, axis)
    drawing = svg.picture(
        canvas.plot.frame(x_name="epoch"),
        *_ticks(canvas),
        _line_mark(canvas, marks.line),
        *(_stretches(canvas, curve) for curve in curves),
        _ring_mark(canvas, marks.ring),
        *_columns(canvas, curves),
        label=label,
        viewBox=f"0 0 {canvas.plot.width:g} {canvas.plot.height:g}",
        class_="plot",
    )
    return drawing, axis


def _gaps(epoch_E: FloatArray) -> npt.NDArray[np.bool_]:
    """True between neighbours that lie further apart than is usual for this curve."""
    step_E = np.diff(epoch_E)
    return np.asarray(step_E > np.median(step_E) if step_E.size else step_E > 0, np.bool_)


def _stretches(canvas: _Canvas, curve: Curve) -> str:
    kept_E, value_E = thin(curve.epoch_E, curve.value_E, most_points=_MOST_POINTS)
    breaks_E = curve.epoch_E[1:][_gaps(curve.epoch_E)]
    places = np.searchsorted(kept_E, breaks_E)
    runs = zip(np.split(kept_E, places), np.split(value_E, places), strict=True)
    return "".join(_stretch(canvas.points(*run), f"curve {curve.css}".strip()) for run in runs)


def _stretch(points: list[tuple[float, float]], class_: str) -> str:
    if len(points) == 1:
        ((x, y),) = points
        return svg.element("circle", cx=x, cy=y, r=2.5, class_=f"{class_} dot")
    return svg.path(points, class_=class_) if points else ""


def _ring_mark(canvas: _Canvas, ring: tuple[int, float] | None) -> str:
    if ring is None:
        return ""
    ((x, y),) = canvas.points(np.array([ring[0]], float), np.array([ring[1]]))
    return svg.element("circle", cx=x, cy=y, r=5, class_="lowest")


def _line_mark(canvas: _Canvas, epoch: int | None) -> str:
    first, last = canvas.epochs
    if epoch is None or not first <= epoch <= last:
        return ""
    x = canvas.x(epoch)
    return svg.path([(x, canvas.plot.y(0)), (x, canvas.plot.y(1))], class_="threshold")


def _ticks(canvas: _Canvas) -> list[str]:
    axis, plot = canvas.axis, canvas.plot
    first, last = map(float, canvas.epochs)
    spaced = log_ticks if axis.logarithmic else ticks
    values = spaced(axis.low, axis.high, at_most=5)
    y_ticks = [
        plot.y_tick(float(axis.share(value)), words)
        for value, words in zip(values, tick_words(values), strict=True)
    ]
    whole = [epoch for epoch in ticks(first, last, at_most=5) if epoch.is_integer()]
    return [*y_ticks, *(plot.x_tick(canvas.share(epoch), f"{epoch:,.0f}") for epoch in whole)]


def _columns(canvas: _Canvas, curves: Sequence[Curve]) -> list[str]:
    """Invisible columns that tell the values, a column an epoch while there are few."""
    first, last = canvas.epochs
    edges = np.unique(np.linspace(first, last + 1, min(last - first + 1, _MOST_COLUMNS) + 1).round())
    return [_column(canvas, curves, int(start), int(end) - 1) for start, end in pairwise(edges)]


def _column(canvas: _Canvas, curves: Sequence[Curve], first: int, last: int) -> str:
    left, right = (
        min(max(canvas.x(at), canvas.plot.x(0)), canvas.plot.x(1)) for at in (first - 0.5, last + 0.5)
    )
    when = f"epoch {first}" if first == last else f"epochs {first} to {last}"
    words = ", ".join(f"{curve.name} {_told(curve, first, last)}" for curve in curves)
    top = canvas.plot.y(1)
    place = {"x": left, "y": top, "width": right - left, "height": canvas.plot.y(0) - top}
    return svg.element("rect", svg.tooltip(f"{when}: {words}"), **place, class_="hover")


def _told(curve: Curve, first: int, last: int) -> str:
    value_S = curve.value_E[(curve.epoch_E >= first) & (curve.epoch_E <= last)]
    if not value_S.size:
        return "has no number"
    low, high = compact(float(value_S.min())), compact(float(value_S.max()))
    return low if low == high else f"{low} to {high}"
