"""One trial: a node is killed at a random moment, and what came of it is counted."""

import time
from dataclasses import asdict
from random import Random
from typing import Any

from live_proof.fleet_count import (
    AFTER_BEGIN_SECONDS,
    BEFORE_DEATH_SECONDS,
    Counts,
    Span,
    count,
    doubled,
    events_of,
)
from live_proof.fleet_site import NODES, FleetSite
from live_proof.waiting import wait_until

_CALM_SECONDS = 2.0, 15.0
"""From all cameras being scored until the kill."""
_LOOK_ON_SECONDS = 15.0
"""So long the other node is watched once it has everything: there are two anomalies on each camera at least."""
_LOOK_SECONDS = 0.2


def try_once(site: FleetSite, number: int, *, random: Random) -> dict[str, Any]:
    """Kills a node, each of them in turn, and starts it again; the entry of the trial.

    Raises:
        NotRecovered: The other node does not take over, or the fleet is not whole again.
    """
    victim, survivor = (site.nodes[NODES[(number + each) % 2]] for each in (0, 1))
    begun = time.time()
    time.sleep(random.uniform(*_CALM_SECONDS))
    orphans = victim.scored()
    victim.kill()
    killed = time.time()
    scored = _wait_taken_over(site, survivor.name, orphans)
    time.sleep(_LOOK_ON_SECONDS)
    ended = time.time()
    is_sent = site.database.wait_sent()
    watched = {
        name: [(begun, killed - BEFORE_DEATH_SECONDS), (scored[name] + AFTER_BEGIN_SECONDS, ended)]
        if name in orphans
        else [(begun, ended)]
        for name in site.cameras
    }
    found = judge(site, since=begun, until=ended - AFTER_BEGIN_SECONDS, watched=watched)
    leases = _seconds_to_lease(site, orphans, killed)
    victim.start()
    site.wait_shared()
    return {
        "victim": victim.name,
        "cameras_of_victim": len(orphans),
        "seconds_to_lease": round(leases, 2),
        "seconds_to_first_frame_scored": round(max(scored.values()) - killed, 2),
        **asdict(found),
        "all_messages_sent": is_sent,
    }


def judge(site: FleetSite, *, since: float, until: float, watched: dict[str, list[Span]]) -> Counts:
    """Counts what came of a time."""
    anomalies = {name: camera.anomalies(since, until) for name, camera in site.cameras.items()}
    return count(anomalies, watched, events_of(site.database.all()), site.broker.all())


def doubled_in(site: FleetSite, *, since: float, until: float) -> list[dict[str, object]]:
    """Anomalies of a time that have more than one event, and all that is known of these."""
    anomalies = {name: camera.anomalies(since, until) for name, camera in site.cameras.items()}
    noted = site.database.all()
    return doubled(anomalies, events_of(noted), noted)


def _wait_taken_over(site: FleetSite, survivor: str, orphans: set[str]) -> dict[str, float]:
    """When each camera of the dead node had its first frame scored by the other one."""
    found: dict[str, float] = {}

    def have_all() -> bool:
        for name in site.nodes[survivor].scored() & orphans:
            found.setdefault(name, time.time())
        return found.keys() >= orphans

    wait_until(f"{survivor} has the cameras of the other node", have_all)
    return found


def _seconds_to_lease(site: FleetSite, orphans: set[str], killed: float) -> float:
    """Until the last lease was taken, as the database's triggers noted it."""
    taken = [
        each.at
        for each in site.database.all()
        if each.place == "leases" and each.at > killed and each.row["camera"] in orphans and each.row["token"]
    ]
    return max(taken, default=float("nan")) - killed
