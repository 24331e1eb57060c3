"""The connections of one camera, one after the other: opened, read to their end, and waited for.

The state of the camera changes as `state.TRANSITIONS` draws it.
"""

import gc
import logging
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import Enum, auto
from random import Random

from normalcy.errors import ConfigError, NormalcyError
from normalcy.live.bells import Bell
from normalcy.live.cameras.backoff import Backoff
from normalcy.live.cameras.intake import Intake
from normalcy.live.cameras.life import Life
from normalcy.live.cameras.repeats import Repeats
from normalcy.live.cameras.sources import (
    CameraSource,
    Manners,
    find_camera_source,
    manners_of,
    open_camera,
    reading_options,
)
from normalcy.live.cameras.state import CameraState
from normalcy.live.cameras.timekeeping import Timekeeper
from normalcy.live.config.camera import CameraConfig
from normalcy.live.frames.counters import Drop
from normalcy.live.frames.memory import CameraMemory, MemoryName, as_bytes
from normalcy.live.processes import Stop
from normalcy.methods.contract import ClipSpec
from normalcy.video.reader import LazyFrame, VideoReader

logger = logging.getLogger(__name__)

_BEAT_SECONDS = 0.25


@dataclass(frozen=True)
class CaptureJob:
    """What a capture process is told; holds references to secrets, not the secrets.

    Attributes:
        name: Of the camera.
        config: Of the camera.
        memory: Where its frames go.
        spec: The clips that its method reads.
        picture_fps: Pictures for people per second.
    """

    name: str
    config: CameraConfig
    memory: MemoryName
    spec: ClipSpec
    picture_fps: float


class Ending(Enum):
    """How it ended with a connection.

    STOPPED: somebody asked for it.
    OVER: a file came to its end.
    AGAIN: a file came to its end, and starts again at once.
    LOST: it broke off, or never came about; another attempt may help.
    HOPELESS: no attempt would.
    """

    STOPPED = auto()
    OVER = auto()
    AGAIN = auto()
    LOST = auto()
    HOPELESS = auto()


