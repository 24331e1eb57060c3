"""`kill -9` of the process that sends alerts, while it does."""

import time

from live_proof.fault import Fault
from live_proof.site import Site
from live_proof.waiting import wait_until

_MOST_SECONDS = 0.05


def strike(site: Site, _: int) -> float:
    """Kills it around the moment in which a message arrives; recovers once the next one does."""
    taken = len(site.receiver.requests)
    wait_until("a message arrives", lambda: len(site.receiver.requests) > taken)
    time.sleep(site.random.uniform(0, _MOST_SECONDS))
    started = time.monotonic()
    pid = site.kill("alerts")
    site.wait_replaced("alerts", pid)
    recovered = time.monotonic() - started
    known = set(site.receiver.genuine)
    wait_until("another message arrives", lambda: set(site.receiver.genuine) - known)
    return recovered


FAULT = Fault("alerts-killed", 10, strike)
