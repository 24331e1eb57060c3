"""One camera of the supervisor: its shared memory, its capture process, and what is made of both for people."""

import math
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from normalcy.errors import ConfigError
from normalcy.explain.heatmap import overlay
from normalcy.live.cameras.sources import SourceKind, find_camera_source
from normalcy.live.cameras.state import CameraState
from normalcy.live.config.camera import CameraConfig
from normalcy.live.config.live import LiveConfig
from normalcy.live.config.schedule import watches
from normalcy.live.engine.scene import SceneState
from normalcy.live.frames.counters import Drop
from normalcy.live.frames.memory import CameraMemory, Picture, UInt8Array, as_text
from normalcy.live.status import CameraStatus
from normalcy.live.supervision.stage import Stage
from normalcy.methods.contract import ClipSpec
from normalcy.video.jpeg import decoded, encoded
from normalcy.video.urls import redact

_WEDGED_MARGIN_SECONDS = 5.0
_START_SECONDS = 30.0
"""A process may take so long before its first sign of life."""


@dataclass(frozen=True)
class Seen:
    """A camera as news are made of it.

    Attributes:
        name: Of the camera.
        title: What people call it.
        state: Where it stands.
        reason: Why; without credentials.
        alarmed: Whether its alarm is on.
        has_ended: Whether it is a file that was played to its end.
    """

    name: str
    title: str
    state: CameraState
    reason: str = ""
    alarmed: bool = False
    has_ended: bool = False


