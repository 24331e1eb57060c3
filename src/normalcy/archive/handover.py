"""What one chunk of a video hands on to the next: the state of its track and of the method's camera, and nothing else.

What both ends hold already, such as a method's memory, is named in it and not written. It is a pickle, and read by a
reader that knows arrays and the classes listed here, and makes nothing else: a file that was tampered with is refused.
"""

import io
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from normalcy.errors import InputError
from normalcy.scoring.track import ScoreTrack

if TYPE_CHECKING:
    from normalcy.methods.base import Camera

_NUMPY = ("numpy._core", "numpy.core")
_ALLOWED = {
    ("builtins", "set"),
    ("builtins", "frozenset"),
    ("builtins", "bytearray"),
    ("collections", "deque"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    *((f"{package}.multiarray", name) for package in _NUMPY for name in ("_reconstruct", "scalar")),
    *((f"{package}.numeric", "_frombuffer") for package in _NUMPY),
    ("normalcy.archive.handover", "Handover"),
    ("normalcy.methods.contract", "FrameStamp"),
    ("normalcy.methods.scene_memory.camera", "Camera"),
    ("normalcy.methods.scene_memory.camera", "_Verdict"),
    ("normalcy.methods.scene_memory.scenes", "Background"),
    ("normalcy.methods.scene_memory.scenes", "_Found"),
    ("normalcy.methods.scene_memory.smoothing", "Average"),
    ("normalcy.methods.scene_memory.smoothing", "TrimmedMean"),
    ("normalcy.methods.scene_memory.streams.appearance", "LastLook"),
    ("normalcy.methods.scene_memory.streams.dwell", "Presence"),
    ("normalcy.methods.scene_memory.streams.stillness", "Rest"),
    ("normalcy.methods.sequence_runner", "WatchedSource"),
    ("normalcy.scoring.events", "AlarmState"),
    ("normalcy.scoring.events", "EventDetector"),
    ("normalcy.scoring.events", "_Span"),
    ("normalcy.scoring.smoothing", "CausalSmoother"),
    ("normalcy.scoring.track", "ScoreTrack"),
    ("normalcy.scoring.track", "_Score"),
}
_OF_TRACKS = ("_spec", "_settings", "_calibration", "rule")


class NotHandedOver(InputError):
    """A state that cannot be written, or is none."""


@dataclass(frozen=True, eq=False)
class Handover:
    """What a chunk hands on.

    Attributes:
        track: As it is after the chunk's last clip.
        camera: Likewise; None where the method keeps nothing.
        witness: Digest of the next chunk's first frames, as this one decoded them.
    """

    track: ScoreTrack
    camera: "Camera | None"
    witness: str

    def to_bytes(self) -> bytes:
        """For the next chunk.

        Raises:
            NotHandedOver: The camera keeps something that is not known here.
        """
        file = io.BytesIO()
        names = {id(each): name for name, each in _shared(self.track, self.camera).items()}
        try:
            _Writer(file, names).dump(self)
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise NotHandedOver(f"a state cannot be written ({error})") from error
        data = file.getvalue()
        self.from_bytes(data, track=self.track, camera=self.camera)
        return data

    @classmethod
    def from_bytes(cls, data: bytes, *, track: ScoreTrack, camera: "Camera | None") -> "Handover":
        """What `to_bytes` gave.

        Args:
            data: Of the chunk before.
            track: A new one of the same source: what it shares with others is shared by what is read.
            camera: Likewise.

        Raises:
            NotHandedOver: It holds something else.
        """
        try:
            found = _Reader(io.BytesIO(data), _shared(track, camera)).load()
        except Exception as error:  # what a damaged pickle raises is anything
            raise NotHandedOver(f"a state cannot be read ({error})") from error
        if not isinstance(found, cls):
            raise NotHandedOver(f"a {type(found).__name__} is no state")
        return found


def _shared(track: ScoreTrack, camera: "Camera | None") -> dict[str, Any]:
    """What is never written, by name: settings, and what all cameras of a method have in common."""
    found = {f"track.{name}": getattr(track, name) for name in _OF_TRACKS}
    own = {} if camera is None else vars(camera)
    found |= {f"camera.{name}": value for name, value in own.items() if not name.startswith("_")}
    if memory := found.get("camera.memory"):
        found["camera.memory.scenes"] = memory.scenes
    # Small values are one object wherever they stand: naming one would name all.
    return {name: each for name, each in found.items() if not isinstance(each, str | int | float | None)}


class _Writer(pickle.Pickler):
    def __init__(self, file: io.BytesIO, names: Mapping[int, str]) -> None:
        super().__init__(file, protocol=5)
        self._names = names

    def persistent_id(self, value: Any) -> str | None:
        return self._names.get(id(value))


class _Reader(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, shared: Mapping[str, Any]) -> None:
        super().__init__(file)
        self._shared = shared

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is not known here")
        return super().find_class(module, name)

    def persistent_load(self, name: str) -> Any:
        return self._shared[name]
