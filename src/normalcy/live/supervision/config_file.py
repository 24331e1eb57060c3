"""The configuration file: read again when it changes, and written with its comments kept."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from normalcy.config import read_yaml
from normalcy.live.config.live import LiveConfig, config_from, read_live_config
from normalcy.live.config.references import require_references
from normalcy.live.config.round_trip import as_text, read_commented, update, without_block, write_whole

Settings = Mapping[str, Any]
CameraChange = Callable[[dict[str, Any]], Settings | None]
"""From what the file says of a camera to what it shall say; None takes the camera out."""

_NOTHING: Settings = MappingProxyType({})


class ConfigFile:
    """A configuration on disk, which always names detectors that are there. Threads may share it.

    Args:
        path: Of the file.
        web: What the command line says of the dashboard; it holds over the file, and is never written there.

    Attributes:
        config: As it was read or written last.

    Raises:
        ConfigError: It cannot be read, is wrong, or names what is not there.
    """

    def __init__(self, path: Path, *, web: Settings = _NOTHING) -> None:
        self.path, self._web = path.absolute(), web
        self._lock = threading.Lock()
        self._seen = self._stamp()
        self.config = self._checked(read_live_config(self.path))

    def changed(self) -> LiveConfig | None:
        """The configuration where the file was written since; None where it was not.

        Raises:
            ConfigError: It is wrong now; it is not looked at again before it changes.
        """
        with self._lock:
            stamp = self._stamp()
            if stamp == self._seen or stamp is None:
                return None
            self._seen = stamp
            self.config = self._checked(read_live_config(self.path))
            return self.config

    def camera(self, name: str) -> dict[str, Any]:
        """What the file itself says of a camera; nothing where it says nothing.

        Raises:
            ConfigError: It cannot be read.
        """
        cameras = read_yaml(self.path).get("cameras") or {}
        return dict(cameras.get(name) or {})

    def change_camera(self, name: str, change: CameraChange) -> LiveConfig:
        """Changes what a camera's section says, or takes it out; comments elsewhere stay.

        Args:
            name: Of the camera.
            change: Given what the file says of it; nobody else writes in between.

        Raises:
            ConfigError: The configuration would be wrong; the file is as it was.
            OutputError: The file cannot be written; it is as it was.
        """
        with self._lock:
            text = as_text(_with_camera(self.path, name, change(self.camera(name))))
            config = self._checked(config_from(yaml.safe_load(text), where=self.path), saved=name)
            write_whole(self.path, text)
            self._seen, self.config = self._stamp(), config
            return config

    def _checked(self, config: LiveConfig, *, saved: str | None = None) -> LiveConfig:
        require_references(config, where=self.path, camera=saved)
        return config.model_copy(update={"web": config.web.model_copy(update=dict(self._web))})

    def _stamp(self) -> tuple[int, int, int] | None:
        """What tells that a file was written; None while it is not there, as some editors leave it for a moment."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def _with_camera(path: Path, name: str, settings: Settings | None) -> Any:
    data, said = read_commented(path), read_yaml(path)
    cameras = said.get("cameras") or {}
    if settings is not None:
        update(data, said, {**said, "cameras": {**cameras, name: dict(settings)}})
    elif name in cameras:
        data = without_block(path, data, "cameras", name)
    return data
