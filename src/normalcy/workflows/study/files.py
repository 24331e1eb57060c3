"""A study's files, numbers in its tables, and the way a cell's process ends."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from normalcy.allocator import keep_freed_memory
from normalcy.errors import NormalcyError, OutputError
from normalcy.evaluation.results import Spread
from normalcy.evaluation.tables import cell
from normalcy.run_folder import write_json, write_text, writing_to


def write_outcome(
    folder: Path, stem: str, outcome: Mapping[str, Any], *, texts: Mapping[str, str]
) -> dict[str, Path]:
    """Writes `<stem>.json` and a file for each text by its suffix; returns them by suffix."""
    files = {suffix: folder / f"{stem}.{suffix}" for suffix in ("json", *texts)}
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_json(files["json"], outcome)
        for suffix, text in texts.items():
            write_text(files[suffix], text)
    return files


def require_room(folder: Path, stem: str, *, study: Mapping[str, Any]) -> None:
    """A study may replace itself, and no other.

    Args:
        folder: Where it will be written.
        stem: Of its files.
        study: What tells it from others, by the names that its JSON has; of rows and scenes their names.

    Raises:
        OutputError: There is another of that name.
    """
    path = folder / f"{stem}.json"
    try:
        there = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    for name, own in study.items():
        known = there.get(name, own)  # Files of older versions do not have every name.
        known = list(known) if isinstance(known, dict) and isinstance(own, list) else known
        if known != own:
            hint = "Choose another --name or --out"
            raise OutputError(f"holds another study: its {name} is {known}, not {own}", where=path, hint=hint)


def with_overrides(outcome: Mapping[str, Any]) -> str:
    """What of the preset was changed for all rows, in words that go on after its name."""
    changed = ", ".join(f"`{each}`" for each in outcome["overrides"])
    return f" with {changed}" if changed else ""


def figure(value: float | None, digits: int = 3) -> str:
    """A cell of a table; a dash for what was not measured."""
    return "-" if value is None else f"{value:.{digits}f}"


def told(found: Mapping[str, float | None] | None, digits: int = 3) -> str:
    """Likewise, of a mean and its deviation as JSON holds them."""
    return cell(Spread(mean=found["mean"], sd=found["sd"]) if found else None, digits)


def p_value(value: float | None) -> str:
    """Likewise, of a test."""
    return "<0.001" if value is not None and value < 0.001 else figure(value)


def exit_code_of(make: Callable[[], object]) -> int:
    """Makes a cell in a process of its own: 0, or the code of what went wrong, said in a line."""
    keep_freed_memory()
    try:
        make()
    except NormalcyError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0
