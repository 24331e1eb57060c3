"""What the database was seen to hold while the engine ran, and whether anything of it went back."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = dict[str, Any]

_BUSY_SECONDS = 5.0


def _is_same(before: Any, after: Any) -> bool:
    return bool(before == after)


def _has_not_fallen(before: Any, after: Any) -> bool:
    return bool(after >= before)


def _is_kept(before: Any, after: Any) -> bool:
    return not before or bool(after)


def _goes(*order: str) -> Callable[[Any, Any], bool]:
    return lambda before, after: order.index(after) >= order.index(before)


RULES: dict[str, Callable[[Any, Any], bool]] = {
    **dict.fromkeys(
        ("camera", "region", "kind", "started_at", "alarmed_at", "threshold", "bundle"), _is_same
    ),
    **dict.fromkeys(("ended_at", "peak_score", "interrupted"), _has_not_fallen),
    **dict.fromkeys(("sentence", "media"), _is_kept),
    "severity": _goes("notice", "alert"),
    "state": _goes("open", "closed"),
}
"""What must hold between two looks at the same event."""


@dataclass
class Sighting:
    """An event as it was seen last.

    Attributes:
        row: What the database held.
        first_clock, last_clock: How often the clock had been set when it was seen first, and when it changed last.
    """

    row: Row
    first_clock: int
    last_clock: int


class Ledger:
    """Looks at the database again and again, and remembers.

    Attributes:
        events: By id, all that were ever committed.
        regressions: What went back or disappeared.
        clock: How often the clock was set.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        self.events: dict[str, Sighting] = {}
        self.regressions: list[str] = []
        self.clock = 0

    def look(self) -> None:
        """Takes note of all events; nothing where the database cannot be read at the moment."""
        try:
            rows = read_table(self._database, "events")
        except sqlite3.Error:
            return
        found = {row["id"]: row for row in rows}
        for event_id in self.events.keys() - found.keys():
            self._regress(f"event {event_id} is gone")
        for row in rows:
            self._note(row)

    def open_event(self, camera: str) -> Row | None:
        """The event of a camera that is open, as far as is known."""
        rows = [each.row for each in list(self.events.values())]  # the watcher adds some meanwhile
        return next((row for row in rows if row["camera"] == camera and row["state"] == "open"), None)

    def _note(self, row: Row) -> None:
        known = self.events.get(row["id"])
        if known is None:
            self.events[row["id"]] = Sighting(row, self.clock, self.clock)
        elif known.row != row:
            for what in went_back(known.row, row):
                self._regress(what)
            known.row, known.last_clock = row, self.clock

    def _regress(self, what: str) -> None:
        if what not in self.regressions:
            self.regressions.append(what)


def went_back(before: Row, after: Row) -> list[str]:
    """What of an event must not have changed as it did."""
    return [
        f"{name} of event {before['id']} went from {before[name]!r} to {after[name]!r}"
        for name, holds in RULES.items()
        if not holds(before[name], after[name])
    ]


def read_table(database: Path, table: str) -> list[Row]:
    """All rows of a table.

    Raises:
        sqlite3.Error: It cannot be read.
    """
    uri = f"{database.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]
