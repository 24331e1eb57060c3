"""`kill -9` of the process that sends alerts, while it does."""

import time

from live_proof.fault import Fault
from live_proof.site import Site
from live_proof.waiting import wait_until

_ANSWER_SECONDS = 0.3
"""The receiver takes its time, so that most of the kills hit messages that arrived and are not written down as sent."""


def strike(site: Site, _: int) -> float:
    """Kills it around the moment in which a message arrives; recovers once the next one does."""
    pid = site.victim("alerts")
    site.receiver.behaviour.pause_seconds = _ANSWER_SECONDS
    begun = site.receiver.begun
    wait_until("a message comes", lambda: site.receiver.begun > begun)
    time.sleep(site.random.uniform(0, 1.5 * _ANSWER_SECONDS))
    started = time.monotonic()
    site.kill("alerts", pid)
    site.receiver.behaviour.pause_seconds = 0.0
    site.wait_replaced("alerts", pid)
    recovered, known = time.monotonic() - started, set(site.receiver.genuine)
    wait_until("another message arrives", lambda: set(site.receiver.genuine) - known)
    return recovered


FAULT = Fault("alerts-killed", 10, strike)
