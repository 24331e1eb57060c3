"""A camera takes connections and never answers."""

import time

from live_proof.configuration import FAULTY
from live_proof.fault import Fault
from live_proof.site import Site
from live_proof.waiting import wait_until

_ATTEMPTS = 1


def strike(site: Site, _: int) -> float:
    """Mutes the stream for a few attempts; recovers from when it answers again."""
    reconnects = site.camera()["reconnects"]
    site.stream.mute()
    try:
        site.stream.cut()
        wait_until(
            "attempts time out",
            lambda: (
                site.camera()["reconnects"] > reconnects + _ATTEMPTS and site.camera()["state"] != "online"
            ),
        )
    finally:
        site.stream.mute(False)
    started = time.monotonic()
    site.wait_scored(FAULTY)
    return time.monotonic() - started


FAULT = Fault("half-open", 10, strike)
