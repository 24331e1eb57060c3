"""MQTT: every message as JSON, and cameras as Home Assistant likes to find them."""

import json
import threading
from collections.abc import Callable
from typing import Any

from normalcy.live.alerts.control import CameraBoard
from normalcy.live.alerts.delivery import Delivery
from normalcy.live.alerts.mqtt_link import MqttLink
from normalcy.live.alerts.mqtt_topics import (
    OFFLINE,
    ONLINE,
    camera_topic,
    events_topic,
    own_topics,
    standing_topics,
    status_topic,
    topic_filters,
)
from normalcy.live.config.alerts import MqttConfig

_AGAIN_SECONDS = 1.0
_NEWS = frozenset({"event.opened", "event.escalated"})


class MqttReceiver:
    """A broker that is told of events, and shows the cameras.

    Args:
        config: Which broker.
        board: The cameras; they are shown for as long as the receiver lives.
        recovered: Called after each connection: messages that waited for it may go.
        node: Name of this node, where there are several: it shows its own cameras, and leaves those of others as they
            are.

    Raises:
        ConfigError: A secret cannot be read.
    """

    def __init__(
        self,
        config: MqttConfig,
        *,
        board: CameraBoard,
        recovered: Callable[[], None] = lambda: None,
        node: str = "",
    ) -> None:
        self._config, self._board, self._recovered, self._node = config, board, recovered, node
        self._status_topic = status_topic(config, node)
        self._lock = threading.Lock()
        self._standing: dict[str, str] = {}
        self._again: threading.Thread = threading.Thread()
        self._last_events: dict[str, str] = {}
        self._link = MqttLink(
            config,
            will=(self._status_topic, OFFLINE),
            connected=self._on_connected,
            received=self._on_leftover,
            overheard=self._on_overheard if node else lambda topic, payload: None,
            node=node,
        )
        board.add_reader(self._show)
        self._link.start()

    def send(self, delivery: Delivery) -> None:
        """Publishes a message, and as the camera's last event where it is news; see `Receiver`."""
        payload = dict(delivery.payload)
        self._link.deliver(events_topic(self._config), _json(payload), key=delivery.key)
        if payload["type"] in _NEWS:
            self._show_event(payload["camera"], _json(payload))

    def _show_event(self, camera: str, text: str) -> None:
        """As the camera's last event; that of another node's camera is not kept up here."""
        if self._node and self._board.cameras.get(camera) is None:
            self._link.publish(camera_topic(self._config, camera, "event"), text, retain=True)
            return
        self._last_events[camera] = text
        self._show()

    def close(self) -> None:
        """Says that nobody is there any more, and ends the connection."""
        self._board.remove_reader(self._show)
        self._link.close(farewell=(self._status_topic, OFFLINE))

    def _on_connected(self) -> None:
        with self._lock:
            self._standing = {}
        self._link.subscribe(topic_filters(self._config))
        self._link.publish(self._status_topic, ONLINE, retain=True)
        if self._node:
            # What one engine by itself said may be there still, and would be true no more.
            self._link.publish(status_topic(self._config), "", retain=True)
        self._show()
        self._recovered()

    def _show(self) -> None:
        """Publishes what is not on the broker yet, and clears what should not be there any more."""
        with self._lock:
            if not self._link.is_up:
                return
            wanted = self._wanted()
            others = own_topics(self._config, self._others())
            gone = dict.fromkeys(self._standing.keys() - wanted.keys() - others, "")
            changed = {topic: text for topic, text in wanted.items() if self._standing.get(topic) != text}
            for topic, text in (gone | changed).items():
                self._link.publish(topic, text, retain=True)
            self._standing = wanted

    def _wanted(self) -> dict[str, str]:
        cameras = self._board.cameras
        for camera in self._others():
            self._last_events.pop(camera, None)
        events = {
            camera_topic(self._config, camera, "event"): text
            for camera, text in self._last_events.items()
            if camera in cameras
        }
        return standing_topics(self._config, cameras, self._node) | events

    def _others(self) -> dict[str, None]:
        """Cameras that other nodes show."""
        cameras = self._board.cameras if self._node else {}
        return {camera: None for camera, news in cameras.items() if news is None}

    def _on_leftover(self, topic: str, payload: bytes) -> None:
        if payload and topic not in own_topics(self._config, self._board.cameras):
            self._link.publish(topic, "", retain=True)

    def _on_overheard(self, topic: str, payload: bytes) -> None:
        """Says again what another node said otherwise: one that stood still did not know yet whose camera it is."""
        with self._lock:
            is_other = self._standing.get(topic, "").encode() not in (b"", payload)
            if not is_other:
                return
            del self._standing[topic]
            if self._again.is_alive():
                return
            # Not at once: what was published meanwhile by this node itself is overheard as well.
            self._again = threading.Timer(_AGAIN_SECONDS, self._show)
            self._again.daemon = True
            self._again.start()


class MqttTrial:
    """Publishes messages to a broker, and neither shows cameras nor leaves a last will."""

    def __init__(self, config: MqttConfig) -> None:
        self._config, self._link = config, MqttLink(config)
        self._link.start()

    def send(self, delivery: Delivery) -> None:
        """Publishes a message; see `Receiver`."""
        self._link.deliver(events_topic(self._config), _json(dict(delivery.payload)), key=delivery.key)

    def close(self) -> None:
        """Ends the connection."""
        self._link.close()


def _json(payload: dict[str, Any]) -> str:
    return json.dumps(payload, ensure_ascii=False, allow_nan=False)
