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
        retention: Whether other things are deleted when.
        restart: What only a restart of the whole takes up: `data`, `store.url`, `web`, `fleet`, and of
            `alerts.public_url` what it says of who gets in.
    """

    added: frozenset[str]
    removed: frozenset[str]
    reopened: frozenset[str]
    retuned: frozenset[str]
    bundles: bool
    alerts: bool
    retention: bool
    restart: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is different."""
        cameras = self.added | self.removed | self.reopened | self.retuned
        return not (cameras or self.bundles or self.alerts or self.retention or self.restart)


def change(before: LiveConfig, after: LiveConfig) -> ConfigChange:
    """What turns one configuration into another."""
    both = before.cameras.keys() & after.cameras.keys()
    differ = {name for name in both if before.cameras[name] != after.cameras[name]}
    reopened = {name for name in differ if reopens(before.cameras[name], after.cameras[name])}
    return ConfigChange(
        added=frozenset(after.cameras.keys() - before.cameras.keys()),
        removed=frozenset(before.cameras.keys() - after.cameras.keys()),
        reopened=frozenset(reopened),
        retuned=frozenset(differ - reopened),
        bundles=before.bundles != after.bundles,
        alerts=(before.alerts, before.events, before.timezone)
        != (after.alerts, after.events, after.timezone),
        retention=before.store.retention != after.store.retention,
        restart=only_a_restart_takes_up(before, after),
    )


def only_a_restart_takes_up(before: LiveConfig, after: LiveConfig) -> tuple[str, ...]:
    """What the running engine does not follow."""
    differs = {
        "data": before.data != after.data,
        "store.url": before.store.url != after.store.url,
        "web": before.web != after.web,
        "fleet": before.fleet != after.fleet,
        # Links follow it at once; the name that is answered, and whether a login is asked for, do not.
        "alerts.public_url": before.public_host != after.public_host,
    }
    return tuple(key for key, is_different in differs.items() if is_different)


def reopens(before: CameraConfig, after: CameraConfig) -> bool:
    """Whether a camera's pictures come another way, so that its capture has to start anew."""
    return any(getattr(before, key) != getattr(after, key) for key in CAPTURE_KEYS)
