"""What a configuration names and needs to find: secrets, detectors, files."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from normalcy.errors import BundleError, ConfigError
from normalcy.live.config.camera import names_file
from normalcy.live.config.live import LiveConfig
from normalcy.live.config.secrets import resolve
from normalcy.scoring.bundle import BundleThresholds
from normalcy.video.urls import redact


def missing_references(config: LiveConfig) -> list[str]:
    """A line for each thing that is named and not there; nothing of it holds a secret."""
    return [*_detectors(config), *missing_secrets(config), *_absent(_of_store(config)), *_files(config)]


def missing_secrets(config: LiveConfig) -> list[str]:
    """A line for each secret of a camera or receiver that is not there: that one alone does without."""
    return [*_absent(_of_cameras(config, *config.cameras)), *_absent(_of_receivers(config))]


def require_references(config: LiveConfig, *, where: object, camera: str | None = None) -> None:
    """Checks that what everything needs is there: detectors, and the way to the store.

    Cameras and receivers may come later, with their secrets: one of them must not keep the others from working.

    Args:
        config: That names them.
        where: It comes from.
        camera: One whose secrets have to be there as well, since it is being written, unless it is switched off.

    Raises:
        ConfigError: Something is not there; the line says all that is not.
    """
    named = _of_cameras(config, camera) if camera in config.cameras else ()
    if missing := [*_detectors(config), *_absent(_of_store(config)), *_absent(named)]:
        raise ConfigError("; ".join(missing), where=where)


def _detectors(config: LiveConfig) -> Iterator[str]:
    for name, bundle in config.bundles.items():
        folder = bundle.path / "bundle" if (bundle.path / "bundle").is_dir() else bundle.path
        try:
            BundleThresholds.read(folder)
        except BundleError as error:
            yield f"bundles.{name}: {error}"


def _absent(texts: Iterable[tuple[str, str]]) -> Iterator[str]:
    for where, text in texts:
        try:
            resolve(text)
        except ConfigError as error:
            yield f"{where}: {error}"


def _of_cameras(config: LiveConfig, *names: str) -> Iterator[tuple[str, str]]:
    """What may hold secrets, and where it stands; a camera that is switched off opens nothing."""
    for name in (each for each in names if config.cameras[each].enabled):
        yield f"cameras.{name}.source", config.cameras[name].source
        yield f"cameras.{name}.substream", config.cameras[name].substream or ""


def _of_receivers(config: LiveConfig) -> Iterator[tuple[str, str]]:
    for name, webhook in config.alerts.webhooks.items():
        yield f"alerts.webhooks.{name}.url", webhook.url
        yield f"alerts.webhooks.{name}.secret", webhook.secret or ""
    for name, each in config.alerts.apprise.items():
        yield f"alerts.apprise.{name}.url", each.url
    if mqtt := config.alerts.mqtt:
        yield "alerts.mqtt.username", mqtt.username or ""
        yield "alerts.mqtt.password", mqtt.password or ""


def _of_store(config: LiveConfig) -> Iterator[tuple[str, str]]:
    yield "store.url", config.store.url or ""
    yield "fleet.node", config.fleet.node or ""
    yield "fleet.url", config.fleet.url or ""


def _files(config: LiveConfig) -> Iterator[str]:
    for name, camera in config.cameras.items():
        key, source = ("substream" if camera.substream else "source"), camera.watched
        if names_file(source) and not Path(source).exists():
            yield f"cameras.{name}.{key}: there is no {redact(source)}"
    mqtt = config.alerts.mqtt
    if mqtt and mqtt.ca_file and not mqtt.ca_file.is_file():
        yield f"alerts.mqtt.ca_file: there is no {mqtt.ca_file}"