class Connections:
    """The connections of one camera, one after the other.

    Attributes:
        life: State of the camera.
        failure: A defect that ended it.
    """

    def __init__(self, job: CaptureJob, memory: CameraMemory, doorbell: Bell, stop: Stop) -> None:
        config, record = job.config, memory.capture
        self._job, self._memory, self._stop = job, memory, stop
        self._repeats = Repeats()
        self.life = Life(memory, name=job.name)
        self.failure: BaseException | None = None
        self._timekeeper = Timekeeper(
            int(record.next_index[0]), float(record.pts_seconds[0]), float(record.life_start[0]) or None
        )
        self._intake = Intake(
            memory,
            life=self.life,
            doorbell=doorbell,
            stop=stop,
            config=config,
            spec=job.spec,
            picture_fps=job.picture_fps,
        )
        self._backoff = Backoff(
            first_seconds=config.backoff_first_seconds,
            most_seconds=config.backoff_most_seconds,
            random=Random(),
        )

    def run(self) -> None:
        """Opens, reads and waits, until there is no reason to go on."""
        try:
            while self._connect():
                self._memory.capture.reconnects[0] += 1
        except BaseException as error:
            self.failure = error

    def rest(self) -> None:
        """There is nothing more to do but to show that the process is not stuck, until it is told to stop."""
        while not self._stop.wait(_BEAT_SECONDS):
            self.life.beat()

    def _connect(self) -> bool:
        """Opens the source and reads it to its end; whether to do so again."""
        self.life.become(CameraState.CONNECTING)
        ending, reason = self._read_over_and_over()
        online_seconds = self.life.none_came()
        if ending is Ending.STOPPED:
            return False
        if ending is Ending.HOPELESS:
            self.life.become(CameraState.FAILED, reason)
            return False
        self._memory.capture.ended[0] = ending is Ending.OVER
        self.life.become(CameraState.OFFLINE, reason)
        return ending is Ending.LOST and self._wait(self._backoff.after(online_seconds=online_seconds))

    def _wait(self, seconds: float) -> bool:
        """Waits before the next attempt; False where it was asked to stop."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self._stop.is_set():
            self.life.beat()
            self._stop.wait(min(left, _BEAT_SECONDS))
        return not self._stop.is_set()

    def _read_over_and_over(self) -> tuple[Ending, str]:
        ending, reason = Ending.AGAIN, ""
        while ending is Ending.AGAIN:
            ending, reason = self._read()
            # PyAV's pictures with side data refer to themselves: until they are collected, decoders' buffers are held.
            gc.collect()
        return ending, reason

    def _read(self) -> tuple[Ending, str]:
        """Opens the source once; how that ended, and why."""
        try:
            source = find_camera_source(self._job.config)
        except ConfigError as error:
            return Ending.LOST, error.what  # a secret that may be put in its place yet
        try:
            self.life.beat()
            self._repeats.connect()
            with closing(self._open(source)) as reader:
                return self._read_all(reader, source)
        except NormalcyError as error:
            reason = f"{error.what}. {error.hint}" if error.hint else error.what
        except Exception as error:  # whatever decoders raise; not shown as it is, since it may hold the URL
            logger.warning("camera %s: %s while reading", self._job.name, type(error).__name__)
            reason = f"it cannot be read ({type(error).__name__})"
        return Ending.LOST if source.kind.may_come_back else Ending.HOPELESS, self._explained(reason)

    def _explained(self, reason: str) -> str:
        """Why a connection ended, and whether it brought anything."""
        return f"it repeats what it sent before; {reason}" if self._repeats.nothing_new else reason

    def _open(self, source: CameraSource) -> VideoReader:
        spec = self._job.spec
        options = reading_options(source, self._job.config, size_px=spec.size_px, grey=spec.channels == 1)
        return open_camera(source, options)

    def _read_all(self, reader: VideoReader, source: CameraSource) -> tuple[Ending, str]:
        manners = manners_of(source, self._job.config, reader.info)
        self._connected(reader, manners)
        lost = 0
        for lazy in self._frames(reader, manners):
            self._take(lazy, manners)
            self._memory.capture.dropped[0, Drop.DAMAGED] += reader.lost - lost
            lost = reader.lost
            if self._stop.is_set():
                return Ending.STOPPED, ""
        self._memory.capture.dropped[0, Drop.DAMAGED] += reader.lost - lost
        return self._at_end(reader, source)

    def _connected(self, reader: VideoReader, manners: Manners) -> None:
        info, record = reader.info, self._memory.capture
        record.fps[0], record.codec[0] = info.fps, as_bytes(info.codec, most=16)
        record.height_px[0], record.width_px[0] = info.height_px, info.width_px
        self._timekeeper.connect(manners.timing, step_seconds=1 / info.fps)
        self._intake.cut()

    def _frames(self, reader: VideoReader, manners: Manners) -> Iterator[LazyFrame]:
        frames = reader.lazily()
        self.life.await_frame()
        while (lazy := next(frames, None)) is not None:
            if manners.repeats and self._repeats.holds(lazy.stream_seconds):
                self._memory.capture.frames_in[0] += 1
                self._memory.capture.dropped[0, Drop.REPEATED] += 1
            else:
                yield lazy
            self.life.await_frame()

    def _take(self, lazy: LazyFrame, manners: Manners) -> None:
        record, now = self._memory.capture, self.life.frame_came()
        placed = self._timekeeper.place(lazy.index, lazy.pts_seconds, now=now)
        record.next_index[0], record.pts_seconds[0] = placed.index + 1, placed.pts_seconds
        record.life_start[0] = self._timekeeper.life_start
        has_changed = lazy.size_px != (record.height_px[0], record.width_px[0])
        if placed.jumped or has_changed:
            self._note_cut(lazy, has_changed=has_changed)
        self._intake.take(lazy, placed, captured=now, manners=manners)

    def _note_cut(self, lazy: LazyFrame, *, has_changed: bool) -> None:
        record, (height_px, width_px) = self._memory.capture, lazy.size_px
        what = f"its picture is {width_px}x{height_px} now" if has_changed else "its timestamps jumped"
        logger.warning("camera %s: %s", self._job.name, what, extra={"camera": self._job.name})
        record.height_px[0], record.width_px[0] = height_px, width_px
        self._intake.cut()

    def _at_end(self, reader: VideoReader, source: CameraSource) -> tuple[Ending, str]:
        if self._stop.is_set():
            return Ending.STOPPED, ""
        if source.kind.may_come_back:
            reason = f"it broke off: {reader.trouble}" if reader.trouble else "it ended"
            return Ending.LOST, self._explained(reason)
        if self._job.config.loop:
            return Ending.AGAIN, ""
        return Ending.OVER, "it came to its end"
