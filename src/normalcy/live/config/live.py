"""The whole configuration of the live engine."""

import re
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from normalcy.config import StrictConfig, build_config, read_yaml
from normalcy.errors import ConfigError
from normalcy.live.config.alerts import AlertsConfig
from normalcy.live.config.camera import CameraConfig, CameraSettings
from normalcy.live.config.events import EventsConfig
from normalcy.live.config.store import StoreConfig
from normalcy.live.config.web import WebConfig

CAMERA_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class BundleConfig(StrictConfig):
    """A detector.

    Attributes:
        path: Bundle, or run folder that holds one; a relative one starts at the configuration's folder.
        backend: What scores, as `score --backend` takes it.
        threads: Threads of that; all cores without.
    """

    path: Path
    backend: str = "auto"
    threads: int | None = Field(None, ge=1)


class LiveConfig(StrictConfig):
    """What `normalcy watch` does.

    Attributes:
        data: Folder of the event store, media and secrets; a relative one starts at the configuration's folder.
        timezone: Of schedules, such as `Europe/Vienna`; that of the machine without.
        bundles: Detectors by name.
        defaults: What cameras inherit.
        cameras: By name: small letters, digits, - and _, 40 at most.
        events, alerts, store, web: See there.
    """

    data: Path = Path("normalcy-live")
    timezone: str | None = None
    bundles: dict[str, BundleConfig] = Field(min_length=1)
    defaults: CameraSettings = CameraSettings()
    cameras: dict[str, CameraConfig] = Field(default_factory=dict)
    events: EventsConfig = EventsConfig()
    alerts: AlertsConfig = AlertsConfig()
    store: StoreConfig = StoreConfig()
    web: WebConfig = WebConfig()

    @model_validator(mode="before")
    @classmethod
    def _inherit(cls, data: Any) -> Any:
        """Cameras take what they do not say themselves from `defaults`."""
        if not (isinstance(data, dict) and isinstance(data.get("cameras"), dict)):
            return data
        shared = data.get("defaults") or {}
        known = {key: shared[key] for key in CameraSettings.model_fields if key in shared}
        cameras = {
            name: {**known, **own} if isinstance(own, dict) else own for name, own in data["cameras"].items()
        }
        return {**data, "cameras": cameras}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name, camera in self.cameras.items():
            if not CAMERA_NAME.fullmatch(name):
                raise ValueError(f"camera {name!r}: use small letters, digits, - and _, 40 at most")
            self.bundle_of(camera, name=name)
        for receiver, settings in self.alerts.receivers.items():
            if unknown := sorted(set(settings.cameras) - set(self.cameras)):
                raise ValueError(f"{receiver} names the camera {unknown[0]!r}, which is not there")
        return self

    def bundle_of(self, camera: CameraConfig, *, name: str = "") -> str:
        """Name of the detector of a camera."""
        if camera.bundle is None and len(self.bundles) == 1:
            return next(iter(self.bundles))
        if camera.bundle not in self.bundles:
            known = ", ".join(self.bundles)
            raise ValueError(f"camera {name!r}: bundle is {camera.bundle!r}, known are {known}")
        return camera.bundle


def read_live_config(path: Path) -> LiveConfig:
    """Reads and checks a configuration; relative paths are made absolute, from its folder.

    Raises:
        ConfigError: It cannot be read, or is wrong: one line says all that is.
    """
    return config_from(read_yaml(path), where=path)


def config_from(data: dict[str, Any], *, where: Path) -> LiveConfig:
    """Checks a configuration that was read from a file."""
    config = build_config(LiveConfig, data, where=where)
    folder = where.absolute().parent
    bundles = {
        name: each.model_copy(update={"path": folder / each.path}) for name, each in config.bundles.items()
    }
    config = config.model_copy(update={"data": folder / config.data, "bundles": bundles})
    _require_timezone(config.timezone, where)
    return config


def _require_timezone(name: str | None, where: Path) -> None:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        if name is not None:
            ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigError(
            f"there is no time zone {name!r}", where=where, hint="Such as Europe/Vienna"
        ) from error
