"""A capture process hangs, so that it neither decodes nor does what it is told."""

import os
import signal
import time

from live_proof.configuration import FAULTY
from live_proof.fault import Fault
from live_proof.processes import is_alive
from live_proof.site import Site
from live_proof.waiting import wait_until

_ROLE = f"capture {FAULTY}"
_NOTICED = "hangs in its decoder"


def strike(site: Site, _: int) -> float:
    """Stops the process as a debugger would; recovers from when it hangs, so most of it is the engine's patience."""
    time.sleep(site.deaths.wait_seconds(_ROLE))
    pid, noticed, started = site.pid(_ROLE), _times_noticed(site), time.monotonic()
    os.kill(pid, signal.SIGSTOP)
    wait_until("it is noticed", lambda: _times_noticed(site) > noticed)
    site.deaths.note(_ROLE)
    seconds = wait_until("it is killed", lambda: not is_alive(pid))
    site.note_worst("seconds from being noticed to being gone", seconds)
    site.wait_replaced(_ROLE, pid)
    return time.monotonic() - started


def _times_noticed(site: Site) -> int:
    return sum(_NOTICED in message for message in site.engine.read_log())


FAULT = Fault("wedged-decoder", 5, strike)
