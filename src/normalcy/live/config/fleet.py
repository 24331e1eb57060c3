"""Several engines that watch the same cameras together."""

import re
import socket
from typing import Self

from pydantic import Field, model_validator

from normalcy.config import StrictConfig

_NODE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_BEATS = 3
"""So many signs of life fit into a lease at least: one that comes late costs nobody a camera."""
_OPENING_SECONDS = 30.0
"""A camera that another node had is opened by then, and its first frames are scored."""


class FleetConfig(StrictConfig):
    """The nodes that share the database of `store.url`, with the same cameras in their configurations.

    Attributes:
        enabled: Whether this engine is one of them; it has the database for itself without.
        node: What this one is called: letters, digits, ., - and _, 60 at most. May hold `${NAME}`; the name of the
            machine without.
        url: Where people reach this node's dashboard, for links in those of others. May hold `${NAME}`; where it
            listens, without.
        lease_seconds: A node that is not heard for so long loses its cameras to the others.
        heartbeat_seconds: How often a node gives a sign of life.
        capacity: Cameras that this node watches at most; none without a limit.
    """

    enabled: bool = False
    node: str | None = None
    url: str | None = None
    lease_seconds: float = Field(15.0, ge=3, le=600)
    heartbeat_seconds: float = Field(3.0, gt=0, le=60)
    capacity: int | None = Field(None, ge=1)

    @property
    def take_over_seconds(self) -> float:
        """Until another node goes on with a camera: it notices after a lease that the one before died, and opens it.

        >>> FleetConfig(lease_seconds=600).take_over_seconds
        630.0
        """
        return self.lease_seconds + _OPENING_SECONDS

    @model_validator(mode="after")
    def _beats_often(self) -> Self:
        if self.lease_seconds < _BEATS * self.heartbeat_seconds:
            raise ValueError(
                f"lease_seconds is {self.lease_seconds:g}; it has to be {_BEATS} times heartbeat_seconds at least"
            )
        return self


def is_node_name(name: str) -> bool:
    """Whether a node can be called so.

    >>> is_node_name("hall-2.example"), is_node_name("a/b")
    (True, False)
    """
    return _NODE_NAME.fullmatch(name) is not None


def machine_name() -> str:
    """The name of this machine, as a node can be called."""
    name = re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname()).strip("._-")[:60]
    return name or "node"
