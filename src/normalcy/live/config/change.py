"""What changed between two configurations, and so what has to be started, stopped or told."""

from dataclasses import dataclass

from normalcy.live.config.camera import CameraConfig
from normalcy.live.config.live import LiveConfig

# What the capture process reads of a camera; the rest is the engine's.
CAPTURE_KEYS = frozenset(
    {
        "source",
        "substream",
        "enabled",
        "transport",
        "open_timeout_seconds",
        "read_timeout_seconds",
        "backoff_first_seconds",
        "backoff_most_seconds",
        "max_fps",
        "stride",
        "loop",
        "natural_speed",
        "buffer_frames",
        "preview_height_px",
        "bundle",
    }
)


@dataclass(frozen=True)
class ConfigChange:
    """What to do about a new configuration.

    Attributes:
        added, removed: Cameras.
        reopened: Cameras whose pictures come another way: their capture starts anew.
        retuned: Cameras of which only regions, thresholds, schedules or titles changed: no picture is lost.
        bundles: Whether detectors changed: inference starts anew.
        alerts: Whether receivers or events changed.
        restart: Sections that only a restart of the whole takes up: `data`, `store`, `web`.
    """

    added: frozenset[str]
    removed: frozenset[str]
    reopened: frozenset[str]
    retuned: frozenset[str]
    bundles: bool
    alerts: bool
    restart: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is different."""
        cameras = self.added | self.removed | self.reopened | self.retuned
        return not (cameras or self.bundles or self.alerts or self.restart)


def change(before: LiveConfig, after: LiveConfig) -> ConfigChange:
    """What turns one configuration into another."""
    both = before.cameras.keys() & after.cameras.keys()
    differ = {name for name in both if before.cameras[name] != after.cameras[name]}
    reopened = {name for name in differ if _reopens(before.cameras[name], after.cameras[name])}
    return ConfigChange(
        added=frozenset(after.cameras.keys() - before.cameras.keys()),
        removed=frozenset(before.cameras.keys() - after.cameras.keys()),
        reopened=frozenset(reopened),
        retuned=frozenset(differ - reopened),
        bundles=before.bundles != after.bundles,
        alerts=(before.alerts, before.events, before.timezone)
        != (after.alerts, after.events, after.timezone),
        restart=tuple(key for key in ("data", "store", "web") if getattr(before, key) != getattr(after, key)),
    )


def _reopens(before: CameraConfig, after: CameraConfig) -> bool:
    return any(getattr(before, key) != getattr(after, key) for key in CAPTURE_KEYS)
