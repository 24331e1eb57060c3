"""Changes to the configuration of a camera."""

from typing import Any

from normalcy.live.status import Engine


def save_key(engine: Engine, camera: str, key: str, value: Any | None) -> None:
    """Writes one key of a camera, or takes it out where the value is None; all others stay as they are written.

    Raises:
        ConfigError: The configuration would be wrong; nothing was changed.
    """
    settings = {**engine.raw_camera(camera), key: value}
    if value is None:
        del settings[key]
    engine.save_camera(camera, settings)
