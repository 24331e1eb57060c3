"""What becomes of the frames of a camera: which are scored, which are shown, and which give way.

decoded --stride--> --rate cap--> --due?--> --room?--> ring, with an image where a clip would take it
    +--every now and then--> picture for people
"""

import time
from collections.abc import Callable

from normalcy.live.bells import Bell, ring
from normalcy.live.cameras.life import Life
from normalcy.live.cameras.pacing import NaturalPace, RateCap
from normalcy.live.cameras.sources import Manners
from normalcy.live.cameras.timekeeping import Placed
from normalcy.live.config.camera import CameraConfig
from normalcy.live.frames.counters import Drop
from normalcy.live.frames.memory import CameraMemory, Picture, Stamped, UInt8Array
from normalcy.live.processes import Stop
from normalcy.methods.contract import ClipSpec
from normalcy.video.jpeg import encoded
from normalcy.video.reader import LazyFrame

JPEG_QUALITIES = (80, 50, 20)
"""The lower ones are for pictures that are too large for their place."""

_ROOM_SECONDS = 0.005
_BEAT_SECONDS = 0.25


class Intake:
    """Takes the frames of one camera, over all of its connections.

    Args:
        memory: Where frames are put.
        life: Of the camera.
        doorbell: Rung for each frame that can be scored.
        stop: Ends waiting.
        config: Of the camera.
        spec: What its method reads.
        picture_fps: Pictures for people per second.
        clock: Monotonic, in seconds.
    """

    def __init__(
        self,
        memory: CameraMemory,
        *,
        life: Life,
        doorbell: Bell,
        stop: Stop,
        config: CameraConfig,
        spec: ClipSpec,
        picture_fps: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._memory, self._life, self._doorbell, self._stop = memory, life, doorbell, stop
        self._spec, self._stride, self._clock = spec, config.stride, clock
        self._cap, self._shown, self._pace = RateCap(config.max_fps), RateCap(picture_fps), NaturalPace()
        self._taken_seconds: float | None = None

    def cut(self) -> None:
        """The frames that follow do not continue those before."""
        self._memory.capture.generation[0] += 1
        self._taken_seconds = None

    def take(self, lazy: LazyFrame, placed: Placed, *, captured: float, manners: Manners) -> None:
        """Takes a frame that was decoded at `captured`, by the monotonic clock."""
        self._memory.capture.frames_in[0] += 1
        is_scored = self._is_scored(placed)
        if manners.paced:
            self._wait_until_due(placed.pts_seconds)
        if manners.waits and is_scored and not self._wait_for_room():
            return
        if manners.paced or manners.waits:
            captured = self._clock()  # what was held back is new only now
        captured_at = time.time() - (self._clock() - captured)
        if is_scored:
            self._write(lazy, placed, captured=captured, captured_at=captured_at)
        if self._shown.takes(placed.pts_seconds):
            self._show(lazy, placed, captured_at=captured_at)

    def _is_scored(self, placed: Placed) -> bool:
        if placed.index % self._stride:
            self._drop(Drop.STRIDE)
        elif not self._cap.takes(placed.pts_seconds):
            self._drop(Drop.RATE_CAP)
        else:
            return True
        return False

    def _drop(self, cause: Drop) -> None:
        self._memory.capture.dropped[0, cause] += 1

    def _write(self, lazy: LazyFrame, placed: Placed, *, captured: float, captured_at: float) -> None:
        self._memory.write(
            Stamped(
                self._image(lazy, placed.pts_seconds),
                index=placed.index,
                pts_seconds=placed.pts_seconds,
                generation=int(self._memory.capture.generation[0]),
                captured=captured,
                captured_at=captured_at,
                number=0,
            )
        )
        ring(self._doorbell)

    def _image(self, lazy: LazyFrame, pts_seconds: float) -> UInt8Array | None:
        """The image, where a clip would take it: by the rule of `scoring.window.ClipWindow`."""
        last = self._taken_seconds
        if last is not None and self._spec.too_soon(pts_seconds, after=last):
            return None
        self._taken_seconds = pts_seconds
        return lazy.image()

    def _show(self, lazy: LazyFrame, placed: Placed, *, captured_at: float) -> None:
        preview_HWC = lazy.preview()
        if preview_HWC is None:
            return
        height, width, _ = preview_HWC.shape
        for quality in JPEG_QUALITIES:
            jpeg = encoded(preview_HWC, quality=quality)
            picture = Picture(jpeg, placed.index, placed.pts_seconds, captured_at, 0, (height, width))
            if self._memory.write_picture(picture):
                return

    def _wait_until_due(self, pts_seconds: float) -> None:
        due = self._pace.due(pts_seconds, now=self._clock())
        while (left := due - self._clock()) > 0 and not self._stop.wait(min(left, _BEAT_SECONDS)):
            self._life.beat()

    def _wait_for_room(self) -> bool:
        """Waits until a frame that was read leaves room; False where it was asked to stop before."""
        while self._memory.is_full:
            self._life.beat()
            if self._stop.wait(_ROOM_SECONDS):
                return False
        return True
