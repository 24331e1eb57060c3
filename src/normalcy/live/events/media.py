"""Pictures and clip of an event, written by a thread of low priority.

    media/<camera>/<day>/<event id>/    snapshot.jpg  heatmap.jpg  clip.mp4

Each file is written whole or not at all. A disk that is full costs pictures, never events.
"""

import logging
import os
import queue
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np

from normalcy.explain.heatmap import overlay
from normalcy.live.events.clip import at_rate
from normalcy.live.frames.memory import Picture
from normalcy.run_folder import whole_file
from normalcy.scoring.types import FloatArray
from normalcy.video.jpeg import decoded, encoded
from normalcy.video.writer import VideoWriter

logger = logging.getLogger(__name__)

_MOST_WAITING = 200
_NICENESS = 10
_LOOK_SECONDS = 0.1


def media_folder(camera: str, *, started_at: float, event: str) -> str:
    """Of an event, below the media folder."""
    day = datetime.fromtimestamp(started_at, UTC).strftime("%Y-%m-%d")
    return f"{camera}/{day}/{event}"


def write_stills(
    folder: Path, picture: Picture, map_HW: FloatArray | None, *, map_range: tuple[float, float]
) -> None:
    """The picture of the peak, and the same with its heat map where there is one."""
    _write(folder / "snapshot.jpg", picture.jpeg)
    if map_HW is not None:
        low, high = map_range
        heat_HWC = overlay(decoded(picture.jpeg), map_HW, low=low, high=high)
        _write(folder / "heatmap.jpg", encoded(heat_HWC))


def write_clip(path: Path, pictures: Sequence[Picture], *, fps: float) -> None:
    """Pictures as a video that plays as fast as they were taken; all of the size of the first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, fps=fps) as video:
        height, width = decoded(pictures[0].jpeg).shape[:2]
        for picture in at_rate(pictures, fps):
            image_HWC = decoded(picture.jpeg)
            if image_HWC.shape[:2] != (height, width):
                image_HWC = np.asarray(cv2.resize(image_HWC, (width, height)), np.uint8)
            video.write(image_HWC)


class MediaWriter:
    """The thread that writes pictures and clips, one after the other.

    Attributes:
        failures: Pictures and clips that are lost.
    """

    def __init__(self) -> None:
        self._jobs: queue.Queue[tuple[Callable[[], None], int]] = queue.Queue()
        self._given_bytes = self._done_bytes = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="media", daemon=True)
        self.failures = 0

    def start(self) -> None:
        """Begins to write."""
        self._thread.start()

    @property
    def waiting_bytes(self) -> int:
        """Of pictures that wait to be written."""
        return self._given_bytes - self._done_bytes

    def submit(self, job: Callable[[], None], *, size_bytes: int = 0) -> None:
        """Writes pictures of a size; counts them as failed where too much waits. From one thread."""
        if self._jobs.qsize() >= _MOST_WAITING:
            self._fail("too much waits to be written")
            return
        self._given_bytes += size_bytes
        self._jobs.put((job, size_bytes))

    def insist(self, job: Callable[[], None]) -> None:
        """Does something small after all that was submitted before, however much waits."""
        self._jobs.put((job, 0))

    def stop(self, timeout_seconds: float) -> bool:
        """Writes what waits and ends; False where that took too long."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        _be_nice()
        while not (self._stopping.is_set() and self._jobs.empty()):
            with suppress(queue.Empty):
                self._write(*self._jobs.get(timeout=_LOOK_SECONDS))

    def _write(self, job: Callable[[], None], size_bytes: int) -> None:
        try:
            job()
        except Exception as error:  # a thread that ends would take all later pictures with it
            self._fail(str(error))
        self._done_bytes += size_bytes

    def _fail(self, why: str) -> None:
        self.failures += 1
        logger.warning("pictures of an event are lost: %s", why)


def _be_nice() -> None:
    """Lets scoring go first; on Linux, where a thread has a priority of its own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


def _write(path: Path, data: bytes) -> None:
    with whole_file(path) as temporary:
        temporary.write_bytes(data)
