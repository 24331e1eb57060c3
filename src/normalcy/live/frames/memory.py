"""The shared memory of one camera: what its capture process writes, and what the engine writes.

Letters: H height, W width, C channels.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from normalcy.live.frames.block import SharedBlock, attach_untracked, made_whole
from normalcy.live.frames.counters import Drop
from normalcy.live.frames.layout import (
    CAPTURE_RECORD,
    ENGINE_RECORD,
    MOST_TEXT_BYTES,
    PICTURE_STAMP,
    SLOT_STAMP,
    Layout,
)

UInt8Array = npt.NDArray[np.uint8]

_UINT8 = np.dtype(np.uint8)
_VIEWS = ("_bytes", "capture", "engine", "_stamps", "_picture_stamps", "_images", "_jpegs", "_map_HW")


@dataclass(frozen=True, slots=True, eq=False)
class Stamped:
    """A frame as it waits to be scored.

    Attributes:
        image_HWC: uint8; None where no clip would take the frame.
        index, pts_seconds: Place and time in the camera's life, over all its connections.
        generation: Which connection it came from.
        captured: Monotonic clock, in seconds, when it was decoded.
        captured_at: Wall clock then, in seconds since 1970.
        number: Frames that were put into the ring before it.
    """

    image_HWC: UInt8Array | None
    index: int
    pts_seconds: float
    generation: int
    captured: float
    captured_at: float
    number: int


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture for people, as JPEG."""

    jpeg: bytes
    index: int
    pts_seconds: float
    captured_at: float
    number: int
    size_px: tuple[int, int]


@dataclass(frozen=True)
class MemoryName:
    """What it takes to attach to a camera's memory from another process."""

    name: str
    layout: Layout


