"""Tables of the live engine: what it survives, what it sustains, how it lasts; from `benchmarks/live_*.py`."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from normalcy.errors import InputError

Table = tuple[Sequence[str], list[list[str]]]
Rows = Callable[[Mapping[str, Any]], Iterator[list[str]]]

_FAULTS = (
    "fault",
    "rounds",
    "recovered",
    "s to recover (median)",
    "worst",
    "events committed",
    "lost",
    "alerts owed",
    "missing",
    "twice",
    "repeated keys",
    "another camera disturbed",
)
_LOAD = (
    "cameras",
    "frames/s in",
    "dropped",
    "capture to score, p99 at most",
    "capture to alert, p50",
    "p99",
    "alerts",
    "cores: capture",
    "inference",
    "all",
)
_NOTHING = "-"
_SOAK = ("process", "first MiB", "last MiB", "MiB an hour", "open files, least", "most", "last")


class _Kind(NamedTuple):
    file: str
    section: str
    head: Sequence[str]
    rows: Rows
    made_by: str


def live_table(name: str, results: Path) -> Table:
    """Head and rows of `faults`, `load` or `soak`.

    Raises:
        InputError: There is no such file, or it is damaged.
    """
    kind = _KINDS.get(name)
    if kind is None:
        raise InputError(f"there is no table {name!r}", hint=f"There are {', '.join(_KINDS)}")
    path = results / kind.file
    try:
        found = json.loads(path.read_text(encoding="utf-8"))[kind.section]
        return kind.head, list(kind.rows(found))
    except (OSError, ValueError, KeyError) as error:
        hint = f"`python benchmarks/{kind.made_by}` writes it"
        raise InputError(f"cannot be read ({error!r})", where=path, hint=hint) from error


def fault_table(faults: Mapping[str, Any]) -> Table:
    """Head and rows of what was found of each fault."""
    return _FAULTS, list(_fault_rows(faults))


def _fault_rows(faults: Mapping[str, Any]) -> Iterator[list[str]]:
    for name, found in faults.items():
        title = name.replace("-", " ")
        if "skipped" in found:
            yield [title, "skipped", *[_NOTHING] * (len(_FAULTS) - 2)]
            continue
        spread, events, alerts = found["seconds_to_recover"], found["events"], found["alerts"]
        yield [
            title,
            str(found["rounds"]),
            str(found["recovered"]),
            f"{spread['median']:.1f}" if spread else _NOTHING,
            f"{spread['worst']:.1f}" if spread else _NOTHING,
            str(events["committed"]),
            str(events["lost"]),
            str(alerts["owed"]),
            str(alerts["missing"]),
            str(alerts["duplicate_incidents"]),
            str(alerts["repeated_keys"]),
            "yes" if found["disturbed_untouched_camera"] else "no",
        ]


def _load_rows(load: Mapping[str, Any]) -> Iterator[list[str]]:
    for row in load["rows"]:
        alert, cores = row["capture_to_alert_seconds"], row["cores"]
        yield [
            str(row["cameras"]),
            f"{row['frames_in_per_second']:.0f}",
            f"{row['dropped_share']:.1%}",
            _milliseconds(row["capture_to_score_seconds"]["p99_at_most"], beyond="over 10 s"),
            _milliseconds(alert["p50"]),
            _milliseconds(alert["p99"]),
            str(alert["alerts"]),
            f"{cores['capture']:.2f}",
            f"{cores['inference']:.2f}",
            f"{cores['all']:.2f}",
        ]


def _soak_rows(soak: Mapping[str, Any]) -> Iterator[list[str]]:
    for name, memory in soak["memory"].items():
        files = soak["files"][name]
        yield [
            name,
            f"{memory['first_mib']:.0f}",
            f"{memory['last_mib']:.0f}",
            f"{memory['mib_per_hour']:.1f} ± {memory['standard_error']:.1f}",
            str(files["least"]),
            str(files["most"]),
            str(files["last"]),
        ]


def _milliseconds(value: float | None, *, beyond: str = _NOTHING) -> str:
    return beyond if value is None else f"{1000 * value:.0f} ms"


_KINDS: Mapping[str, _Kind] = {
    "faults": _Kind("reliability.json", "faults", _FAULTS, _fault_rows, "live_faults.py"),
    "load": _Kind("live.json", "load", _LOAD, _load_rows, "live_load.py"),
    "soak": _Kind("live.json", "soak", _SOAK, _soak_rows, "live_soak.py"),
}
