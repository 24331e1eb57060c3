"""What the engine is told for the proof: three cameras, short time-outs, one receiver of alerts."""

from pathlib import Path
from typing import Any

import yaml

from normalcy.run_folder import write_text

FAULTY, BUSY, CALM = CAMERAS = ("faulty", "busy", "calm")
"""One whose stream is broken and whose alarm is always on, one with an anomaly now and then, one never touched."""
RECEIVER = "webhook:proof"
READ_SECONDS = 3.0
COOL_DOWN_SECONDS = 1.0

_WHOLE = [[0, 0], [1, 0], [1, 1], [0, 1]]
_LEAST_SCORE, _NEVER = 1e-9, 1e9


def write_config(
    path: Path, *, bundle: Path, video: Path, stream_url: str, receiver_url: str, secret: str, data: Path
) -> Path:
    """Writes the configuration.

    Args:
        path: Where to.
        bundle: The detector of all cameras.
        video: Played over and over by the busy camera; with an anomaly in it.
        stream_url: Of the faulty camera.
        receiver_url, secret: Of who is told.
        data: Folder of events and media.
    """
    config = {
        "data": str(data),
        "bundles": {"main": {"path": str(bundle.absolute()), "threads": 1}},
        "defaults": {
            "scene_change": False,
            "open_timeout_seconds": 2.0,
            "read_timeout_seconds": READ_SECONDS,
            "backoff_first_seconds": 0.1,
            "backoff_most_seconds": 0.5,
            "max_fps": 10,
        },
        "cameras": {
            FAULTY: {"source": stream_url, "regions": [_region("always", _LEAST_SCORE)]},
            BUSY: {"source": str(video.absolute()), "loop": True},
            CALM: {"source": "test-pattern:160x120@10", "regions": [_region("never", _NEVER)]},
        },
        "events": {
            "cool_down_seconds": COOL_DOWN_SECONDS,
            "pre_roll_seconds": 0.5,
            "post_roll_seconds": 0.5,
            "longest_clip_seconds": 5.0,
            "offline_alert_seconds": 2.0,
        },
        "alerts": {
            "webhooks": {"proof": {"url": receiver_url, "secret": secret, "timeout_seconds": 3.0}},
            "per_camera_per_hour": 1_000_000,
            "retry_first_seconds": 0.2,
            "retry_most_seconds": 2.0,
        },
        "store": {"retention": {"free_gigabytes": 0}},
        "web": {"port": 0},
    }
    write_text(path, yaml.safe_dump(config, sort_keys=False))
    return path


def _region(name: str, threshold: float) -> dict[str, Any]:
    return {"name": name, "polygon": _WHOLE, "threshold": threshold}
