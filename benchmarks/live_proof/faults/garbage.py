"""Noise in the middle of a camera's stream."""

import time

from live_proof.configuration import FAULTY
from live_proof.fault import Fault
from live_proof.site import Site
from live_proof.waiting import wait_until

_MOST_BYTES = 40_000
_FRAMES = 10


def strike(site: Site, _: int) -> float:
    """Sends noise, of a random length."""
    sent, started = site.stream.frames, time.monotonic()
    site.stream.garbage(site.random.randrange(1, _MOST_BYTES))
    wait_until("frames are sent after it", lambda: site.stream.frames > sent + _FRAMES)
    site.wait_scored(FAULTY)
    return time.monotonic() - started


FAULT = Fault("garbage", 10, strike)
