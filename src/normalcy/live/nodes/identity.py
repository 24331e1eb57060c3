"""Who a node is: its name, which data folder it has, and which life of it this is."""

import re
import uuid
from dataclasses import dataclass
from pathlib import Path

from normalcy.errors import ConfigError
from normalcy.live.config.fleet import is_node_name, machine_name
from normalcy.live.config.live import LiveConfig
from normalcy.live.config.secrets import resolve
from normalcy.run_folder import write_text, writing_to

_FILE = "node.id"
_FOLDER = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class NodeIdentity:
    """One life of a node.

    Attributes:
        name: Of the node.
        token: Of this life.
        folder: Of its data folder, which is the same in each life.
        lease_seconds: A node that is not heard for so long has lost what it had.
    """

    name: str
    token: str
    folder: str
    lease_seconds: float


def new_life(config: LiveConfig) -> NodeIdentity:
    """Begins a life of the node that a configuration names; its data folder has to be held by now.

    Raises:
        ConfigError: It cannot be called so.
        OutputError: The data folder cannot be written.
    """
    name = node_name(config)
    folder = _folder_id(config.data)
    return NodeIdentity(name, uuid.uuid4().hex, folder, config.fleet.lease_seconds)


def node_name(config: LiveConfig) -> str:
    """What the node of a configuration is called; empty where its engine has the database for itself.

    Raises:
        ConfigError: It cannot be called so.
    """
    if not config.fleet.enabled:
        return ""
    name = resolve(config.fleet.node) if config.fleet.node else machine_name()
    if not is_node_name(name):
        hint = "Letters, digits, ., - and _, 60 at most"
        raise ConfigError(f"{name!r} cannot be the name of a node", where="fleet.node", hint=hint)
    return name


def _folder_id(data: Path) -> str:
    path = data / _FILE
    with writing_to(data):
        found = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
        if not _FOLDER.fullmatch(found):
            found = uuid.uuid4().hex
            write_text(path, found + "\n")
    return found
