"""The head of a report: the verdict in plain words, the big numbers, the metrics beside the floors."""

import math
from dataclasses import dataclass

from normalcy.report.data import ReportData
from normalcy.report.words import NOTHING, Meaning, compact, duration, meaning_of, number, quantity

HEADLINE_METRIC = "micro_auc"


@dataclass(frozen=True)
class Tile:
    """A big number with what it means."""

    value: str
    name: str
    meaning: str


@dataclass(frozen=True)
class FloorCell:
    """One floor's value of a metric; `beats` when it is better than the method."""

    text: str
    value: float | None
    beats: bool


@dataclass(frozen=True)
class MetricRow:
    """One line of the metrics table."""

    key: str
    meaning: Meaning
    text: str
    value: float | None
    mark: str
    floors: tuple[FloorCell, ...]


def verdict(data: ReportData) -> str:
    """One sentence for somebody who reads nothing else."""
    if not data.labelled:
        return (
            f"{data.method} raised {_count(data.events.raised, 'alarm')} in {duration(_seen_seconds(data))} of "
            "video. None of it is labelled, so nothing here says how many of them were right."
        )
    clauses = [clause for clause in (_events_clause(data), _ranking_clause(data)) if clause]
    return f"At this threshold {data.method} {', and '.join(clauses)}." if clauses else ""


def floor_remark(data: ReportData) -> tuple[str, bool]:
    """How the method stands to the best floor, and whether that is a warning; empty when not known."""
    own = data.metrics.get(HEADLINE_METRIC)
    known = [
        (value, name)
        for name, floor in data.floors.items()
        if name != data.method and (value := floor.get(HEADLINE_METRIC)) is not None and math.isfinite(value)
    ]
    if own is None or not known:
        return "", False
    value, name = max(known)
    if value >= own:
        return f"It does not beat its floor: {name} reaches {number(value)} without any training.", True
    return f"The best floor, {name}, reaches {number(value)} without any training.", False


def tiles(data: ReportData) -> list[Tile]:
    """The big numbers: ranking, false alarms, events and speed; what there is of them without labels."""
    speed = Tile(
        number(data.frames_per_second, digits=0 if (data.frames_per_second or 0) >= 100 else 1),
        "frames per second",
        f"Speed of scoring{f' on {data.hardware}' if data.hardware else ''}.",
    )
    if not data.labelled:
        return [
            Tile(str(data.events.raised), "alarms raised", "Right or wrong: there are no labels to tell."),
            Tile(
                duration(_seen_seconds(data)),
                "of video",
                f"{_count(len(data.videos), 'video')}, none labelled.",
            ),
            Tile(compact(data.threshold), "threshold", "On the smoothed score; above it the alarm goes on."),
            speed,
        ]
    return [
        Tile(number(data.metrics.get(HEADLINE_METRIC)), "micro AUC", meaning_of(HEADLINE_METRIC).text),
        Tile(
            number(data.events.false_alarms_per_hour, digits=1),
            "false alarms per hour",
            "Of normal video, at the chosen threshold.",
        ),
        Tile(_found(data), "events found", _found_meaning(data)),
        speed,
    ]


def metric_rows(data: ReportData) -> list[MetricRow]:
    """The metrics in the order given, each with its meaning, its mark and the floors' values."""
    return [_metric_row(data, key, value) for key, value in data.metrics.items()]


def _metric_row(data: ReportData, key: str, value: float | None) -> MetricRow:
    meaning = meaning_of(key)
    cells = tuple(_floor_cell(meaning, key, value, floor.get(key)) for floor in data.floors.values())
    return MetricRow(
        key, meaning, quantity(key, value), value, data.metric_notes.get(key, meaning.mark), cells
    )


def _floor_cell(meaning: Meaning, key: str, own: float | None, value: float | None) -> FloorCell:
    if own is None or value is None:
        return FloorCell(quantity(key, value), value, beats=False)
    return FloorCell(
        quantity(key, value), value, beats=value > own if meaning.higher_is_better else value < own
    )


def _events_clause(data: ReportData) -> str:
    events = data.events
    if events.total == 0:
        return f"raises {_count(events.raised, 'alarm')} where there is nothing to find"
    if events.total is None or events.found is None:
        return ""
    rate = events.false_alarms_per_hour
    cost = "" if rate is None else f" with {number(rate, digits=1)} false alarms per hour of normal video"
    return f"finds {events.found} of {_count(events.total, 'event')}{cost}"


def _ranking_clause(data: ReportData) -> str:
    auc = data.metrics.get(HEADLINE_METRIC)
    if auc is None or not math.isfinite(auc):
        return ""
    return f"ranks a random abnormal frame above a random normal one {100 * auc:.0f} times in 100"


def _found(data: ReportData) -> str:
    events = data.events
    return NOTHING if events.found is None or events.total is None else f"{events.found} / {events.total}"


def _found_meaning(data: ReportData) -> str:
    if data.events.latency_seconds is None:
        return "True events during which the alarm went on."
    return f"Half of them within {data.events.latency_seconds:.1f} s of their start."


def _seen_seconds(data: ReportData) -> float:
    return sum(video.duration_seconds for video in data.videos)


def _count(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
