"""Writes `report.html`: one self-contained file that a person likes to read."""

import base64
import hashlib
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2

from normalcy.report.axes import ScoreAxis
from normalcy.report.data import ReportData
from normalcy.report.histogram import histogram_svg
from normalcy.report.pictures import ramp_uri, shared_map_range
from normalcy.report.roc import labelled_frames, roc_svg
from normalcy.report.sections import case_groups, timelines
from normalcy.report.training import training_section
from normalcy.report.verdict import floor_remark, metric_rows, tiles, verdict
from normalcy.report.words import compact, duration, number
from normalcy.run_folder import write_text, writing_to


def write_report(path: Path, data: ReportData) -> None:
    """Writes the report, whole or not at all.

    Raises:
        OutputError: The file cannot be written; DiskFull when there is no room.
    """
    html = render_report(data)
    with writing_to(path):
        write_text(path, html)


def render_report(data: ReportData) -> str:
    """The report as HTML; the same data gives the same text."""
    return page_template("template.html.j2").render(data=data, **_head(data), **_body(data), **_assets())


def _head(data: ReportData) -> dict[str, Any]:
    remark, remark_bad = floor_remark(data)
    return {
        "verdict": verdict(data),
        "remark": remark,
        "remark_bad": remark_bad,
        "tiles": tiles(data),
        "rows": metric_rows(data),
        "sections": _sections(data),
        "threshold": compact(data.threshold),
    }


def _body(data: ReportData) -> dict[str, Any]:
    axis = ScoreAxis.spanning([video.smoothed_T for video in data.videos], threshold=data.threshold)
    low, high = data.map_range or shared_map_range(data.cases)
    return {
        "axis": axis,
        "roc": roc_svg(data.videos, threshold=data.threshold),
        "no_roc": _why_no_roc(data),
        "has_raw": labelled_frames(data.videos, raw=True) is not None,
        "histogram": histogram_svg(data.videos, threshold=data.threshold, axis=axis),
        "timelines": timelines(data, axis=axis),
        "case_groups": case_groups(data.cases, threshold=data.threshold, map_range=(low, high)),
        "map_low": compact(low),
        "map_high": compact(high),
        "ramp": ramp_uri(),
        "training": training_section(data.training) if data.training else None,
    }


def _assets() -> dict[str, str]:
    script = page_text("script.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return {"style": page_text("style.css"), "script": script, "script_hash": f"sha256-{digest}"}


def _sections(data: ReportData) -> list[tuple[str, str]]:
    every = [
        ("numbers", "All the numbers", bool(data.metrics)),
        ("threshold", "The threshold", True),
        ("classes", "What it takes videos for", data.classes is not None),
        ("parts", "Parts of the score", bool(data.parts)),
        ("kinds", "Kinds of anomaly", bool(data.kinds)),
        ("videos", "Every video", True),
        ("cases", "Worth a look", bool(data.cases)),
        ("training", "Training", data.training is not None),
        ("setting", "What it was made of", True),
        ("again", "Make it again", bool(data.commands)),
    ]
    return [(anchor, name) for anchor, name, there in every if there]


def _why_no_roc(data: ReportData) -> str:
    if not data.labelled:
        return "These videos have no labels, so nobody can say which alarms were right."
    return "The labelled frames are all of one kind; a ROC curve needs normal and abnormal ones."


def page_template(name: str) -> jinja2.Template:
    """A template whose every value is escaped, and in which nothing may be missing."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": number, "duration": duration, "percent": _css_percent}
    return environment.from_string(page_text(name))


def _css_percent(share: float) -> str:
    return f"{100 * min(max(share, 0.0), 1.0):.1f}%"


def page_text(name: str) -> str:
    """A file of the report's templates."""
    return resources.files("normalcy.report").joinpath(name).read_text(encoding="utf-8")
