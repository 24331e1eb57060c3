"""What nodes say to each other of their cameras, through the database, and what is shown of that."""

import time
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from hashlib import blake2b
from typing import Any

from normalcy import __version__
from normalcy.live.cameras.state import CameraState
from normalcy.live.config.live import LiveConfig
from normalcy.live.config.secrets import safe_text
from normalcy.live.nodes.picture import FleetPicture, is_living
from normalcy.live.status import CameraStatus, NodeState, NodeStatus
from normalcy.live.store.records import NodeRecord
from normalcy.live.supervision.camera_unit import waiting_status

_UNTOLD = frozenset({"name", "title", "source", "node", "latency_counts", "latency_sum_seconds"})
_FIELDS = frozenset(each.name for each in fields(CameraStatus)) - _UNTOLD
_AGES = ("frame_age_seconds", "scored_age_seconds")
_UNOWNED = "no node watches it: all that are alive have as many cameras as they may"
_SOON = "its node says more in a moment"


def status_of(camera: CameraStatus) -> dict[str, Any]:
    """What other nodes are told of a camera."""
    plain = {name: value for name, value in asdict(camera).items() if name in _FIELDS}
    return {**plain, "state": camera.state.name.lower(), "reason": safe_text(camera.reason)}


def camera_of_another(
    name: str, config: LiveConfig, node: NodeRecord | None, *, read_at: float
) -> CameraStatus:
    """A camera as the node that watches it said last.

    Args:
        name: Of the camera.
        config: In force.
        node: That watches it; none where no living one does.
        read_at: When the node was read, on the monotonic clock.
    """
    unknown = replace(waiting_status(name, config, time.time()), state=CameraState.OFFLINE, reason=_UNOWNED)
    if node is None:
        return unknown
    said = node.status.get("cameras", {}).get(name)
    waiting = replace(unknown, state=CameraState.CONNECTING, reason=_SOON, node=node.name)
    if not isinstance(said, Mapping):
        return waiting
    known = {key: value for key, value in said.items() if key in _FIELDS}
    older_seconds = node.silent_seconds + time.monotonic() - read_at
    known |= {key: known[key] + older_seconds for key in _AGES if known.get(key) is not None}
    try:
        state = CameraState[str(known.pop("state")).upper()]
        return replace(waiting, **{**known, "state": state, "size_px": tuple(known.get("size_px", (0, 0)))})
    except (KeyError, TypeError):
        return waiting  # a node of another version says it in other words


def digests_of(config: LiveConfig) -> dict[str, str]:
    """Of the settings of each camera: nodes that have the same configuration have the same."""
    return {
        name: blake2b(camera.model_dump_json().encode(), digest_size=4).hexdigest()
        for name, camera in config.cameras.items()
    }


def unlike_cameras(node: NodeRecord, own: Mapping[str, str]) -> tuple[str, ...]:
    """Cameras that a node has other settings for, by `digests_of`; none where it is of another version."""
    said = node.status.get("settings")
    if not isinstance(said, Mapping) or node.version != __version__:
        return ()
    return tuple(sorted(name for name in own.keys() | said.keys() if own.get(name) != said.get(name)))


def node_status(
    node: NodeRecord, picture: FleetPicture, *, here: str, lease_seconds: float, settings: Mapping[str, str]
) -> NodeStatus:
    """A node as people see it; `settings` are the digests of the cameras here."""
    cameras = tuple(name for name, held in picture.leases.items() if held.token == node.token)
    is_alive = is_living(node, lease_seconds)
    state: NodeState = "alive" if node.ready else "starting"
    if not is_alive:
        state = "silent" if node.state == "running" else "stopped"
    return NodeStatus(
        name=node.name,
        state=state,
        is_here=node.name == here,
        silent_seconds=node.silent_seconds + max(0.0, time.monotonic() - picture.at),
        started_at=node.started_at,
        cameras=tuple(sorted(cameras)),
        capacity=node.capacity,
        frames_per_second=float(node.status.get("frames_per_second", 0.0)) if is_alive else 0.0,
        version=node.version,
        address=node.address if node.address.startswith(("http://", "https://")) else "",
        unlike=unlike_cameras(node, settings) if is_alive and node.name != here else (),
    )
