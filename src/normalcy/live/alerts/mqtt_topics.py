"""What stands on the broker, and stays there: states of cameras, and what Home Assistant needs to find them.

<topic>/status              online, offline (last will); where there are several nodes:
<topic>/nodes/<node>/status     of each of them
<topic>/<camera>/state      online, stalled, offline, ...
<topic>/<camera>/alarm      ON, OFF
<topic>/<camera>/event      the last event, as JSON
<topic>/events              every message, as JSON; the only one that does not stay
<discovery>/<component>/<node>/<camera>_<what>/config
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from normalcy.live.alerts.control import CameraNews
from normalcy.live.cameras.state import CameraState
from normalcy.live.config.alerts import MqttConfig

ONLINE, OFFLINE = "online", "offline"
_PARTS = ("state", "alarm", "event")
_COMPONENTS = {"alarm": "binary_sensor", "state": "sensor", "event": "sensor"}


def status_topic(config: MqttConfig, node: str = "") -> str:
    """Whether we are there; of a node where there are several: a dead one says nothing of the cameras of others."""
    return f"{config.topic}/nodes/{node}/status" if node else f"{config.topic}/status"


def events_topic(config: MqttConfig) -> str:
    """Every message."""
    return f"{config.topic}/events"


def camera_topic(config: MqttConfig, camera: str, part: str) -> str:
    """`state`, `alarm` or `event` of a camera."""
    return f"{config.topic}/{camera}/{part}"


def standing_topics(
    config: MqttConfig, cameras: Mapping[str, CameraNews | None], node: str = ""
) -> dict[str, str]:
    """What should stand on the broker, by topic; nothing of cameras of which nothing was told yet.

    Where there are several nodes, a camera is there as long as the one is that watches it.
    """
    found: dict[str, str] = {}
    for camera, news in cameras.items():
        if news is not None:
            found |= _discovery(config, camera, news["title"], node)
            found[camera_topic(config, camera, "state")] = news["state"]
            found[camera_topic(config, camera, "alarm")] = "ON" if news["alarmed"] else "OFF"
    return found


def own_topics(config: MqttConfig, cameras: Mapping[str, object]) -> set[str]:
    """All topics of these cameras: what stands elsewhere below ours belongs to a camera that was removed."""
    own = {camera_topic(config, camera, part) for camera in cameras for part in _PARTS}
    return own | {_discovery_topic(config, camera, part) for camera in cameras for part in _PARTS}


def topic_filters(config: MqttConfig) -> list[str]:
    """Where such leftovers stand."""
    filters = [f"{config.topic}/+/{part}" for part in _PARTS]
    return [*filters, f"{config.discovery}/+/{_node(config)}/+/config"] if config.discovery else filters


def _node(config: MqttConfig) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", config.topic)


def _discovery_topic(config: MqttConfig, camera: str, part: str) -> str:
    return f"{config.discovery}/{_COMPONENTS[part]}/{_node(config)}/{camera}_{part}/config"


def _discovery(config: MqttConfig, camera: str, title: str, node: str) -> dict[str, str]:
    if config.discovery is None:
        return {}
    entities = {"alarm": _alarm(), "state": _state(), "event": _last_event(config, camera)}
    return {
        _discovery_topic(config, camera, part): json.dumps(
            {**_shared(config, camera, title, part, node), **entity}, ensure_ascii=False
        )
        for part, entity in entities.items()
    }


def _shared(config: MqttConfig, camera: str, title: str, part: str, node: str) -> dict[str, Any]:
    device = f"{_node(config)}_{camera}"
    return {
        "unique_id": f"{device}_{part}",
        "default_entity_id": f"{_COMPONENTS[part]}.{device.replace('-', '_').lower()}_{part}",
        "state_topic": camera_topic(config, camera, part),
        "availability_topic": status_topic(config, node),
        "device": {"identifiers": [device], "name": title, "manufacturer": "normalcy", "model": "Camera"},
        "origin": {"name": "normalcy"},
    }


def _alarm() -> dict[str, Any]:
    return {"name": "Alarm", "device_class": "problem", "payload_on": "ON", "payload_off": "OFF"}


def _state() -> dict[str, Any]:
    return {
        "name": "State",
        "device_class": "enum",
        "options": [state.name.lower() for state in CameraState],
        "entity_category": "diagnostic",
    }


def _last_event(config: MqttConfig, camera: str) -> dict[str, Any]:
    return {
        "name": "Last event",
        "device_class": "timestamp",
        "value_template": "{{ value_json.started_at }}",
        "json_attributes_topic": camera_topic(config, camera, "event"),
    }
