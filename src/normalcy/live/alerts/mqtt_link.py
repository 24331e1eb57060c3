"""A lasting connection to an MQTT broker, which comes back by itself."""

import hashlib
import logging
import socket
import ssl
import sys
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from normalcy.errors import ConfigError
from normalcy.live.alerts.delivery import DeliveryError
from normalcy.live.config.alerts import MqttConfig
from normalcy.live.config.secrets import resolve

logger = logging.getLogger(__name__)

_KEEPALIVE_SECONDS = 30
_MOST_RECONNECT_SECONDS = 10
_CONNECT_SECONDS = 5.0
_ACKNOWLEDGE_SECONDS = 10.0
_FAREWELL_SECONDS = 1.0


class MqttLink:
    """One client. Messages count as sent when the broker has acknowledged them.

    Args:
        config: Which broker.
        will: (topic, payload) that the broker publishes when we are gone without a word; a client that has one keeps
            its name, so that a new one takes the place of one whose connection is half dead.
        node: Name of this node, where there are several: each is a client of its own.
        connected: Called after each connection, in the client's thread.
        received: Called with topic and payload of each message that stood there before, in the client's thread.
        overheard: Likewise of each that somebody publishes from now on, this client included.

    Raises:
        ConfigError: A secret or the certificates cannot be read.
    """

    def __init__(
        self,
        config: MqttConfig,
        *,
        will: tuple[str, str] | None = None,
        connected: Callable[[], None] = lambda: None,
        received: Callable[[str, bytes], None] = lambda topic, payload: None,
        overheard: Callable[[str, bytes], None] = lambda topic, payload: None,
        node: str = "",
    ) -> None:
        self._config, self._connected = config, connected
        self._received, self._overheard = received, overheard
        self._is_up = threading.Event()
        self._trouble = "no connection to the broker yet"
        self._pending: dict[str, paho.MQTTMessageInfo] = {}
        self._client = _client(config, lasting=will is not None, node=node)
        if will is not None:
            self._client.will_set(will[0], will[1], qos=1, retain=True)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message

    def start(self) -> None:
        """Connects, in a thread of its own, and again whenever the connection breaks."""
        self._client.connect_async(self._config.host, self._config.port, keepalive=_KEEPALIVE_SECONDS)
        self._client.loop_start()

    @property
    def is_up(self) -> bool:
        """Whether the broker has accepted us."""
        return self._is_up.is_set()

    def publish(self, topic: str, payload: str, *, retain: bool) -> None:
        """Publishes without waiting."""
        self._client.publish(topic, payload, qos=1, retain=retain)

    def subscribe(self, topics: list[str]) -> None:
        """Asks for what stands under these topics."""
        self._client.subscribe([(topic, 1) for topic in topics])

    def deliver(self, topic: str, payload: str, *, key: str) -> None:
        """Publishes and waits until the broker has it.

        A message that was not acknowledged in time is still on its way: with the same key it is waited for, not
        published again.

        Raises:
            DeliveryError: No connection, or no acknowledgement in time.
        """
        if not self._is_up.wait(_CONNECT_SECONDS):
            raise DeliveryError(self._trouble)
        info = self._pending.get(key) or self._client.publish(topic, payload, qos=1)
        self._pending[key] = info
        # A connection that broke this moment: the client has the message and sends it with the next.
        info.rc = paho.MQTT_ERR_SUCCESS
        info.wait_for_publish(_ACKNOWLEDGE_SECONDS)
        if not info.is_published():
            raise DeliveryError(f"no acknowledgement of the broker within {_ACKNOWLEDGE_SECONDS:g} s")
        del self._pending[key]

    def close(self, *, farewell: tuple[str, str] | None = None) -> None:
        """Ends the connection, with a last retained (topic, payload) where there is one."""
        if farewell is not None and self.is_up:
            info = self._client.publish(farewell[0], farewell[1], qos=1, retain=True)
            info.rc = paho.MQTT_ERR_SUCCESS
            info.wait_for_publish(_FAREWELL_SECONDS)
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: paho.Client, _: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._trouble = f"the broker refuses the connection: {reason}"
            logger.warning("mqtt: %s", self._trouble)
            return
        logger.info("mqtt: connected to %s", _where(self._config))
        self._is_up.set()
        self._connected()

    def _on_connect_fail(self, client: paho.Client, _: Any) -> None:
        # The client calls this while it handles what went wrong.
        self._trouble = f"no connection to the broker {_where(self._config)}{_why(sys.exception())}"

    def _on_disconnect(self, client: paho.Client, _: Any, flags: Any, reason: Any, properties: Any) -> None:
        if self.is_up:
            self._trouble = f"the connection to the broker broke: {reason}"
            self._is_up.clear()
            logger.info("mqtt: %s", self._trouble)

    def _on_message(self, client: paho.Client, _: Any, message: paho.MQTTMessage) -> None:
        take = self._received if message.retain else self._overheard
        take(message.topic, bytes(message.payload))


def _client(config: MqttConfig, *, lasting: bool, node: str) -> paho.Client:
    whose = f"{socket.gethostname()}/{config.topic}" + (f"/{node}" if node else "")
    of_ours = hashlib.sha256(whose.encode()).hexdigest()
    suffix = of_ours if lasting else uuid.uuid4().hex
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"normalcy-{suffix[:12]}")
    if config.username is not None:
        password = resolve(config.password) if config.password is not None else None
        client.username_pw_set(resolve(config.username), password)
    if config.tls:
        client.tls_set_context(_tls(config.ca_file))
    client.reconnect_delay_set(min_delay=1, max_delay=_MOST_RECONNECT_SECONDS)
    return client


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    """What a broker's certificate is checked by.

    Raises:
        ConfigError: The file cannot be read, or holds no certificate.
    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # that of a file without certificates is one, too
        reason = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise ConfigError(
            f"cannot be read ({reason})", where=ca_file or "the system's certificates"
        ) from error


def _where(config: MqttConfig) -> str:
    return f"{config.host}:{config.port}"


def _why(error: BaseException | None) -> str:
    """What went wrong, to be put behind a message; empty where nobody knows."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f": its certificate is not trusted ({error.verify_message})"
    if isinstance(error, OSError) and error.strerror:
        return f": {error.strerror}"
    return ""