class CameraUnit:
    """A camera that is watched.

    Args:
        name: Of the camera.
        config: Of the camera.
        memory: Made for it; this frees it.
        spec: The clips that its detector reads.
        picture_fps: Pictures for people per second.
        capture: Its process; none for a camera that is switched off.
    """

    def __init__(
        self,
        name: str,
        *,
        config: CameraConfig,
        memory: CameraMemory,
        spec: ClipSpec,
        picture_fps: float,
        capture: Stage | None = None,
    ) -> None:
        self.name, self.config, self.memory, self.capture = name, config, memory, capture
        self.spec, self.picture_fps = spec, picture_fps
        self._added_at, self._file = time.time(), self._file_stamp()

    @property
    def state(self) -> CameraState:
        """Where it stands."""
        if self.capture is None:
            return CameraState.DISABLED
        if self.capture.state == "failed":
            return CameraState.FAILED
        if self._is_between_processes:
            return CameraState.OFFLINE
        return CameraState(int(self.memory.capture.state[0]))

    @property
    def seen(self) -> Seen:
        """As it is now."""
        return Seen(
            self.name,
            self.config.title or self.name,
            self.state,
            self.reason,
            bool(self.memory.engine.alarmed[0]),
            bool(self.memory.capture.ended[0]),
        )

    @property
    def _is_between_processes(self) -> bool:
        """Whether what its memory says is of a process that is gone: the next one has not begun to write there."""
        assert self.capture is not None
        pid = int(self.memory.capture.pid[0])
        return self.capture.state == "restarting" or (pid > 0 and pid != self.capture.pid)

    @property
    def reason(self) -> str:
        """Why it stands there; without credentials."""
        if self.capture is not None and self.capture.state == "failed":
            return f"its process died too often: {self.capture.reason}"
        if self.capture is not None and self._is_between_processes:
            return f"its process is started again: {self.capture.reason}".removesuffix(": ")
        return as_text(self.memory.capture.reason[0])

    @property
    def _state_since(self) -> float:
        """Wall clock."""
        if self.capture is not None and (self.capture.state == "failed" or self._is_between_processes):
            return self.capture.since
        return float(self.memory.capture.state_since[0]) or self._added_at

    def is_wedged(self, now: float) -> bool:
        """Whether its process hangs in something that no time-out ends; monotonic clock."""
        if self.capture is None or self.capture.state != "running":
            return False
        heartbeat, started = float(self.memory.capture.heartbeat[0]), self.capture.started
        if heartbeat < started:
            return now - started > _START_SECONDS
        # Opening waits for the host name, for an answer, and for the first data.
        patience = 3 * self.config.open_timeout_seconds + self.config.read_timeout_seconds
        return now - heartbeat > patience + _WEDGED_MARGIN_SECONDS

    def has_another_file(self) -> bool:
        """Whether the file that it plays has come, or is another than it was when this was asked last."""
        before, self._file = self._file, self._file_stamp()
        return self._file is not None and self._file != before

    def _file_stamp(self) -> tuple[int, int, int] | None:
        try:
            source = find_camera_source(self.config)
            if source.kind is not SourceKind.FILE:
                return None
            found = Path(source.location).stat()
        except (ConfigError, OSError):
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def status(self, config: LiveConfig) -> CameraStatus:
        """As it is now."""
        capture, engine = self.memory.capture, self.memory.engine
        has_score, has_frame = engine.scored_at[0] > 0, capture.last_frame[0] > 0
        return CameraStatus(
            name=self.name,
            title=config.cameras[self.name].title or self.name,
            source=redact(self.config.watched),
            state=self.state,
            state_since=self._state_since,
            reason=self.reason,
            frame_age_seconds=time.monotonic() - float(capture.last_frame[0]) if has_frame else None,
            size_px=(int(capture.height_px[0]), int(capture.width_px[0])),
            source_fps=float(capture.fps[0]),
            codec=as_text(capture.codec[0]),
            frames_in=int(capture.frames_in[0]),
            frames_scored=int(engine.scored[0]),
            dropped={cause.name.lower(): self._dropped(cause) for cause in Drop},
            buffered=int(capture.written[0]),
            taken=int(engine.read[0]),
            waiting=self.memory.waiting,
            reconnects=int(capture.reconnects[0]),
            score=float(engine.score[0]) if has_score else None,
            threshold=_finite(float(engine.threshold[0])) if has_score else None,
            rate_per_day=_finite(float(engine.rate_per_day[0])) if has_score else None,
            alarmed=bool(engine.alarmed[0]),
            event=as_text(engine.event[0]) or None,
            scene=SceneState(int(engine.scene[0])).name.lower(),
            watching=is_watching(self.config, config),
            latency_counts=tuple(int(count) for count in engine.latency[0]),
            latency_sum_seconds=float(engine.latency_sum[0]),
            scored_age_seconds=max(0.0, time.time() - float(engine.scored_at[0])) if has_score else None,
        )

    def _dropped(self, cause: Drop) -> int:
        return int(self.memory.capture.dropped[0, cause] + self.memory.engine.dropped[0, cause])

    def picture(self) -> tuple[Picture | None, UInt8Array]:
        """The newest picture, and the newest anomaly map."""
        return self.memory.picture(), self.memory.map()

    def close(self) -> None:
        """Frees its memory; its process has ended."""
        self.memory.close()
        self.memory.unlink()


def waiting_status(name: str, config: LiveConfig, at: float) -> CameraStatus:
    """Of a camera that has not begun, because its detector is not open yet, or because what it was has not ended."""
    if config.cameras[name].enabled:
        return _unbegun(name, config, at, CameraState.CONNECTING, "its detector is being opened")
    return _unbegun(name, config, at, CameraState.DISABLED, "")


def refused_status(name: str, config: LiveConfig, at: float, reason: str) -> CameraStatus:
    """Of a camera that this machine has no room for."""
    return _unbegun(name, config, at, CameraState.FAILED, reason)


def _unbegun(name: str, config: LiveConfig, at: float, state: CameraState, reason: str) -> CameraStatus:
    camera = config.cameras[name]
    return CameraStatus(
        name=name,
        title=camera.title or name,
        source=redact(camera.watched),
        state=state,
        state_since=at,
        reason=reason,
        watching=is_watching(camera, config),
    )


def is_watching(camera: CameraConfig, config: LiveConfig) -> bool:
    """Whether the schedule of a camera lets it alarm now."""
    zone = ZoneInfo(config.timezone) if config.timezone else None
    return watches(camera.schedule, datetime.now(zone))


def with_heat(jpeg: bytes, map_HW: UInt8Array) -> bytes:
    """A JPEG picture with its anomaly map drawn over it."""
    return encoded(overlay(decoded(jpeg), map_HW.astype(np.float32), low=0.0, high=255.0))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
