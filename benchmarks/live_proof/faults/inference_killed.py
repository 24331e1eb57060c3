"""`kill -9` of the process that scores, in the middle of an event."""

import time
from pathlib import Path

from live_proof.configuration import FAULTY
from live_proof.fault import Fault
from live_proof.ledger import Row, read_table
from live_proof.site import Site
from live_proof.waiting import wait_until


def strike(site: Site, _: int) -> float:
    """Kills it; recovers once scores come again and the event goes on: the alarm of this camera never ends."""
    pid = site.victim("inference")
    wait_until("an event is open", lambda: site.ledger.open_event(FAULTY))
    event = site.ledger.open_event(FAULTY)
    assert event is not None
    started = time.monotonic()
    site.kill("inference", pid)
    wait_until("it is gone", lambda: not Path(f"/proc/{pid}").exists())
    left = _row(site.database, event["id"])
    site.wait_replaced("inference", pid)
    wait_until("the event goes on", lambda: goes_on(left, _row(site.database, event["id"])))
    return time.monotonic() - started


def goes_on(left: Row, now: Row) -> bool:
    """Whether somebody went on with an event, as the process that was killed left it."""
    return bool(now["ended_at"] > left["ended_at"] and not now["interrupted"])


def _row(database: Path, event_id: str) -> Row:
    return next(row for row in read_table(database, "events") if row["id"] == event_id)


FAULT = Fault("inference-killed", 10, strike)
