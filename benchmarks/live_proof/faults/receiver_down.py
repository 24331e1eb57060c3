"""Whoever is told of alerts is away for a while."""

import time

from live_proof.fault import Fault
from live_proof.ledger import read_table
from live_proof.site import Site
from live_proof.waiting import wait_until


def away_for(seconds: float) -> Fault:
    """The fault, of so many seconds."""

    def strike(site: Site, _: int) -> float:
        site.receiver.down()
        time.sleep(seconds)
        wait_until("alerts wait", lambda: _waiting(site))
        site.receiver.up()
        return wait_until("none waits any more", lambda: not _waiting(site))

    return Fault("receiver-down", 1, strike)


def _waiting(site: Site) -> bool:
    return any(row["state"] == "waiting" for row in read_table(site.database, "outbox"))


FAULT = away_for(60.0)
