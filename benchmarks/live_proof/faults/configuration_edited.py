"""Somebody edits the configuration, and the main process is killed with `kill -9` right after."""

import time

import yaml

from live_proof.configuration import BUSY
from live_proof.fault import Fault
from live_proof.faults.kill_anything import kill_main
from live_proof.site import Site
from live_proof.waiting import wait_until
from normalcy.run_folder import write_text

_MOST_SECONDS = 3.0
"""An edit is taken up within about two; so some kills come before, some while, and some after."""


def strike(site: Site, number: int) -> float:
    """What was written holds when the engine is back."""
    title = f"Busy {number}"
    said = yaml.safe_load(site.config.read_text())
    said["cameras"][BUSY]["title"] = title
    write_text(site.config, yaml.safe_dump(said, sort_keys=False))
    time.sleep(site.random.uniform(0, _MOST_SECONDS))
    started = time.monotonic()
    kill_main(site, while_starting=False)
    wait_until("the edit holds", lambda: site.camera(BUSY)["title"] == title)
    return time.monotonic() - started


FAULT = Fault("configuration-edited", 10, strike)
