"""`kill -9` of the main process while alerts wait for a receiver that is away."""

from live_proof.fault import Fault
from live_proof.faults.kill_anything import kill_main
from live_proof.faults.receiver_refuses import waiting
from live_proof.site import Site
from live_proof.waiting import wait_until


def strike(site: Site, _: int) -> float:
    """The receiver is back only when the engine is: what was owed before the kill comes then."""
    site.receiver.down()
    wait_until("alerts wait", lambda: waiting(site))
    kill_main(site, while_starting=False)
    site.receiver.up()
    return wait_until("none waits any more", lambda: not waiting(site))


FAULT = Fault("killed-in-outage", 10, strike)
