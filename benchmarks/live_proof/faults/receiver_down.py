"""Whoever is told of alerts is away for a while."""

import time

from live_proof.fault import Fault
from live_proof.faults.receiver_refuses import waiting
from live_proof.site import Site
from live_proof.waiting import wait_until


def away_for(seconds: float) -> Fault:
    """The fault, of so many seconds."""

    def strike(site: Site, _: int) -> float:
        site.receiver.down()
        time.sleep(seconds)
        wait_until("alerts wait", lambda: waiting(site))
        site.receiver.up()
        return wait_until("none waits any more", lambda: not waiting(site))

    return Fault("receiver-down", 1, strike)


FAULT = away_for(60.0)
