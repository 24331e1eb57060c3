"""A study written down: JSON, a table in Markdown, and a picture."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from normalcy.evaluation.results import Spread
from normalcy.evaluation.tables import cell, markdown_table
from normalcy.report import svg
from normalcy.workflows.study.files import figure, p_value, write_outcome

_PARTS_SHOWN = 6
_ROW_PX, _TOP_PX, _LEFT_PX, _WIDTH_PX, _AXIS_PX = 26, 14, 290, 760, 40
_TICKS = 6
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#222}.axis{stroke:#999}.rule{stroke:#ddd}.seed{fill:#2563eb;opacity:.45}"
    ".mean{fill:#1e3a8a}.reach{stroke:#1e3a8a;stroke-width:2}.base{stroke:#b45309;stroke-dasharray:4 3}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.rule{stroke:#444}.seed{fill:#93c5fd}.mean{fill:#bfdbfe}"
    ".reach{stroke:#bfdbfe}}"
)


def write_study(folder: Path, outcome: Mapping[str, Any]) -> dict[str, Path]:
    """Writes `<method>-<study>-<dataset>.json`, `.md` and `.svg`; returns them by name."""
    stem = f"{outcome['method']}-{outcome['study']}-{outcome['dataset']}"
    texts = {"md": study_table(outcome), "svg": study_picture(outcome)}
    return write_outcome(folder, stem, outcome, texts=texts)


def study_table(outcome: Mapping[str, Any]) -> str:
    """The rows in Markdown, with a line on how to read them."""
    rows = outcome["rows"]
    metric = outcome["metric"]
    timed = any("clip_milliseconds" in row for row in rows.values())
    parts = _parts(outcome)
    head = [
        "",
        metric.replace("_", " "),
        "difference",
        "95 % interval",
        "p",
        *(f"{name} alone" for name in parts),
    ]
    if outcome["study"] == "frames":
        head += ["context, s"]
    head += [*(["ms a clip"] if timed else []), "fit, s", "seeds"]
    lines = []
    for name, row in rows.items():
        line = [name, _mean(row["metrics"].get(metric)), *_difference(row.get("difference"))]
        line += [_mean(row["parts"].get(part)) for part in parts]
        if outcome["study"] == "frames":
            line += [figure(row["context_seconds"], 2)]
        line += [figure(row.get("clip_milliseconds"), 1)] if timed else []
        lines.append([*line, _mean(row["fit_seconds"], 0), _seeds(row)])
    return f"{markdown_table(head, lines)}\n\n{_note(outcome)}\n"


def _note(outcome: Mapping[str, Any]) -> str:
    note = (
        f"Mean ± standard deviation over the seeds, on {outcome['dataset']}, preset `{outcome['preset']}`. "
        f"Differences are to `{outcome['baseline']}` at the same seeds, with interval and p of a paired t-test; "
        "p is adjusted for the number of rows (Holm)."
    )
    every = dict.fromkeys(name for row in outcome["rows"].values() for name in row["parts"])
    if len(every) > _PARTS_SHOWN:
        note += f" The JSON file also holds {', '.join(list(every)[_PARTS_SHOWN:])} alone."
    failures = [
        f"- {name}, seed {failure['seed']}: {failure['why']}"
        for name, row in outcome["rows"].items()
        for failure in row["failures"]
    ]
    return "\n".join([note, *(["", "Not made:", *failures] if failures else [])])


def _parts(outcome: Mapping[str, Any]) -> list[str]:
    names = dict.fromkeys(name for row in outcome["rows"].values() for name in row["parts"])
    return list(names)[:_PARTS_SHOWN]


def _difference(found: Mapping[str, Any] | None) -> list[str]:
    if found is None:
        return ["", "", ""]
    if found["p"] is None:
        return [f"{found['mean']:+.3f}", "the same at every seed", "-"]
    return [f"{found['mean']:+.3f}", f"{found['low']:+.3f} to {found['high']:+.3f}", p_value(found["p_holm"])]


def _mean(found: Mapping[str, float | None] | None, digits: int = 3) -> str:
    if not found or found["mean"] is None:
        return "-"
    if digits == 3:
        return cell(Spread(mean=found["mean"], sd=found["sd"]))
    return f"{found['mean']:.{digits}f}"


def _seeds(row: Mapping[str, Any]) -> str:
    made, failed = len(row["runs"]), len(row["failures"])
    return f"{made} ({failed} failed)" if failed else str(made)


def study_picture(outcome: Mapping[str, Any]) -> str:
    """Rows below each other: a dot for each seed, a bar from the mean by a standard deviation either way."""
    metric, rows = outcome["metric"], outcome["rows"]
    values = {
        name: [run["metrics"][metric] for run in row["runs"] if run["metrics"].get(metric) is not None]
        for name, row in rows.items()
    }
    low, high = _ends([value for own in values.values() for value in own])
    bottom = _TOP_PX + _ROW_PX * len(values)

    def x(value: float) -> float:
        return _LEFT_PX + (value - low) / (high - low) * (_WIDTH_PX - _LEFT_PX - 16)

    drawn = [svg.element("style", _STYLE), *_axis(metric, low, high, x=x, bottom=bottom)]
    if whole := rows[outcome["baseline"]]["metrics"].get(metric):
        drawn.append(svg.path([(x(whole["mean"]), _TOP_PX), (x(whole["mean"]), bottom)], class_="base"))
    for number, (name, own) in enumerate(values.items()):
        y = _TOP_PX + _ROW_PX * (number + 0.5)
        drawn.append(svg.text(name, x=_LEFT_PX - 10, y=y + 4, text_anchor="end"))
        drawn += _marks(rows[name]["metrics"].get(metric), own, x=x, y=y)
    height = bottom + _AXIS_PX
    return svg.picture(
        *drawn,
        label=f"{metric.replace('_', ' ')} of each row of the {outcome['study']} study of {outcome['method']}",
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_WIDTH_PX} {height}",
        width=_WIDTH_PX,
        height=height,
    )


def _axis(metric: str, low: float, high: float, *, x: Callable[[float], float], bottom: float) -> list[str]:
    """Lines from top to bottom with their values, and what they are values of."""
    drawn, digits = [], 2 if high - low >= 0.1 else 3
    for step in range(_TICKS):
        at = low + (high - low) * step / (_TICKS - 1)
        drawn.append(svg.path([(x(at), _TOP_PX), (x(at), bottom)], class_="rule"))
        drawn.append(svg.text(f"{at:.{digits}f}", x=x(at), y=bottom + 16, text_anchor="middle"))
    words = metric.replace("_", " ")
    return [*drawn, svg.text(words, x=x((low + high) / 2), y=bottom + 34, text_anchor="middle")]


def _marks(
    found: Mapping[str, float | None] | None, own: list[float], *, x: Callable[[float], float], y: float
) -> list[str]:
    marks = [svg.element("circle", cx=x(value), cy=y, r=4, class_="seed") for value in own]
    if found and found["mean"] is not None:
        reach = found["sd"] or 0.0
        ends = [(x(found["mean"] - reach), y), (x(found["mean"] + reach), y)]
        marks.append(svg.path(ends, class_="reach"))
        marks.append(svg.element("circle", cx=x(found["mean"]), cy=y, r=5, class_="mean"))
    return marks


def _ends(values: list[float]) -> tuple[float, float]:
    """The ends of the axis: a little beyond what is drawn."""
    if not values:
        return 0.0, 1.0
    reach = max(max(values) - min(values), 0.02)
    return min(values) - 0.15 * reach, max(values) + 0.15 * reach
