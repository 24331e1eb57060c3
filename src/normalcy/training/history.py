"""What a training logged, by epoch."""

import csv
import math
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from normalcy.run_folder import RunFolder

_PLACES = ("epoch", "step")


def read_history(run: RunFolder) -> dict[str, list[tuple[int, float]]]:
    """Every logged value of a run, merged over the sessions before and after resumptions.

    A later session's value replaces an earlier one's of the same epoch. Damaged lines and values that are not finite
    are left out.

    Returns:
        By logged name (`train_loss`, `validation_loss`, ...) pairs (epoch from 0, value), in order; empty without logs.
    """
    merged: dict[str, dict[int, float]] = defaultdict(dict)
    for path in _sessions(run):
        for name, epoch, value in _values(path):
            merged[name][epoch] = value
    return {name: sorted(merged[name].items()) for name in sorted(merged)}


def _sessions(run: RunFolder) -> list[Path]:
    """The table of each session, the earliest first."""
    tables = run.logs.glob("csv/version_*/metrics.csv")
    numbered = [(path.parent.name.removeprefix("version_"), path) for path in tables]
    return [
        path for _, path in sorted((int(number), path) for number, path in numbered if number.isdecimal())
    ]


def _values(path: Path) -> Iterator[tuple[str, int, float]]:
    text = path.read_text(encoding="utf-8", errors="replace")
    # A line without its end was cut off, and half a number still reads as a number.
    whole = text[: text.rfind("\n") + 1]
    for row in csv.DictReader(whole.splitlines()):
        epoch = row.get("epoch") or ""
        if not epoch.isdecimal():
            continue
        for name, cell in row.items():
            value = _number(cell)
            if name and name not in _PLACES and value is not None:
                yield name, int(epoch), value


def _number(cell: object) -> float | None:
    """A cell's finite number; None where it is empty or damaged."""
    try:
        value = float(cell) if isinstance(cell, str) else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None
