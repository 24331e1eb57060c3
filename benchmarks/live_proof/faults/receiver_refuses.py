"""Whoever is told of alerts refuses everything for a while: it answers, but with 400."""

import time

from live_proof.fault import Fault
from live_proof.ledger import read_table
from live_proof.site import Site
from live_proof.waiting import wait_until

_SECONDS = 20.0


def strike(site: Site, _: int) -> float:
    """Refuses, and takes everything again: what was refused comes later."""
    site.receiver.behaviour.status = 400
    try:
        time.sleep(_SECONDS)
        wait_until("alerts wait", lambda: waiting(site))
    finally:
        site.receiver.behaviour.status = 200
    return wait_until("none waits any more", lambda: not waiting(site))


def waiting(site: Site) -> bool:
    """Whether an alert is owed that was not taken yet."""
    return any(row["state"] == "waiting" for row in read_table(site.database, "outbox"))


FAULT = Fault("receiver-refuses", 5, strike)