class CameraMemory:
    """Shared memory of one camera.

    Made by the supervisor, which also unlinks it; attached to by the capture process and the engine, each of which may
    be killed at any time and attach anew. Where all of them are killed, the supervisor's resource tracker frees it.
    """

    def __init__(self, shared: SharedBlock, layout: Layout) -> None:
        self._shared, self.layout = shared, layout
        # By way of `asarray`, which alone keeps the memory mapped for as long as a view of it lives.
        self._bytes: UInt8Array = np.asarray(shared.buf)
        self.capture: Any = self._part("capture", CAPTURE_RECORD, 1).view(np.recarray)
        self.engine: Any = self._part("engine", ENGINE_RECORD, 1).view(np.recarray)
        self._stamps = self._part("stamps", SLOT_STAMP, layout.slots)
        self._picture_stamps = self._part("picture_stamps", PICTURE_STAMP, layout.pictures)
        self._images = self._part("images", _UINT8, layout.slots, *layout.image_HWC)
        self._jpegs = self._part("jpegs", _UINT8, layout.pictures, layout.picture_bytes)
        self._map_HW = self._part("map", _UINT8, *layout.map_HW)

    def _part(self, name: str, kind: np.dtype[Any], *shape: int) -> npt.NDArray[Any]:
        start = self.layout.offsets[name]
        size = kind.itemsize * math.prod(shape)
        return self._bytes[start : start + size].view(kind).reshape(shape)

    @classmethod
    def create(cls, layout: Layout) -> "CameraMemory":
        """New, all zero.

        Raises:
            OutputError: There is no room for it.
        """
        return cls(made_whole(layout.offsets["end"]), layout)

    @classmethod
    def attach(cls, name: MemoryName) -> "CameraMemory":
        """What another process made."""
        return cls(attach_untracked(name.name), name.layout)

    @property
    def name(self) -> MemoryName:
        """To attach to it."""
        return MemoryName(self._shared.name, self.layout)

    def close(self) -> None:
        """Detaches; nothing of it may be used afterwards. May be called twice."""
        for name in _VIEWS:
            self.__dict__.pop(name, None)
        self._shared.close()

    def __del__(self) -> None:
        # Views have to go first: the block cannot be let go of while they show it.
        if "_shared" in self.__dict__:
            self.close()

    def unlink(self) -> None:
        """Frees it once everybody has detached."""
        self._shared.unlink()

    # -- frames: written by the capture process, read by the engine

    @property
    def waiting(self) -> int:
        """Frames that were written and not read yet."""
        return int(self.capture.written[0] - self.engine.read[0])

    @property
    def is_full(self) -> bool:
        """Whether another frame would take the place of one that waits."""
        return self.waiting >= self.layout.slots

    def write(self, frame: Stamped) -> None:
        """Puts a frame into the ring, in place of the oldest where it is full; `frame.number` is not looked at."""
        number = int(self.capture.written[0])
        place = number % self.layout.slots
        stamp = self._stamps[place]
        stamp["sequence"] = 2 * number + 1
        if frame.image_HWC is not None:
            self._images[place] = frame.image_HWC
        for key in ("index", "pts_seconds", "generation", "captured", "captured_at"):
            stamp[key] = getattr(frame, key)
        stamp["number"], stamp["has_image"] = number, frame.image_HWC is not None
        stamp["sequence"] = 2 * number + 2
        self.capture.written[0] = number + 1

    def read(self) -> Stamped | None:
        """Takes the oldest frame that waits; None where there is none.

        Frames that gave way to newer ones are counted here, as `Drop.BUFFER_FULL`: the reader passes each number once,
        so that what was read and what was dropped always add up to what was written.
        """
        while (written := int(self.capture.written[0])) > (number := int(self.engine.read[0])):
            lapped = max(0, written - self.layout.slots - number)
            frame = None if lapped else self._read(number)
            self.engine.read[0] = number + max(lapped, 1)
            if frame is not None:
                return frame
            self.engine.dropped[0, Drop.BUFFER_FULL] += max(lapped, 1)
        return None

    def _read(self, number: int) -> Stamped | None:
        """A frame by its number; None where another one took its place, or takes it now."""
        place = number % self.layout.slots
        stamp = self._stamps[place]
        whole = 2 * number + 2
        if stamp["sequence"] != whole:
            return None
        image_HWC = self._images[place].copy() if stamp["has_image"] else None
        found = Stamped(
            image_HWC,
            int(stamp["index"]),
            float(stamp["pts_seconds"]),
            int(stamp["generation"]),
            float(stamp["captured"]),
            float(stamp["captured_at"]),
            number,
        )
        return found if stamp["sequence"] == whole else None

    # -- pictures for people: written by the capture process, read by the engine and the web

    def write_picture(self, picture: Picture) -> bool:
        """Keeps a picture; `picture.number` is not looked at. False where its JPEG is larger than a place."""
        data = np.frombuffer(picture.jpeg, np.uint8)
        if data.size > self.layout.picture_bytes:
            return False
        number = int(self.capture.pictures[0])
        place = number % self.layout.pictures
        stamp = self._picture_stamps[place]
        stamp["sequence"] = 2 * number + 1
        self._jpegs[place, : data.size] = data
        stamp["number"], stamp["size_bytes"] = number, data.size
        for key in ("index", "pts_seconds", "captured_at"):
            stamp[key] = getattr(picture, key)
        stamp["height_px"], stamp["width_px"] = picture.size_px
        stamp["sequence"] = 2 * number + 2
        self.capture.pictures[0] = number + 1
        return True

    def picture(self, number: int | None = None) -> Picture | None:
        """The picture of a number, or the newest; None where it is gone or there is none."""
        number = int(self.capture.pictures[0]) - 1 if number is None else number
        if number < 0:
            return None
        place = number % self.layout.pictures
        stamp = self._picture_stamps[place]
        whole = 2 * number + 2
        if stamp["sequence"] != whole:
            return None
        found = Picture(
            self._jpegs[place, : int(stamp["size_bytes"])].tobytes(),
            int(stamp["index"]),
            float(stamp["pts_seconds"]),
            float(stamp["captured_at"]),
            number,
            (int(stamp["height_px"]), int(stamp["width_px"])),
        )
        return found if stamp["sequence"] == whole else None

    def pictures_since(self, number: int) -> list[Picture]:
        """Pictures from a number on, as far as they are still there."""
        end = int(self.capture.pictures[0])
        first = max(number, end - self.layout.pictures, 0)
        found = (self.picture(each) for each in range(first, end))
        return [picture for picture in found if picture is not None]

    # -- the anomaly map: written by the engine, read by the web

    def write_map(self, level_HW: UInt8Array) -> None:
        """Shows a map: uint8 of the layout's shape, 255 where it has the last colour."""
        odd = int(self.engine.map_sequence[0]) | 1  # already odd where a writer was killed half-way
        self.engine.map_sequence[0] = odd
        self._map_HW[:] = level_HW
        self.engine.map_sequence[0] = odd + 1

    def map(self) -> UInt8Array:
        """The newest map; all zero before there is one."""
        for _ in range(10):
            before = int(self.engine.map_sequence[0])
            level_HW = self._map_HW.copy()
            if before % 2 == 0 and before == int(self.engine.map_sequence[0]):
                break
        return level_HW


def as_text(value: Any) -> str:
    """Text of a field."""
    return bytes(value).rstrip(b"\0").decode("utf-8", "replace")


def as_bytes(text: str, *, most: int = MOST_TEXT_BYTES) -> bytes:
    """Text for a field, cut where it is too long."""
    return text.encode("utf-8", "replace")[:most].decode("utf-8", "ignore").encode("utf-8")
