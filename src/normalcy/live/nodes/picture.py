"""What a node knows of its fleet: as it was read last, handed from the thread that reads it to all others."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from normalcy.live.nodes.shares import Member
from normalcy.live.store.leases import Held
from normalcy.live.store.records import Lease, NodeRecord


@dataclass(frozen=True)
class FleetPicture:
    """The fleet as the database had it.

    Attributes:
        nodes: All of them, by name.
        leases: Who has which camera.
        at: When it was read, on the monotonic clock.
    """

    nodes: tuple[NodeRecord, ...] = ()
    leases: Mapping[str, Held] = field(default_factory=dict)
    at: float = 0.0

    def living(self, lease_seconds: float) -> tuple[NodeRecord, ...]:
        """Nodes that run and were heard not long ago."""
        return tuple(each for each in self.nodes if is_living(each, lease_seconds))

    def members(self, cameras: frozenset[str], lease_seconds: float) -> tuple[Member, ...]:
        """Those of them that can watch cameras, and how many of these they have."""
        counts = {each.token: 0 for each in self.nodes}
        for camera in cameras & self.leases.keys():
            token = self.leases[camera].token
            if token in counts:
                counts[token] += 1
        ready = [each for each in self.living(lease_seconds) if each.ready]
        return tuple(Member(each.name, counts[each.token], each.capacity) for each in ready)


@dataclass(frozen=True)
class Taken:
    """A camera that this node watches.

    Attributes:
        lease: By what right.
        away_since: Since when somebody was told that it is gone, by a node of before; none where nobody was.
    """

    lease: Lease
    away_since: float | None = None


def is_living(node: NodeRecord, lease_seconds: float) -> bool:
    """Whether a node runs and was heard not long ago."""
    return node.state == "running" and node.silent_seconds < lease_seconds
