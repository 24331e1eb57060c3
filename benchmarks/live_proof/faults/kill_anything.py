"""`kill -9` of any process of the engine, at any time."""

import time

from live_proof.configuration import BUSY, FAULTY
from live_proof.fault import Fault
from live_proof.site import Site

_ROLES = ("main", "inference", "alerts", f"capture {FAULTY}", f"capture {BUSY}")
_MOST_SECONDS = 5.0
_WHILE_STARTING = 0.5
_MOST_STARTING_SECONDS = 3.0


def strike(site: Site, _: int) -> float:
    """Kills one at random; where that is the main one, somebody starts the engine again, as systemd would."""
    time.sleep(site.random.uniform(0, _MOST_SECONDS))
    role = site.random.choice([each for each in _ROLES if site.deaths.wait_seconds(each) == 0.0])
    site.note_count(f"kills: {role}")
    started = time.monotonic()
    if role == "main":
        kill_main(site, while_starting=site.random.random() < _WHILE_STARTING)
    else:
        pid = site.victim(role)
        site.kill(role, pid)
        site.wait_replaced(role, pid)
    return time.monotonic() - started


def kill_main(site: Site, *, while_starting: bool) -> None:
    """Kills the main process, starts the engine again, and where asked to, does so once more while it starts."""
    site.watcher.judge(on=False)
    _kill(site)
    if while_starting:
        site.engine.start()
        time.sleep(site.random.uniform(0, _MOST_STARTING_SECONDS))
        _kill(site)
    site.start_engine()


def _kill(site: Site) -> None:
    site.note_worst("seconds until the children of a killed main process were gone", site.engine.kill())


FAULT = Fault("kill-anything", 100, strike)
