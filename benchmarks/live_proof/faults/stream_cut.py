"""A camera's connection ends, and the next one is answered."""

import time

from live_proof.configuration import FAULTY
from live_proof.fault import Fault
from live_proof.site import Site
from live_proof.waiting import wait_until


def strike(site: Site, _: int) -> float:
    """Cuts the stream."""
    reconnects, started = site.camera()["reconnects"], time.monotonic()
    site.stream.cut()
    wait_until("it is opened again", lambda: site.camera()["reconnects"] > reconnects)
    site.wait_scored(FAULTY)
    return time.monotonic() - started


FAULT = Fault("stream-cut", 50, strike)
