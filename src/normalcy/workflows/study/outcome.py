"""What the cells of a study come to: means, and differences to the baseline, seed by seed."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from normalcy.environment import hardware, versions
from normalcy.evaluation.paired import Difference, holm, paired_difference
from normalcy.evaluation.results import Spread, spread
from normalcy.methods.base import Without
from normalcy.workflows.study.cells import Cell
from normalcy.workflows.study.plan import StudyPlan
from normalcy.workflows.study.runner import Failure

MAIN_METRICS = ("micro_auc", "accuracy")
"""What rows are compared by: the first of these that was measured."""

_OF_A_RUN = ("seed", "metrics", "parts", "kinds", "fit_seconds", "context_seconds", "settings_sha256")


def outcome_of(
    plan: StudyPlan,
    cells: Sequence[Cell],
    failures: Sequence[Failure],
    *,
    clip_milliseconds: Mapping[str, float],
    command: str,
) -> dict[str, Any]:
    """All that a study measured, as its JSON file holds it.

    Args:
        plan: The study.
        cells: All of its cells.
        failures: Those that could not be made.
        clip_milliseconds: How long a clip takes, by row, where that was measured.
        command: What asked for it.
    """
    why = {failure.cell.folder: failure.why for failure in failures}
    made: dict[str, list[dict[str, Any]]] = {row: [] for row in plan.rows}
    failed: dict[str, list[dict[str, Any]]] = {row: [] for row in plan.rows}
    for cell in cells:
        found = cell.read()
        if found is not None:
            made[cell.row].append(found)
        elif cell.folder in why:
            failed[cell.row].append({"seed": cell.config.seed, "why": why[cell.folder]})
    rows = {
        row: {**_row(runs), "settings": _plain(plan.rows[row]), "failures": failed[row]}
        for row, runs in made.items()
    }
    for row, milliseconds in clip_milliseconds.items():
        rows[row]["clip_milliseconds"] = round(milliseconds, 3)
    metric = _main_metric(rows)
    for row, difference in _differences(rows, plan.baseline, metric).items():
        rows[row]["difference"] = difference
    latest = next((run for runs in reversed(made.values()) for run in reversed(runs)), None)
    return {
        "study": plan.kind,
        "method": plan.method,
        "dataset": plan.data["name"],
        "preset": cells[0].config.preset,
        "overrides": list(plan.overrides),
        "baseline": plan.baseline,
        "metric": metric,
        "seeds": list(plan.seeds),
        "rows": rows,
        "command": command,
        "versions": latest["versions"] if latest else versions(),
        # Cells may have been made on several machines.
        "hardware": "; ".join(dict.fromkeys(run["hardware"] for runs in made.values() for run in runs))
        or hardware(),
    }


def _row(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "metrics": _spreads([run["metrics"] for run in runs]),
        "parts": _spreads([run["parts"] for run in runs]),
        "fit_seconds": _plain_spread(spread([run["fit_seconds"] for run in runs])),
        "context_seconds": statistics.fmean(run["context_seconds"] for run in runs) if runs else None,
        "runs": [{name: run[name] for name in _OF_A_RUN if name in run} for run in runs],
    }


def _spreads(by_run: Sequence[Mapping[str, float | None]]) -> dict[str, dict[str, float | None]]:
    names = dict.fromkeys(name for values in by_run for name in values)
    found = {name: spread([values.get(name) for values in by_run]) for name in names}
    return {name: _plain_spread(value) for name, value in found.items() if value.mean is not None}


def _plain_spread(value: Spread) -> dict[str, float | None]:
    return {"mean": value.mean, "sd": value.sd}


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {"without": value.entry} if isinstance(value, Without) else value
        for name, value in settings.items()
    }


def _main_metric(rows: Mapping[str, Mapping[str, Any]]) -> str:
    for name in MAIN_METRICS:
        if any(name in row["metrics"] for row in rows.values()):
            return name
    return MAIN_METRICS[0]


def _differences(
    rows: Mapping[str, Mapping[str, Any]], baseline: str, metric: str
) -> dict[str, dict[str, float | None]]:
    """Of each row but the baseline, with p adjusted for how many rows are compared."""
    found: dict[str, Difference] = {}
    known = _by_seed(rows[baseline], metric)
    for row in rows:
        own = _by_seed(rows[row], metric)
        shared = [seed for seed in own if seed in known]
        difference = paired_difference([own[seed] for seed in shared], [known[seed] for seed in shared])
        if row != baseline and difference is not None:
            found[row] = difference
    tested = [row for row, difference in found.items() if difference.p is not None]
    p_of = {row: found[row].p or 0.0 for row in tested}
    adjusted = dict(zip(tested, holm(list(p_of.values())), strict=True))
    return {row: {**difference._asdict(), "p_holm": adjusted.get(row)} for row, difference in found.items()}


def _by_seed(row: Mapping[str, Any], metric: str) -> dict[int, float]:
    return {
        run["seed"]: run["metrics"][metric] for run in row["runs"] if run["metrics"].get(metric) is not None
    }
