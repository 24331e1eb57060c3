"""What the supervisor does as one node among several: it watches the cameras that are its own, and no others."""

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from normalcy.live.config.live import LiveConfig
from normalcy.live.config.secrets import resolve
from normalcy.live.config.web import is_loopback
from normalcy.live.nodes.identity import NodeIdentity, new_life
from normalcy.live.nodes.node import Node, Offer
from normalcy.live.nodes.picture import Taken
from normalcy.live.status import CameraStatus, NodeStatus
from normalcy.live.store.records import Lease
from normalcy.live.store.store import Store
from normalcy.live.supervision.others import camera_of_another, digests_of, node_status, status_of

_WILDCARDS = ("0.0.0.0", "::", "")
_OFFER_SECONDS = 1.0


@dataclass
class _Rate:
    """Frames per second, from how many there were."""

    count: int = 0
    at: float = field(default_factory=time.monotonic)
    per_second: float = 0.0

    def follow(self, count: int, now: float) -> float:
        """The rate since the last time; what began anew counts from nothing."""
        self.per_second = max(0, count - self.count) / max(now - self.at, 1e-3)
        self.count, self.at = count, now
        return self.per_second


class Membership:
    """This engine as a node of a fleet.

    Args:
        config: That it was started with.
        store_url: Of the database that all share, with its secrets in place.

    Attributes:
        identity: Who it is.
        node: Talks to the others, through the database.
        begun: Cameras that are watched here, or are about to be, and by what right.
    """

    def __init__(self, config: LiveConfig, *, store_url: str) -> None:
        self.identity: NodeIdentity = new_life(config)
        self._config = config.fleet
        self.node = Node(Store(store_url), identity=self.identity, config=config.fleet)
        self.begun: dict[str, Lease] = {}
        self._offered, self._rate = 0.0, _Rate()
        self._settings: dict[str, str] = {}

    def own(self, config: LiveConfig) -> tuple[LiveConfig, Mapping[str, Taken]]:
        """The configuration with the cameras alone that this node watches, and those of them that it begins with.

        One that was lost and taken again is left out once: it has to begin anew.
        """
        taken = self.node.taken
        lost = {name for name, lease in self.begun.items() if name not in taken or taken[name].lease != lease}
        for name in lost:
            del self.begun[name]
        wanted = {name for name, camera in config.cameras.items() if camera.enabled}
        new = {name: each for name, each in taken.items() if name in wanted - lost - self.begun.keys()}
        self.begun |= {name: each.lease for name, each in new.items()}
        cameras = {
            name: camera
            for name, camera in config.cameras.items()
            if not camera.enabled or name in self.begun
        }
        return config.model_copy(update={"cameras": cameras}), new

    def tell(
        self, config: LiveConfig, cameras: list[CameraStatus], *, ready: bool, address: str, now: float
    ) -> None:
        """Has the node tell the others how things stand here; monotonic clock."""
        if now - self._offered < _OFFER_SECONDS:
            return
        self._offered = now
        self._settings = digests_of(config)
        mine = [each for each in cameras if each.name in self.begun]
        scored = sum(each.frames_scored for each in mine)
        self.node.offer(
            Offer(
                cameras=frozenset(name for name, each in config.cameras.items() if each.enabled),
                ready=ready,
                address=self._address(config, address),
                status={
                    "frames_per_second": round(self._rate.follow(scored, now), 2),
                    "cameras": {each.name: status_of(each) for each in mine},
                    "settings": self._settings,
                },
                busy=frozenset(each.name for each in mine if each.alarmed or each.event),
            )
        )

    def cameras(self, config: LiveConfig, here: list[CameraStatus]) -> list[CameraStatus]:
        """All cameras of the configuration, those of other nodes as these said last."""
        mine = {each.name: each for each in here}
        picture = self.node.statuses.added_to(self.node.picture)
        nodes = {each.name: each for each in picture.nodes}
        return [
            mine[name]
            if name in mine
            else camera_of_another(name, config, nodes.get(self.node.owner(name)), read_at=picture.at)
            for name in config.cameras
        ]

    def nodes(self) -> list[NodeStatus]:
        """All nodes."""
        picture = self.node.statuses.added_to(self.node.picture)
        return [
            node_status(
                each,
                picture,
                here=self.identity.name,
                lease_seconds=self._config.lease_seconds,
                settings=self._settings,
            )
            for each in picture.nodes
        ]

    @property
    def trouble(self) -> str:
        """What a person should look at; empty where all is well."""
        if self.node.is_sure:
            return ""
        return (
            "The database cannot be reached: other nodes may watch the cameras of this one by now. What it sees "
            "meanwhile is stored only where they are its own still"
        )

    def _address(self, config: LiveConfig, listening: str) -> str:
        if self._config.url:
            return resolve(self._config.url)
        if not listening or is_loopback(config.web.host):
            return listening
        host = socket.gethostname() if config.web.host in _WILDCARDS else config.web.host
        return f"http://{f'[{host}]' if ':' in host else host}:{urlsplit(listening).port}"
