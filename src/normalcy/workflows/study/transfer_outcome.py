"""What a transfer study came to: JSON and a table."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from normalcy.evaluation.results import spread
from normalcy.evaluation.tables import markdown_table
from normalcy.workflows.study.cells import Cell
from normalcy.workflows.study.files import figure, told, with_overrides, write_outcome
from normalcy.workflows.study.runner import Failure
from normalcy.workflows.study.transfer import WAYS, TransferPlan

METRIC = "micro_auc"


def transfer_outcome(
    plan: TransferPlan, cells: Sequence[Cell], failures: Sequence[Failure], *, command: str
) -> dict[str, Any]:
    """All that was measured, as its JSON file holds it."""
    made = [found for each in cells if (found := each.read())]
    names = [scene.name for scene in plan.scenes]
    pairs = [
        {"from": source, "to": target, "ways": _ways(made, source, target)}
        for source in names
        for target in names
    ]
    return {
        "study": "transfer",
        "method": plan.method,
        "preset": cells[0].config.preset,
        "scenes": {scene.name: scene.data for scene in plan.scenes},
        "seeds": list(plan.seeds),
        "adaptation": plan.adaptation,
        "overrides": list(plan.overrides),
        "pairs": pairs,
        "runs": made,
        "failures": [
            {"from": failure.cell.row, "seed": failure.cell.config.seed, "why": failure.why}
            for failure in failures
        ]
        + [failed for run in made for failed in _failed_ways(run)],
        "command": command,
        "versions": made[-1]["versions"] if made else {},
        "hardware": made[-1]["hardware"] if made else "",
    }


def _ways(made: Sequence[Mapping[str, Any]], source: str, target: str) -> dict[str, Any]:
    runs = [each["targets"][target] for each in made if each["source"] == source]
    found = {way: [run[way] for run in runs if way in run and "failed" not in run[way]] for way in WAYS}
    return {
        way: {
            METRIC: spread([run["metrics"].get(METRIC) for run in own]).model_dump(),
            "false_alarms_per_hour": spread([run["false_alarms_per_hour"] for run in own]).model_dump(),
            "events_found": spread(
                [run["events_found"] / run["events"] if run["events"] else None for run in own]
            ).model_dump(),
            "seeds": len(own),
        }
        for way, own in found.items()
        if own
    }


def _failed_ways(run: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"from": run["source"], "to": target, "way": way, "seed": run["seed"], "why": judged["failed"]}
        for target, ways in run["targets"].items()
        for way, judged in ways.items()
        if "failed" in judged
    ]


def write_transfer(folder: Path, stem: str, outcome: Mapping[str, Any]) -> dict[str, Path]:
    """Writes `<stem>.json` and `.md`; returns them by suffix."""
    return write_outcome(folder, stem, outcome, texts={"md": transfer_table(outcome)})


def transfer_table(outcome: Mapping[str, Any]) -> str:
    """A row for each pair of scenes, and for each scene what a detector of its own reaches."""
    ways = [way for way in WAYS if any(way in pair["ways"] for pair in outcome["pairs"])]
    head = ["from, to", *(f"micro AUC {way}" for way in ways)]
    head += [f"false alarms an hour, events found, {way}" for way in ways]
    pairs = sorted(outcome["pairs"], key=lambda pair: (pair["to"], pair["from"] != pair["to"]))
    rows = [_line(pair, ways) for pair in pairs if pair["ways"]]
    return "\n".join([markdown_table(head, rows), "", _note(outcome), *_failures(outcome), ""])


def _note(outcome: Mapping[str, Any]) -> str:
    return (
        f"`{outcome['method']}`, preset `{outcome['preset']}`{with_overrides(outcome)}; mean ± standard deviation over "
        f"{_counts(outcome)}. The first row of each scene is a detector of its own. False alarms and events are those "
        f"at each detector's calibrated threshold.{_adapted(outcome['adaptation'])}"
    )


def _counts(outcome: Mapping[str, Any]) -> str:
    """How many seeds there are, which may differ from scene to scene until all cells are made."""
    counts = {way["seeds"] for pair in outcome["pairs"] for way in pair["ways"].values()}
    if len(counts) == 1:
        count = counts.pop()
        return f"{count} seed{'s' if count > 1 else ''}"
    return f"{min(counts)} to {max(counts)} seeds" if counts else "no seeds yet"


def _failures(outcome: Mapping[str, Any]) -> list[str]:
    lines = []
    for each in outcome["failures"]:
        where = f" to {each['to']}, {each['way']}" if "to" in each else ""
        lines.append(f"- from {each['from']}{where}, seed {each['seed']}: {each['why']}")
    return ["", "Not made:", *lines] if lines else []


def _adapted(how: Mapping[str, float]) -> str:
    if "epochs" in how:
        return f" Adapted: {how['epochs']:g} more epochs on normal video of the other scene."
    if "seconds" in how:
        return f" Adapted: {how['seconds']:g} s of the other scene's normal video learned, calibrated on the rest."
    return ""


def _line(pair: Mapping[str, Any], ways: Sequence[str]) -> list[str]:
    found = [pair["ways"].get(way) for way in ways]
    return [
        pair["to"] if pair["from"] == pair["to"] else f"{pair['from']}, {pair['to']}",
        *(told(way[METRIC]) if way else "-" for way in found),
        *(_alarms(way) if way else "-" for way in found),
    ]


def _alarms(way: Mapping[str, Any]) -> str:
    hourly, events = way["false_alarms_per_hour"]["mean"], way["events_found"]["mean"]
    return f"{figure(hourly, 1)}, {'-' if events is None else f'{100 * events:.0f} %'}"
