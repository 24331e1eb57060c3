"""The wall clock is set, forth and back, while the engine runs.

Nobody's clock but the engine's: libfaketime, loaded into its processes, tells them another one. As when a real clock is
set, the monotonic clock goes on.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from live_proof.configuration import CAMERAS, FAULTY
from live_proof.fault import Fault
from live_proof.site import Conditions, Site
from live_proof.waiting import wait_until
from normalcy.run_folder import write_text

_HOUR, _DAY = 3600, 86_400
_SKEWS_SECONDS = (_HOUR, 0, _DAY, 0, -_HOUR, 0)
_CLOCK = "FAKETIME_TIMESTAMP_FILE"
_STALL_SECONDS = 3.5
_SEEN_SECONDS = 1.5
"""libfaketime looks at the file once a second."""


def strike(site: Site, round_: int) -> float:
    """Sets the clock; recovers once every camera goes on, and an event of the new time was told."""
    skew_seconds = _SKEWS_SECONDS[round_ % len(_SKEWS_SECONDS)]
    started, told = time.monotonic(), len(site.receiver.genuine)
    site.receiver.set_clock(skew_seconds)
    site.ledger.clock += 1
    write_text(Path(site.conditions.environment[_CLOCK]), _offset(skew_seconds))
    time.sleep(_SEEN_SECONDS)
    for camera in CAMERAS:
        site.wait_scored(camera)
    recovered = time.monotonic() - started
    _provoke_event(site)
    wait_until("an event of the new time is told", lambda: _is_told_since(site, told, skew_seconds))
    return recovered


def _provoke_event(site: Site) -> None:
    """Lets the event of the faulty camera end, and another begin."""
    site.stream.stall()
    time.sleep(_STALL_SECONDS)
    site.stream.resume()
    site.wait_scored(FAULTY)


def _is_told_since(site: Site, told: int, skew_seconds: float) -> bool:
    now = time.time() + skew_seconds
    rows = [sighting.row for sighting in site.ledger.events.values()]
    fresh = {row["id"] for row in rows if abs(now - row["alarmed_at"]) < _HOUR / 2}
    return any(key.partition(":event.opened:")[0] in fresh for key in site.receiver.genuine[told:])


def _offset(seconds: int) -> str:
    return f"{seconds:+d}s\n"


def _library() -> Path | None:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    return found[0] if found else None


def _missing() -> str:
    return "" if _library() else "libfaketime is not installed (Debian: faketime)"


@contextmanager
def _with_own_clock(folder: Path) -> Iterator[Conditions]:
    clock = folder / "clock"
    write_text(clock, _offset(0))
    environment = {
        "LD_PRELOAD": str(_library()),
        _CLOCK: str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        # A set clock does not change the times of files.
        "NO_FAKE_STAT": "1",
    }
    yield Conditions(folder / "data", environment)


FAULT = Fault("clock-jump", 6, strike, missing=_missing, conditions=_with_own_clock)
