"""The wall clock is set, forth and back, while the engine runs.

Nobody's clock but the engine's: a small library, loaded into its processes, shows them another one (`wall_clock.c`).
"""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from live_proof.configuration import CAMERAS, FAULTY
from live_proof.fault import Fault
from live_proof.site import Conditions, Site
from live_proof.waiting import wait_until

_HOUR, _DAY = 3600, 86_400
_SKEWS_SECONDS = (_HOUR, 0, _DAY, 0, -_HOUR, 0)
_CLOCK = "PROOF_CLOCK"
_SOURCE = Path(__file__).resolve().parents[1] / "wall_clock.c"
_STALL_SECONDS = 5.0
"""Longer than the faulty camera is waited for, and its event's cool-down."""


def strike(site: Site, round_: int) -> float:
    """Sets the clock; recovers once every camera goes on, and an event of the new time was told."""
    skew_seconds = _SKEWS_SECONDS[round_ % len(_SKEWS_SECONDS)]
    started, told = time.monotonic(), len(site.receiver.genuine)
    site.receiver.set_clock(skew_seconds)
    site.ledger.clock += 1
    _set(Path(site.conditions.environment[_CLOCK]), skew_seconds)
    for camera in CAMERAS:
        site.wait_scored(camera)
    recovered = time.monotonic() - started
    _provoke_event(site)
    wait_until("an event of the new time is told", lambda: _is_told_since(site, told, skew_seconds))
    return recovered


def _set(clock: Path, seconds: int) -> None:
    with clock.open("r+b") as file:
        file.write(seconds.to_bytes(8, "little", signed=True))


def _provoke_event(site: Site) -> None:
    """Lets the event of the faulty camera end, and another begin."""
    site.stream.stall()
    time.sleep(_STALL_SECONDS)
    site.stream.resume()
    site.wait_scored(FAULTY)


def _is_told_since(site: Site, told: int, skew_seconds: float) -> bool:
    now = time.time() + skew_seconds
    rows = [sighting.row for sighting in list(site.ledger.events.values())]
    fresh = {row["id"] for row in rows if abs(now - row["alarmed_at"]) < _HOUR / 2}
    return any(key.partition(":event.opened:")[0] in fresh for key in site.receiver.genuine[told:])


def _missing() -> str:
    return "" if shutil.which("cc") else "there is no C compiler, which makes the engine a clock of its own"


@contextmanager
def _with_own_clock(folder: Path) -> Iterator[Conditions]:
    clock, library = folder / "clock", folder / "wall_clock.so"
    clock.write_bytes(bytes(8))
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(_SOURCE)], check=True)
    yield Conditions(folder / "data", {"LD_PRELOAD": str(library), _CLOCK: str(clock)})


FAULT = Fault("clock-jump", 6, strike, missing=_missing, conditions=_with_own_clock)
