"""Where a fleet is killed: two nodes, their database, a broker, and cameras on which something happens now and then."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from live_proof.fleet_count import COOL_DOWN_SECONDS
from live_proof.fleet_truth import BrokerLog, DatabaseLog
from live_proof.stand_ins import Broker, NodeProcess, WorldCamera, running_server
from live_proof.waiting import wait_until
from normalcy.live.store.store import Store

NODES = ("one", "two")
LEASE_SECONDS, HEARTBEAT_SECONDS = 15.0, 3.0
_APART_SECONDS = 1.6
_TOPIC = "normalcy"


class FleetSite:
    """A fleet that runs; everything ends with the block.

    Args:
        bundle: The detector.
        folder: For configurations, data and logs.
        cameras: How many.

    Attributes:
        cameras: By name.
        nodes: By name.
        database, broker: What these noted.
        began: Since when both nodes have watched, in seconds since 1970.
    """

    def __init__(self, *, bundle: Path, folder: Path, cameras: int) -> None:
        self._bundle, self._folder, self._count = bundle, folder, cameras
        self._stack = ExitStack()
        self.cameras: dict[str, WorldCamera] = {}
        self.nodes: dict[str, NodeProcess] = {}
        self.began = 0.0

    def __enter__(self) -> Self:
        with self._stack:
            server = self._stack.enter_context(running_server())
            url = server.new_database()
            Store(url, migrate=True).close()
            self.database = DatabaseLog(url.replace("+psycopg", ""))
            self._stack.callback(self.database.close)
            self._folder.mkdir(parents=True, exist_ok=True)
            mosquitto = Broker(self._folder)
            self._stack.callback(mosquitto.stop)
            self.broker = self._stack.enter_context(BrokerLog(mosquitto.port, topic=f"{_TOPIC}/events"))
            for number in range(self._count):
                # The same picture, for others alarm the floor without a cause; only not at the same time.
                camera = WorldCamera(delay_seconds=_APART_SECONDS * number)
                self.cameras[f"camera{number}"] = self._stack.enter_context(camera)
            said = self._said(url, mosquitto.port)
            for name in NODES:
                self.nodes[name] = NodeProcess(self._folder / name, name, said)
                self._stack.callback(self.nodes[name].kill)
                self.nodes[name].start()
            self.wait_shared()
            self.began = time.time()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def wait_shared(self) -> None:
        """Until each camera is scored, and each node has its share."""
        share = len(self.cameras) // len(NODES)

        def is_shared() -> bool:
            found = [node.scored() for node in self.nodes.values()]
            return set().union(*found) == set(self.cameras) and all(len(each) >= share for each in found)

        wait_until("the cameras are shared out and scored", is_shared)

    def _said(self, url: str, port: int) -> dict[str, Any]:
        return {
            "bundles": {"main": {"path": str(self._bundle.absolute()), "threads": 1}},
            "defaults": {"scene_change": False, "preview_height_px": 90, "read_timeout_seconds": 3.0},
            "cameras": {name: {"source": camera.url} for name, camera in self.cameras.items()},
            "events": {
                "cool_down_seconds": COOL_DOWN_SECONDS,
                "pre_roll_seconds": 0.5,
                "post_roll_seconds": 0.5,
                "longest_clip_seconds": 5.0,
            },
            "alerts": {"mqtt": {"host": "127.0.0.1", "port": port}, "per_camera_per_hour": 1_000_000},
            "store": {"url": url, "retention": {"free_gigabytes": 0}},
            "fleet": {"lease_seconds": LEASE_SECONDS, "heartbeat_seconds": HEARTBEAT_SECONDS},
        }
