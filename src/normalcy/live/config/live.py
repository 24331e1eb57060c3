"""The whole configuration of the live engine."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import Field, ValidationError, field_validator, model_validator

from normalcy.config import StrictConfig, build_config, read_yaml
from normalcy.live.config.alerts import AlertsConfig
from normalcy.live.config.camera import CameraConfig, CameraSettings, names_file
from normalcy.live.config.events import EventsConfig
from normalcy.live.config.fleet import FleetConfig
from normalcy.live.config.secrets import safe_text
from normalcy.live.config.store import StoreConfig
from normalcy.live.config.web import WebConfig, is_loopback
from normalcy.video.urls import redact

_SECRET_KEYS = frozenset({"password", "secret", "username"})
_SECRET_SECTIONS = frozenset({"alerts", "store"})
_SECRET_BELOW = ("alerts.webhooks", "alerts.apprise", "store.url")
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
        cameras: By name: small letters, digits, - and _, 40 at most; their files are found like `data`.
        events, alerts, store, web, fleet: See there.
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
    fleet: FleetConfig = FleetConfig()

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, timezone: str | None) -> str | None:
        if timezone is not None and timezone not in available_timezones():
            raise ValueError("there is no such time zone; they are named like Europe/Vienna")
        return timezone

    @model_validator(mode="before")
    @classmethod
    def _inherit(cls, data: Any) -> Any:
        """Cameras take what they do not say themselves from `defaults`."""
        if not (isinstance(data, dict) and isinstance(data.get("cameras"), dict)):
            return data
        shared = data.get("defaults") or {}
        if not _is_valid(shared):
            return data  # what is wrong there is told once, and not again of each camera
        known = {key: shared[key] for key in CameraSettings.model_fields if key in shared}
        cameras = {
            name: {**known, **own} if isinstance(own, dict) else own for name, own in data["cameras"].items()
        }
        return {**data, "cameras": cameras}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        wrong = [
            *self._wrong_names(),
            *self._wrong_bundles(),
            *self._wrong_receivers(),
            *self._wrong_proxy(),
            *self._wrong_fleet(),
        ]
        if wrong:
            raise ValueError(safe_text("; ".join(wrong)))
        return self

    def _wrong_names(self) -> Iterator[str]:
        for name in self.cameras:
            if not CAMERA_NAME.fullmatch(name):
                yield f"camera {name!r}: use small letters, digits, - and _, 40 at most"

    def _wrong_bundles(self) -> Iterator[str]:
        for name, camera in self.cameras.items():
            try:
                self.bundle_of(camera, name=name)
            except ValueError as error:
                yield str(error)

    def _wrong_receivers(self) -> Iterator[str]:
        for receiver, settings in self.alerts.receivers.items():
            for unknown in sorted(set(settings.cameras) - set(self.cameras)):
                near = get_close_matches(unknown, self.cameras, n=1)
                meant = f"; did you mean {near[0]!r}?" if near else ""
                yield f"{receiver} names the camera {unknown!r}, which is not there{meant}"

    def _wrong_proxy(self) -> Iterator[str]:
        """Proxies pass on names and origins that are not this machine's: without that name all of it is refused."""
        if self.web.https and not self.alerts.public_url:
            yield "web.https is for a proxy: set alerts.public_url to the address that people use there"

    def _wrong_fleet(self) -> Iterator[str]:
        """Nodes meet in a database that all of them reach; what a reference stands for is seen when it is opened."""
        url = self.store.url or ""
        if self.fleet.enabled and not url.startswith(("postgresql", "${")):
            yield "fleet.enabled: nodes share a PostgreSQL database, set store.url to it"

    @property
    def public_host(self) -> str:
        """What people call this machine in `alerts.public_url`, in small letters; empty without."""
        return urlsplit(self.alerts.public_url or "").hostname or ""

    @property
    def requires_login(self) -> bool:
        """Whether nobody gets into the dashboard without a login.

        Behind a proxy everybody comes from this machine: so where one is told of, by `web.https` or by a `public_url`
        that others can reach, an address of this machine alone is no reason to let people in.
        """
        is_reached = bool(self.public_host) and not is_loopback(self.public_host)
        return self.web.requires_login or self.web.https or is_reached

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
    config = build_config(LiveConfig, data, where=where, shown=shown)
    folder = where.absolute().parent
    bundles = {
        name: each.model_copy(update={"path": folder / each.path}) for name, each in config.bundles.items()
    }
    cameras = {name: _beside(folder, each) for name, each in config.cameras.items()}
    found = {
        "data": folder / config.data,
        "bundles": bundles,
        "cameras": cameras,
        "alerts": _with_certificates(folder, config.alerts),
    }
    return config.model_copy(update=found)


def _with_certificates(folder: Path, alerts: AlertsConfig) -> AlertsConfig:
    """With its certificates where they lie seen from a folder."""
    if alerts.mqtt is None or alerts.mqtt.ca_file is None:
        return alerts
    mqtt = alerts.mqtt.model_copy(update={"ca_file": folder / alerts.mqtt.ca_file})
    return alerts.model_copy(update={"mqtt": mqtt})


def _beside(folder: Path, camera: CameraConfig) -> CameraConfig:
    """With its files where they lie seen from a folder."""
    said = {"source": camera.source, "substream": camera.substream}
    return camera.model_copy(
        update={key: str(folder / each) for key, each in said.items() if each and names_file(each)}
    )


def shown(key: str, value: object) -> str:
    """A value as messages may show it: nothing that might be a secret.

    >>> shown("cameras.door.source", "rtsp://guard:hunter2@door/1"), shown("alerts.mqtt.password", 12345)
    ("'rtsp://***@door/1'", 'hidden')
    """
    if isinstance(value, dict | list | tuple):
        return "a section" if isinstance(value, dict) else "a list"
    is_secret_url = "://" in str(value) and key.startswith(("alerts.", "store."))
    # A URL without its scheme is still one.
    is_receiver = isinstance(value, str) and (key in _SECRET_SECTIONS or key.startswith(_SECRET_BELOW))
    if key.rpartition(".")[2] in _SECRET_KEYS or is_secret_url or is_receiver:
        return "hidden"
    return repr(redact(value)) if isinstance(value, str) else repr(value)


def _is_valid(shared: Any) -> bool:
    try:
        CameraSettings.model_validate(shared)
    except ValidationError:
        return False
    return True
