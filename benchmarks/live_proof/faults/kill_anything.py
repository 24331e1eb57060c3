"""`kill -9` of any process of the engine, at any time."""

import time

from live_proof.configuration import BUSY, FAULTY
from live_proof.fault import Fault
from live_proof.site import Site

_ROLES = ("main", "inference", "alerts", f"capture {FAULTY}", f"capture {BUSY}")
_MOST_SECONDS = 5.0


def strike(site: Site, _: int) -> float:
    """Kills one at random; where that is the main one, somebody starts the engine again, as systemd would."""
    time.sleep(site.random.uniform(0, _MOST_SECONDS))
    role = site.random.choice([each for each in _ROLES if site.deaths.wait_seconds(each) == 0.0])
    site.note_count(f"kills: {role}")
    started = time.monotonic()
    if role == "main":
        _restart(site)
    else:
        site.wait_replaced(role, site.kill(role))
    return time.monotonic() - started


def _restart(site: Site) -> None:
    site.watcher.judge(on=False)
    site.note_worst("seconds until children of a killed main process were gone", site.engine.kill())
    site.start_engine()


FAULT = Fault("kill-anything", 100, strike)
