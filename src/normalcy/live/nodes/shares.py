"""How many cameras each node should have, and so which it takes and which it lets go: decided without a database.

A node takes cameras up to its fair share, which is the same for all but for those that have no room for as many. One
that has more lets some go, one at a time, and only where another has room for them in its own share: so cameras move
when a node joins, and stay where they are otherwise.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Member:
    """A node that may watch cameras.

    Attributes:
        name: Of the node.
        cameras: That it watches.
        capacity: Cameras at most; none without a limit.
    """

    name: str
    cameras: int
    capacity: int | None = None


def fair_shares(cameras: int, members: Sequence[Member]) -> dict[str, int]:
    """Cameras that each should have at most; together no fewer than there are, where there is room for all.

    >>> fair_shares(7, [Member("a", 0), Member("b", 0), Member("c", 0)])
    {'a': 3, 'b': 3, 'c': 3}
    >>> fair_shares(7, [Member("a", 0, capacity=1), Member("b", 0), Member("c", 0, capacity=9)])
    {'a': 1, 'b': 3, 'c': 3}
    """
    shares: dict[str, int] = {}
    left = cameras
    # Those with the least room first: what they cannot take is shared by all after them.
    by_room = sorted(
        members, key=lambda each: (math.inf if each.capacity is None else each.capacity, each.name)
    )
    for place, each in enumerate(by_room):
        share = math.ceil(left / (len(by_room) - place))
        if each.capacity is not None and each.capacity < share:
            shares[each.name] = each.capacity
            left -= each.capacity
        else:
            shares |= {other.name: share for other in by_room[place:]}
            break
    return {each.name: shares[each.name] for each in members}


def room_of(name: str, *, cameras: int, members: Sequence[Member]) -> int:
    """How many more cameras a node may take."""
    mine = next(each for each in members if each.name == name)
    return max(0, fair_shares(cameras, members)[name] - mine.cameras)


def has_to_let_go(name: str, *, cameras: int, members: Sequence[Member]) -> bool:
    """Whether a node has a camera too many, for which another one has room."""
    shares = fair_shares(cameras, members)
    counts = {each.name: each.cameras for each in members}
    others_have_room = any(counts[each] < shares[each] for each in counts if each != name)
    return counts[name] > shares[name] and others_have_room
