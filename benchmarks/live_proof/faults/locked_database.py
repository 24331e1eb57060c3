"""Another program keeps the database locked for longer than anybody waits for it."""

import sqlite3
import time
from contextlib import closing

from live_proof.configuration import CAMERAS
from live_proof.fault import Fault
from live_proof.ledger import read_table
from live_proof.site import Site
from live_proof.waiting import wait_until


def locked_for(seconds: float) -> Fault:
    """The fault, of so many seconds."""

    def strike(site: Site, _: int) -> float:
        with closing(sqlite3.connect(site.database, timeout=60.0, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            end, before = time.monotonic() + seconds, _newest(site)
            for camera in CAMERAS:
                site.wait_scored(camera)
            time.sleep(max(0.0, end - time.monotonic()))
            other.execute("ROLLBACK")
        return wait_until("events are written", lambda: _newest(site) > before)

    return Fault("locked-database", 5, strike)


def _newest(site: Site) -> float:
    return max((float(row["ended_at"]) for row in read_table(site.database, "events")), default=0.0)


FAULT = locked_for(10.0)
