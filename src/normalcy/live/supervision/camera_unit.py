"""One camera of the supervisor: its shared memory, its capture process, and what is made of both for people."""

import math
import time
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from normalcy.explain.heatmap import overlay
from normalcy.live.cameras.state import CameraState
from normalcy.live.config.camera import CameraConfig
from normalcy.live.config.live import LiveConfig
from normalcy.live.config.schedule import watches
from normalcy.live.engine.scene import SceneState
from normalcy.live.events.media import decoded, encoded
from normalcy.live.frames.counters import Drop
from normalcy.live.frames.memory import CameraMemory, as_text
from normalcy.live.status import CameraStatus
from normalcy.live.supervision.stage import Stage
from normalcy.video.urls import redact

_WEDGED_MARGIN_SECONDS = 5.0


class CameraUnit:
    """A camera that is watched.

    Args:
        name: Of the camera.
        config: Of the camera.
        memory: Made for it; this frees it.
        capture: Its process; none for a camera that is switched off.
    """

    def __init__(
        self, name: str, *, config: CameraConfig, memory: CameraMemory, capture: Stage | None
    ) -> None:
        self.name, self.config, self.memory, self.capture = name, config, memory, capture

    @property
    def state(self) -> CameraState:
        """Where it stands."""
        if self.capture is None:
            return CameraState.DISABLED
        if self.capture.state == "failed":
            return CameraState.FAILED
        return CameraState(int(self.memory.capture.state[0]))

    @property
    def reason(self) -> str:
        """Why it stands there; without credentials."""
        if self.capture is not None and self.capture.state == "failed":
            return f"its process died too often: {self.capture.reason}"
        return as_text(self.memory.capture.reason[0])

    def is_wedged(self, now: float) -> bool:
        """Whether its process hangs in something that no time-out ends; monotonic clock."""
        if self.capture is None or self.capture.state != "running":
            return False
        heartbeat = float(self.memory.capture.heartbeat[0])
        # Opening waits for the host name, for an answer, and for the first data.
        patience = 3 * self.config.open_timeout_seconds + self.config.read_timeout_seconds
        return heartbeat > 0 and now - heartbeat > patience + _WEDGED_MARGIN_SECONDS

    def status(self, config: LiveConfig) -> CameraStatus:
        """As it is now."""
        capture, engine = self.memory.capture, self.memory.engine
        has_score, has_frame = engine.scored_at[0] > 0, capture.last_frame[0] > 0
        zone = ZoneInfo(config.timezone) if config.timezone else None
        return CameraStatus(
            name=self.name,
            title=self.config.title or self.name,
            source=redact(self.config.watched),
            state=self.state,
            state_since=float(capture.state_since[0]),
            reason=self.reason,
            frame_age_seconds=time.monotonic() - float(capture.last_frame[0]) if has_frame else None,
            size_px=(int(capture.height_px[0]), int(capture.width_px[0])),
            source_fps=float(capture.fps[0]),
            codec=as_text(capture.codec[0]),
            frames_in=int(capture.frames_in[0]),
            frames_scored=int(engine.scored[0]),
            dropped={cause.name.lower(): self._dropped(cause) for cause in Drop},
            waiting=self.memory.waiting,
            reconnects=int(capture.reconnects[0]),
            score=float(engine.score[0]) if has_score else None,
            threshold=_finite(float(engine.threshold[0])) if has_score else None,
            rate_per_day=_finite(float(engine.rate_per_day[0])) if has_score else None,
            alarmed=bool(engine.alarmed[0]),
            event=as_text(engine.event[0]) or None,
            scene=SceneState(int(engine.scene[0])).name.lower(),
            watching=watches(self.config.schedule, datetime.now(zone)),
            latency_counts=tuple(int(count) for count in engine.latency[0]),
            latency_sum_seconds=float(engine.latency_sum[0]),
        )

    def _dropped(self, cause: Drop) -> int:
        return int(self.memory.capture.dropped[0, cause] + self.memory.engine.dropped[0, cause])

    def picture(self, *, heat: bool) -> bytes | None:
        """The newest picture as JPEG; None before there is one."""
        found = self.memory.picture()
        if found is None or not heat:
            return found.jpeg if found else None
        map_HW = self.memory.map().astype(np.float32)
        return encoded(overlay(decoded(found.jpeg), map_HW, low=0.0, high=255.0))

    def close(self) -> None:
        """Frees its memory; its process has ended."""
        self.memory.close()
        self.memory.unlink()


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
