"""A study written down: JSON, a table in Markdown, and a picture."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from normalcy.evaluation.tables import markdown_table
from normalcy.report.dot_plot import dot_plot
from normalcy.workflows.study.files import figure, p_value, told, with_overrides, write_outcome

_PARTS_SHOWN = 6


def write_study(folder: Path, stem: str, outcome: Mapping[str, Any]) -> dict[str, Path]:
    """Writes `<stem>.json`, `.md` and `.svg`; returns them by suffix."""
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
        line = [name, told(row["metrics"].get(metric)), *_difference(row.get("difference"))]
        line += [told(row["parts"].get(part)) for part in parts]
        if outcome["study"] == "frames":
            line += [figure(row["context_seconds"], 2)]
        line += [figure(row.get("clip_milliseconds"), 1)] if timed else []
        lines.append([*line, figure(row["fit_seconds"]["mean"], 0), _seeds(row)])
    return f"{markdown_table(head, lines)}\n\n{_note(outcome)}\n"


def _note(outcome: Mapping[str, Any]) -> str:
    note = (
        f"Mean ± standard deviation over the seeds, on {outcome['dataset']}, preset `{outcome['preset']}`"
        f"{with_overrides(outcome)}. "
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


def _seeds(row: Mapping[str, Any]) -> str:
    made, failed = len(row["runs"]), len(row["failures"])
    return f"{made} ({failed} failed)" if failed else str(made)


def study_picture(outcome: Mapping[str, Any]) -> str:
    """The rows below each other, seed by seed."""
    metric, rows = outcome["metric"], outcome["rows"]
    values = {
        name: [run["metrics"][metric] for run in row["runs"] if run["metrics"].get(metric) is not None]
        for name, row in rows.items()
    }
    whole = rows[outcome["baseline"]]["metrics"].get(metric)
    return dot_plot(
        values,
        axis=metric.replace("_", " "),
        rule=whole["mean"] if whole else None,
        label=f"{metric.replace('_', ' ')} of each row of the {outcome['study']} study of {outcome['method']}",
    )
