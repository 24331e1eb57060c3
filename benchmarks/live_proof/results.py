"""The results of all faults: kept from run to run, and as a table."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from normalcy.evaluation.tables import markdown_table

Results = dict[str, Any]

_HEAD = (
    "fault",
    "rounds",
    "recovered",
    "median s",
    "worst s",
    "events",
    "lost",
    "alerts owed",
    "missing",
    "told twice",
    "same key again",
    "other camera",
)


def read_results(path: Path) -> Results:
    """What was found so far."""
    found: Results = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return {"faults": {}, **found}


def is_done(entry: Mapping[str, Any] | None, *, rounds: int) -> bool:
    """Whether a fault needs not be tried again: all its rounds were, whatever came of them."""
    return entry is not None and entry.get("rounds", 0) >= rounds


def is_good(entry: Mapping[str, Any]) -> bool:
    """Whether nothing was lost, nothing came twice, and nobody else was disturbed."""
    if "skipped" in entry:
        return True
    is_clean = not (entry["violations"] or entry["disturbed_untouched_camera"])
    return is_clean and bool(entry["recovered"] == entry["rounds"])


def render_table(results: Results) -> str:
    """As Markdown."""
    return markdown_table(_HEAD, [_row(name, entry) for name, entry in results["faults"].items()])


def _row(name: str, entry: Mapping[str, Any]) -> list[str]:
    if "skipped" in entry:
        return [name, "skipped", *["-"] * (len(_HEAD) - 2)]
    spread, events, alerts = entry["seconds_to_recover"], entry["events"], entry["alerts"]
    return [
        name,
        str(entry["rounds"]),
        str(entry["recovered"]),
        f"{spread['median']:.1f}" if spread else "-",
        f"{spread['worst']:.1f}" if spread else "-",
        str(events["committed"]),
        str(events["lost"]),
        str(alerts["owed"]),
        str(alerts["missing"]),
        str(alerts["duplicate_incidents"]),
        str(alerts["repeated_keys"]),
        "disturbed" if entry["disturbed_untouched_camera"] else "undisturbed",
    ]
