"""Changes to the configuration of a camera; nobody writes between reading what stands there and writing it."""

import json
import secrets
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from normalcy.errors import ConfigError
from normalcy.live.status import Engine

_KEY = secrets.token_bytes(16)
"""Settings may hold a password: without this nobody can try some against a version."""


def version_of(settings: Mapping[str, Any]) -> str:
    """What a form keeps of the settings that it shows, to be told when they are others by the time it is sent."""
    text = json.dumps(settings, sort_keys=True, default=str)
    return blake2b(text.encode(), key=_KEY, digest_size=16).hexdigest()


def require_version(settings: Mapping[str, Any], version: str, *, camera: str) -> None:
    """Of two people who change the same camera, the later one is told.

    Raises:
        ConfigError: The settings are not those that the form showed.
    """
    if not secrets.compare_digest(version_of(settings).encode(), version.encode()):
        raise ConfigError("was changed since this page was loaded; load it again", where=camera)


def save_key(engine: Engine, camera: str, key: str, value: Any | None, *, version: str | None = None) -> None:
    """Writes one key of a camera, or takes it out where the value is None; all others stay as they are written.

    Raises:
        ConfigError: The configuration would be wrong, or is of another version than the one given; nothing was changed.
    """

    def change(settings: dict[str, Any]) -> Mapping[str, Any]:
        if version is not None:
            require_version(settings, version, camera=camera)
        kept = {name: each for name, each in settings.items() if name != key}
        return kept if value is None else {**settings, key: value}

    engine.change_camera(camera, change)


def save_regions(engine: Engine, camera: str, regions: Sequence[Any], *, version: str | None = None) -> None:
    """Writes the areas of a camera; none at all also where all cameras share some. Raises as `save_key`."""
    shared = engine.config.defaults.regions
    save_key(engine, camera, "regions", list(regions) if regions or shared else None, version=version)


def save_rate(engine: Engine, camera: str, region: str, rate: float | None) -> None:
    """Writes how often a camera may alarm without a cause: into a region with a rate of its own, into the camera else.

    Raises:
        ConfigError: The configuration would be wrong, or the region is gone or has a fixed threshold; nothing was
            changed.
    """
    if region and region not in engine.config.cameras[camera].alarming_regions:
        raise ConfigError(f"there is no watched area {region!r}", where=camera)
    if (threshold := fixed_threshold(engine, camera, region)) is not None:
        raise ConfigError(f"the area {region!r} is fixed at {threshold:g} in its settings", where=camera)
    if not has_own_rate(engine, camera, region):
        save_key(engine, camera, "false_alarms_per_day", rate)
        return

    def change(settings: dict[str, Any]) -> Mapping[str, Any]:
        regions = [dict(each) for each in settings.get("regions", ())]
        found = [each for each in regions if each.get("name") == region]
        if not found:
            raise ConfigError(f"the area {region!r} is gone, or is shared by all cameras", where=camera)
        found[0].pop("false_alarms_per_day", None)
        found[0].update({} if rate is None else {"false_alarms_per_day": rate})
        return {**settings, "regions": regions}

    engine.change_camera(camera, change)


def has_own_rate(engine: Engine, camera: str, region: str) -> bool:
    """Whether a region is set apart from its camera."""
    regions = engine.config.cameras[camera].regions
    return any(each.name == region and each.false_alarms_per_day is not None for each in regions)


def fixed_threshold(engine: Engine, camera: str, region: str) -> float | None:
    """What a region has in place of a rate; None where a rate decides."""
    regions = engine.config.cameras[camera].regions
    return next((each.threshold for each in regions if each.name == region), None)
