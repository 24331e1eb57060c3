"""Nodes of a fleet without their engines: on one database, by a clock that the test moves."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from normalcy.live.config.fleet import FleetConfig
from normalcy.live.nodes.identity import NodeIdentity
from normalcy.live.nodes.node import Node, Offer
from normalcy.live.store.models import Base
from normalcy.live.store.store import Store

LEASE_SECONDS, BEAT_SECONDS = 15.0, 3.0
CAMERAS = ("a", "b", "c", "d")


@dataclass
class Clock:
    """A monotonic clock."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Fleet:
    """Nodes on one database.

    Attributes:
        store: Of the test itself.
    """

    store: Store
    url: str
    clock: Clock = field(default_factory=Clock)
    nodes: list[Node] = field(default_factory=list)

    def node(
        self, name: str, *, folder: str = "", ready: bool = True, cameras: Any = CAMERAS, **config: Any
    ) -> Node:
        """One that has joined, and could watch all cameras."""
        settings = FleetConfig(
            enabled=True, lease_seconds=LEASE_SECONDS, heartbeat_seconds=BEAT_SECONDS, **config
        )
        number = len(self.nodes)
        identity = NodeIdentity(name, f"{number:032x}", folder or f"{name:0>32}", LEASE_SECONDS)
        node = Node(Store(self.url), identity=identity, config=settings, clock=self.clock)
        node.join()
        node.offer(Offer(frozenset(cameras), ready))
        self.nodes.append(node)
        return node

    def go_on(self, *nodes: Node, seconds: float = BEAT_SECONDS) -> None:
        """Lets time pass: these nodes live, the others say nothing meanwhile."""
        self.clock.now += seconds
        # The database's clock cannot be moved: what it noted moves back.
        with self.store.transaction() as session:
            session.execute(text("UPDATE nodes SET heard_at = heard_at - :seconds"), {"seconds": seconds})
        for node in nodes:
            node.turn()

    def live(self, *nodes: Node, seconds: float) -> None:
        """The same for longer, a sign of life after the other."""
        for _ in range(round(seconds / BEAT_SECONDS)):
            self.go_on(*nodes)

    def close(self) -> None:
        for node in self.nodes:
            node.leave()


@contextmanager
def fleet_on(store: Store) -> Iterator[Fleet]:
    """On a migrated database, whose rows are deleted."""
    with store.transaction() as session:
        session.execute(text(f"TRUNCATE {', '.join(Base.metadata.tables)} RESTART IDENTITY"))
    fleet = Fleet(store, store.url.render_as_string(hide_password=False))
    try:
        yield fleet
    finally:
        fleet.close()


def cameras_of(node: Node) -> set[str]:
    return set(node.taken)
