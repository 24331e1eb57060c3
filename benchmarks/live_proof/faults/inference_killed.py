"""`kill -9` of the process that scores, in the middle of an event."""

import time

from live_proof.configuration import FAULTY
from live_proof.fault import Fault
from live_proof.site import Site
from live_proof.waiting import wait_until


def strike(site: Site, _: int) -> float:
    """Kills it; recovers once scores come again and the event goes on or is over."""
    pid = site.victim("inference")
    wait_until("an event is open", lambda: site.ledger.open_event(FAULTY))
    event = site.ledger.open_event(FAULTY)
    assert event is not None
    started = time.monotonic()
    site.kill("inference", pid)
    site.wait_replaced("inference", pid)
    wait_until("the event goes on", lambda: _goes_on(site, event["id"], after=event["ended_at"]))
    return time.monotonic() - started


def _goes_on(site: Site, event_id: str, *, after: float) -> bool:
    row = site.ledger.events[event_id].row
    return row["state"] == "closed" or bool(row["ended_at"] > after)


FAULT = Fault("inference-killed", 10, strike)
