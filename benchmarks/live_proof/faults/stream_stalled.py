"""A camera falls silent while its connection stays, for shorter and for longer than it is waited for."""

import time

from live_proof.configuration import FAULTY
from live_proof.fault import Fault
from live_proof.site import Site
from live_proof.waiting import wait_until

_STATES = ("stalled", "offline")


def strike(site: Site, round_: int) -> float:
    """Stalls the stream until that is noticed, in turns as a stall and as a loss; recovers from when it goes on."""
    expected = _STATES[round_ % len(_STATES)]
    site.stream.stall()
    try:
        wait_until(f"it is {expected}", lambda: site.camera()["state"] == expected)
    finally:
        site.stream.resume()
    started = time.monotonic()
    site.wait_scored(FAULTY)
    return time.monotonic() - started


FAULT = Fault("stream-stalled", 10, strike)
