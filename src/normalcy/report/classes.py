"""How classes were told apart, ready for the template: confusion, reliability, attention over time.

Letters: K classes, T frames of a sequence, C channels, H height, W width.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from normalcy.evaluation.class_metrics import CLASS_METRIC_NOTES, ReliabilityBin
from normalcy.evaluation.class_run import ClassEvaluation, ClassVerdict
from normalcy.report import svg
from normalcy.report.pictures import jpeg_uri
from normalcy.report.plot import Plot, percent
from normalcy.report.words import number
from normalcy.video.reader import ReadOptions, open_video

_SHOWN_FRAMES = 6
_FRAME_HEIGHT_PX = 110
_DARK_FROM = 0.55  # share of a row from which its cell is dark enough for light letters


@dataclass(frozen=True)
class ConfusionCell:
    """Videos of one class taken for one; `share` of the class's."""

    count: int
    share: float
    right: bool
    dark: bool


@dataclass(frozen=True)
class ClassRow:
    """A class in the table."""

    name: str
    cells: tuple[ConfusionCell, ...]
    precision: str
    recall: str
    f1: str
    auc: str


@dataclass(frozen=True)
class AttentionCase:
    """A video, what it was taken for, and where attention lay.

    Attributes:
        title: The video.
        facts: What it is, and what it was taken for.
        right: Whether that is the same.
        svg: Attention over time.
        frames: Data URIs of a few frames in order.
    """

    title: str
    facts: str
    right: bool
    svg: str
    frames: tuple[str, ...]


@dataclass(frozen=True)
class ClassSection:
    """The section of the report."""

    lede: str
    metrics: tuple[tuple[str, str, str], ...]
    names: tuple[str, ...]
    rows: tuple[ClassRow, ...]
    reliability: str
    cases: tuple[AttentionCase, ...]
    left_out: tuple[str, ...]


def class_section(classes: ClassEvaluation) -> ClassSection:
    """All that the report shows of classes; reads a few frames of the videos it shows."""
    how = f", {', '.join(classes.how)}" if classes.how else ""
    metrics = tuple(
        (name.replace("_", " "), number(value), CLASS_METRIC_NOTES[name])
        for name, value in classes.result.metrics.items()
    )
    return ClassSection(
        lede=f"{len(classes.verdicts)} test videos of fold {classes.fold}, each judged as a whole{how}.",
        metrics=metrics,
        names=classes.classes,
        rows=_rows(classes),
        reliability=reliability_svg(classes.result.reliability),
        cases=tuple(_case(classes, verdict) for verdict in shown_verdicts(classes)),
        left_out=classes.left_out,
    )


def _rows(classes: ClassEvaluation) -> tuple[ClassRow, ...]:
    rows = []
    for place, (name, found) in enumerate(classes.result.per_class.items()):
        counts = classes.result.confusion[place]
        total = max(1, sum(counts))
        cells = tuple(
            ConfusionCell(count, count / total, column == place, count / total > _DARK_FROM)
            for column, count in enumerate(counts)
        )
        figures = (number(found[key]) for key in ("precision", "recall", "f1", "auc"))
        rows.append(ClassRow(name, cells, *figures))
    return tuple(rows)


def reliability_svg(bins: Sequence[ReliabilityBin]) -> str:
    """The share that is right over the confidence; the dotted line is honest."""
    plot = Plot()
    bars = "".join(_bar(plot, each) for each in bins if each.right is not None)
    places = (0.0, 0.25, 0.5, 0.75, 1.0)
    marks = "".join(plot.y_tick(at, percent(at)) + plot.x_tick(at, percent(at)) for at in places)
    honest = svg.path([(plot.x(0), plot.y(0)), (plot.x(1), plot.y(1))], class_="chance")
    told = "; ".join(
        f"at {percent(each.confidence)} confidence {percent(each.right)} of {each.count}"
        for each in bins
        if each.right is not None and each.confidence is not None
    )
    return svg.picture(
        plot.frame(x_name="confidence", y_name="share that is right"),
        marks,
        bars,
        honest,
        label=f"Reliability diagram. Right: {told}.",
        viewBox=f"0 0 {plot.width:g} {plot.height:g}",
        class_="plot",
    )


