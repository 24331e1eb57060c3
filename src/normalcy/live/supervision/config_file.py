"""The configuration file: read again when it changes, and written with its comments kept."""

import io
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from normalcy.errors import ConfigError
from normalcy.live.config.live import LiveConfig, config_from, read_live_config
from normalcy.run_folder import write_text, writing_to


class ConfigFile:
    """A configuration on disk.

    Args:
        path: Of the file.

    Raises:
        ConfigError: It cannot be read, or is wrong.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.config = read_live_config(self.path)
        self._seen = self._stamp()
        self._lock = threading.Lock()

    def changed(self) -> LiveConfig | None:
        """The configuration where the file is another than it was; None where it is not.

        Raises:
            ConfigError: It is wrong now; it is not looked at again before it changes.
        """
        with self._lock:
            stamp = self._stamp()
            if stamp == self._seen or stamp is None:
                return None
            self._seen = stamp
            self.config = read_live_config(self.path)
            return self.config

    def camera(self, name: str) -> dict[str, Any]:
        """What the file itself says of a camera; nothing where it says nothing."""
        cameras = self._read().get("cameras") or {}
        found: dict[str, Any] = _plain(cameras.get(name) or {})
        return found

    def write_camera(self, name: str, settings: Mapping[str, Any] | None) -> LiveConfig:
        """Writes what a camera's section says, or takes it out with None; comments elsewhere stay.

        Raises:
            ConfigError: The configuration would be wrong; the file is as it was.
            OutputError: The file cannot be written.
        """
        with self._lock:
            data = self._read()
            cameras = data.setdefault("cameras", {})
            if settings is None:
                cameras.pop(name, None)
            else:
                _update(cameras.setdefault(name, {}), settings)
            config = config_from(_plain(data), where=self.path)
            text = io.StringIO()
            _yaml().dump(data, text)
            with writing_to(self.path):
                write_text(self.path, text.getvalue())
            self._seen, self.config = self._stamp(), config
            return config

    def _read(self) -> Any:
        try:
            return _yaml().load(self.path.read_text(encoding="utf-8")) or {}
        except (OSError, YAMLError) as error:
            raise ConfigError(f"cannot be read: {' '.join(str(error).split())}", where=self.path) from error

    def _stamp(self) -> tuple[int, int, int] | None:
        """What tells that a file was written; None while it is not there, as some editors leave it for a moment."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def _yaml() -> YAML:
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 110
    return yaml


def _update(section: Any, settings: Mapping[str, Any]) -> None:
    """Makes a section say what is wanted, without touching what it says already."""
    for key in [key for key in section if key not in settings]:
        del section[key]
    for key, value in settings.items():
        if key not in section or _plain(section[key]) != value:
            section[key] = value


def _plain(value: Any) -> Any:
    """Without what ruamel adds to remember comments and quotes."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value
