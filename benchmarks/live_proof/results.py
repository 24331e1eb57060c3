"""The results of all faults: kept from run to run, and as a table."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from normalcy.evaluation.live_tables import fault_table
from normalcy.evaluation.tables import markdown_table

Results = dict[str, Any]


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
    return markdown_table(*fault_table(results["faults"]))
