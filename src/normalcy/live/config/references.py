"""What a configuration names and needs to find: secrets, detectors, files."""

from collections.abc import Iterator
from pathlib import Path

from normalcy.errors import BundleError, ConfigError
from normalcy.live.config.live import LiveConfig
from normalcy.live.config.secrets import resolve
from normalcy.scoring.bundle import BundleThresholds
from normalcy.video.urls import as_url, redact


def missing_references(config: LiveConfig) -> list[str]:
    """A line for each thing that is named and not there; nothing of it holds a secret."""
    return [*_detectors(config), *_secrets(config), *_files(config)]


def require_references(config: LiveConfig, *, where: object) -> None:
    """Checks that detectors and secrets are there; cameras may come later.

    Raises:
        ConfigError: One is not; the line says all that are not.
    """
    if missing := [*_detectors(config), *_secrets(config)]:
        raise ConfigError("; ".join(missing), where=where)


def _detectors(config: LiveConfig) -> Iterator[str]:
    for name, bundle in config.bundles.items():
        folder = bundle.path / "bundle" if (bundle.path / "bundle").is_dir() else bundle.path
        try:
            BundleThresholds.read(folder)
        except BundleError as error:
            yield f"bundles.{name}: {error}"


def _secrets(config: LiveConfig) -> Iterator[str]:
    for where, text in _texts(config):
        try:
            resolve(text)
        except ConfigError as error:
            yield f"{where}: {error}"


def _texts(config: LiveConfig) -> Iterator[tuple[str, str]]:
    """What may hold secrets, and where it stands."""
    for name, camera in config.cameras.items():
        yield f"cameras.{name}.source", camera.watched
    for name, webhook in config.alerts.webhooks.items():
        yield f"alerts.webhooks.{name}.url", webhook.url
        yield f"alerts.webhooks.{name}.secret", webhook.secret or ""
    for name, each in config.alerts.apprise.items():
        yield f"alerts.apprise.{name}.url", each.url
    if mqtt := config.alerts.mqtt:
        yield "alerts.mqtt.username", mqtt.username or ""
        yield "alerts.mqtt.password", mqtt.password or ""
    yield "store.url", config.store.url or ""


def _files(config: LiveConfig) -> Iterator[str]:
    for name, camera in config.cameras.items():
        source = camera.watched
        looks_like_file = as_url(source) is None and ("/" in source or "\\" in source) and "${" not in source
        if looks_like_file and not Path(source).exists():
            yield f"cameras.{name}.source: there is no {redact(source)}"
