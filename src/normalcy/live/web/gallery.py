"""Live pictures, made once for all who look: a wall on ten screens costs hardly more than on one."""

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from normalcy.live.status import Engine

MOST_DRAWN_A_SECOND: Final = 25.0
"""Each heat map is drawn over its picture in this process, which has other things to do."""


@dataclass(frozen=True)
class Shot:
    """A picture as it was taken from the engine.

    Attributes:
        jpeg: None where there is none.
        tag: Tells it from every other picture; empty where there is none.
        at: When it was asked for, monotonic clock.
    """

    jpeg: bytes | None = None
    tag: str = ""
    at: float = float("-inf")


@dataclass
class _Frame:
    """Where the newest shot of a camera hangs; who holds the lock makes the next one."""

    shot: Shot = Shot()
    lock: threading.Lock = field(default_factory=threading.Lock)


class Gallery:
    """The newest picture of each camera, with and without its heat map.

    Args:
        engine: Makes the pictures.
        clock: Monotonic, in seconds.
    """

    def __init__(self, engine: Engine, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine, self._clock = engine, clock
        self._frames: dict[tuple[str, bool], _Frame] = {}
        self._lock = threading.Lock()

    def newest(self, camera: str, *, heat: bool) -> Shot:
        """Of a camera of the configuration; no older than the wall's period, or than a heat map's turn comes again."""
        with self._lock:
            frame = self._frames.setdefault((camera, heat), _Frame())
        if frame.shot.jpeg is not None and not self._is_due(frame.shot, heat=heat):
            return frame.shot
        with frame.lock:
            if self._is_due(frame.shot, heat=heat):
                frame.shot = self._taken(camera, heat=heat)
            return frame.shot

    def _is_due(self, shot: Shot, *, heat: bool) -> bool:
        config = self._engine.config
        period_seconds = 1 / config.web.picture_fps
        if heat:
            period_seconds = max(period_seconds, len(config.cameras) / MOST_DRAWN_A_SECOND)
        # A wall asks once a period; half of one more would be lost to whoever asks a moment too early.
        return self._clock() - shot.at >= 0.8 * period_seconds

    def _taken(self, camera: str, *, heat: bool) -> Shot:
        at, jpeg = self._clock(), self._engine.picture(camera, heat=heat)
        return Shot(jpeg, hashlib.blake2b(jpeg, digest_size=8).hexdigest() if jpeg else "", at)
