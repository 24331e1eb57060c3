"""What a transfer study came to: JSON and a table."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from normalcy.evaluation.results import Spread, spread
from normalcy.evaluation.tables import cell, markdown_table
from normalcy.workflows.study.cells import Cell
from normalcy.workflows.study.files import write_outcome
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
        ],
        "command": command,
        "versions": made[-1]["versions"] if made else {},
        "hardware": made[-1]["hardware"] if made else "",
    }


def _ways(made: Sequence[Mapping[str, Any]], source: str, target: str) -> dict[str, Any]:
    runs = [each["targets"][target] for each in made if each["source"] == source]
    return {
        way: {
            METRIC: spread([run[way]["metrics"].get(METRIC) for run in runs]).model_dump(),
            "false_alarms_per_hour": spread([run[way]["false_alarms_per_hour"] for run in runs]).model_dump(),
            "events_found": spread(
                [
                    run[way]["events_found"] / run[way]["events"] if run[way]["events"] else None
                    for run in runs
                ]
            ).model_dump(),
        }
        for way in WAYS
        if runs and all(way in run for run in runs)
    }


def write_transfer(folder: Path, outcome: Mapping[str, Any]) -> dict[str, Path]:
    """Writes `<method>-transfer.json` and `.md`; returns them by name."""
    texts = {"md": transfer_table(outcome)}
    return write_outcome(folder, f"{outcome['method']}-transfer", outcome, texts=texts)


def transfer_table(outcome: Mapping[str, Any]) -> str:
    """A row for each pair of scenes, and beside it what a detector of the scene itself reaches."""
    own = {pair["to"]: pair["ways"] for pair in outcome["pairs"] if pair["from"] == pair["to"]}
    ways = [way for way in WAYS if any(way in pair["ways"] for pair in outcome["pairs"])]
    head = ["from, to", "micro AUC of its own", *(f"micro AUC {way}" for way in ways)]
    head += [f"false alarms an hour {way}" for way in ways]
    rows = [_line(pair, own[pair["to"]], ways) for pair in outcome["pairs"] if pair["from"] != pair["to"]]
    note = (
        f"`{outcome['method']}`, preset `{outcome['preset']}`; mean ± standard deviation over seeds "
        f"{', '.join(map(str, outcome['seeds']))}. False alarms are counted at each detector's calibrated threshold."
        f"{_adapted(outcome['adaptation'])}"
    )
    failed = [f"- from {each['from']}, seed {each['seed']}: {each['why']}" for each in outcome["failures"]]
    return "\n".join(
        [markdown_table(head, rows), "", note, *(["", "Not made:", *failed] if failed else []), ""]
    )


def _adapted(how: Mapping[str, float]) -> str:
    if "epochs" in how:
        return f" Adapted: {how['epochs']:g} more epochs on normal video of the other scene."
    if "seconds" in how:
        return f" Adapted: {how['seconds']:g} s of the other scene's normal video learned, calibrated on the rest."
    return ""


def _line(pair: Mapping[str, Any], own: Mapping[str, Any], ways: Sequence[str]) -> list[str]:
    found = pair["ways"]
    return [
        f"{pair['from']}, {pair['to']}",
        _told(own, WAYS[0], METRIC),
        *(_told(found, way, METRIC) for way in ways),
        *(_told(found, way, "false_alarms_per_hour", digits=1) for way in ways),
    ]


def _told(found: Mapping[str, Any], way: str, name: str, *, digits: int = 3) -> str:
    value = found.get(way, {}).get(name) or {"mean": None, "sd": None}
    if value["mean"] is None:
        return "-"
    return cell(Spread(**value)) if digits == 3 else f"{value['mean']:.{digits}f}"
