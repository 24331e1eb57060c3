"""A camera's picture has another size from one frame to the next."""

import time

from live_proof.configuration import FAULTY
from live_proof.fault import Fault
from live_proof.site import Site
from live_proof.waiting import wait_until

_SIZES_PX = ((240, 320), (120, 160), (96, 128))


def strike(site: Site, round_: int) -> float:
    """Changes the size."""
    height_px, width_px = _SIZES_PX[round_ % len(_SIZES_PX)]
    started = time.monotonic()
    site.stream.resize((height_px, width_px))
    wait_until(
        f"it is {width_px}x{height_px}",
        lambda: (site.camera()["height_px"], site.camera()["width_px"]) == (height_px, width_px),
    )
    site.wait_scored(FAULTY)
    return time.monotonic() - started


FAULT = Fault("resolution-change", 10, strike)
