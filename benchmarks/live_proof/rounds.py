"""Tries one fault, round by round, and writes down what came of it."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from live_proof.audit import Audit
from live_proof.ending import finish
from live_proof.fault import Fault
from live_proof.site import Site
from live_proof.waiting import NotRecovered

Say = Callable[[str], None]


@dataclass
class Rounds:
    """What came of the rounds of one fault.

    Attributes:
        tried: How many.
        seconds: To recover, of those that did.
        failures: Why the others did not.
    """

    tried: int = 0
    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def strike_all(site: Site, fault: Fault, *, rounds: int, seconds_between: float = 0.0, say: Say) -> Rounds:
    """Tries a fault so often; goes on after a round that the engine did not recover from."""
    made = Rounds()
    for number in range(rounds):
        if number:
            time.sleep(seconds_between)
        made.tried += 1
        try:
            made.seconds.append(fault.strike(site, number))
            say(f"{fault.name} {number + 1}/{rounds}: {made.seconds[-1]:.2f} s")
        except NotRecovered as error:
            made.failures.append(f"round {number + 1}: {error}")
            say(f"{fault.name} {number + 1}/{rounds}: {error}")
            site.mend()
    return made


def try_fault(
    fault: Fault,
    *,
    bundle: Path,
    video: Path,
    folder: Path,
    rounds: int,
    seconds_between: float,
    seed: int,
    say: Say,
) -> dict[str, Any]:
    """Tries a fault on an engine of its own; its entry in the results."""
    started = time.monotonic()
    with (
        fault.conditions(folder) as conditions,
        Site(bundle=bundle, video=video, folder=folder, conditions=conditions, seed=seed) as site,
    ):
        made = strike_all(site, fault, rounds=rounds, seconds_between=seconds_between, say=say)
        found, troubles = finish(site)
    entry = entry_of(made, site, found, [*made.failures, *found.violations, *troubles])
    return {**entry, "seconds": round(time.monotonic() - started, 1)}


def entry_of(made: Rounds, site: Site, found: Audit, violations: list[str]) -> dict[str, Any]:
    """The results of one fault, as JSON has them."""
    counts = asdict(found)
    alerts = ("owed", "received", "missing", "duplicate_incidents", "repeated_keys")
    return {
        "rounds": made.tried,
        "recovered": len(made.seconds),
        "seconds_to_recover": _spread(made.seconds),
        "events": {name: counts[name] for name in ("committed", "lost")},
        "alerts": {name: counts[name] for name in alerts},
        "disturbed_untouched_camera": site.watcher.is_disturbed,
        "notes": {
            "longest gap between frames of the untouched camera, seconds": round(
                site.watcher.longest_gap_seconds, 2
            ),
            **{name: round(value, 2) for name, value in site.notes.items()},
        },
        "violations": [*violations, *site.watcher.troubles],
    }


def _spread(seconds: list[float]) -> dict[str, float] | None:
    return {"median": round(median(seconds), 2), "worst": round(max(seconds), 2)} if seconds else None