def _bar(plot: Plot, each: ReliabilityBin) -> str:
    assert each.right is not None
    left, right, top = plot.x(each.low), plot.x(each.high), plot.y(each.right)
    words = (
        f"{percent(each.low)} to {percent(each.high)}: {percent(each.right)} of {each.count} videos are right"
    )
    return svg.element(
        "rect",
        svg.tooltip(words),
        x=left + 2,
        y=top,
        width=right - left - 4,
        height=plot.y(0) - top,
        class_="bars normal",
    )


def shown_verdicts(classes: ClassEvaluation) -> list[ClassVerdict]:
    """The surest right one that is not normal, and the surest wrong one, where there are such."""
    surest = sorted(classes.verdicts, key=lambda each: (-float(each.p_K.max()), each.video.name))
    right = [each for each in surest if each.found == each.target]
    abnormal = [each for each in right if each.target != classes.normal]
    wrong = [each for each in surest if each.found != each.target]
    return [*(abnormal or right)[:1], *wrong[:1]]


def _case(classes: ClassEvaluation, verdict: ClassVerdict) -> AttentionCase:
    is_, found = classes.classes[verdict.target], classes.classes[verdict.found]
    right = verdict.target == verdict.found
    facts = f"is {is_}, taken for {found} with a probability of {percent(float(verdict.p_K.max()))}"
    return AttentionCase(
        title=verdict.video.name,
        facts=facts,
        right=right,
        svg=attention_svg(verdict) if verdict.attention_T is not None else "",
        frames=_frames(verdict),
    )


def attention_svg(verdict: ClassVerdict) -> str:
    """How much each frame is attended to by the others; 1 is its even share."""
    assert verdict.attention_T is not None
    attention_T, frames = verdict.attention_T, len(verdict.attention_T)
    highest = max(2.0, float(attention_T.max()))
    plot = Plot(height=200)
    points = [
        (plot.x(t / max(1, frames - 1)), plot.y(float(value) / highest))
        for t, value in enumerate(attention_T)
    ]
    even = svg.path([(plot.x(0), plot.y(1 / highest)), (plot.x(1), plot.y(1 / highest))], class_="chance")
    ends = (int(verdict.index_T[0]), int(verdict.index_T[-1]))
    most = int(verdict.index_T[int(attention_T.argmax())])
    return svg.picture(
        plot.frame(x_name="frame", y_name="attention"),
        plot.y_tick(0, "0"),
        plot.y_tick(1 / highest, "even"),
        plot.y_tick(1, f"{highest:.1f}"),
        plot.x_tick(0, str(ends[0])),
        plot.x_tick(1, str(ends[1])),
        even,
        svg.path(points, class_="score"),
        label=f"Attention over frames {ends[0]} to {ends[1]}, highest at frame {most}, {highest:.1f} times its share.",
        viewBox=f"0 0 {plot.width:g} {plot.height:g}",
        class_="plot",
    )


def _frames(verdict: ClassVerdict) -> tuple[str, ...]:
    """A few frames of the sequence, evenly spread."""
    wanted = np.linspace(0, len(verdict.index_T) - 1, min(_SHOWN_FRAMES, len(verdict.index_T))).round()
    places = {int(verdict.index_T[int(place)]) for place in wanted}
    found = []
    with open_video(verdict.video.path, ReadOptions(fps=verdict.video.fps)) as reader:
        for frame in reader:
            if frame.index in places:
                height, width = frame.image_HWC.shape[:2]
                size = (max(1, round(width * _FRAME_HEIGHT_PX / height)), _FRAME_HEIGHT_PX)
                image_HWC = cv2.resize(frame.image_HWC, size, interpolation=cv2.INTER_AREA)
                found.append(jpeg_uri(np.asarray(image_HWC, np.uint8)))
            if frame.index >= max(places):
                break
    return tuple(found)
