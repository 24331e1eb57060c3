"""What one chunk of a video hands on to the next: the state of its track and of the method's camera, and nothing else.

What both ends hold already, such as a method's memory, is named in it and not written. It is read by a reader that
knows arrays and the classes of `state_fields`, and makes nothing else: a file that was tampered with is refused.
"""

import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from normalcy.archive.states import read, written
from normalcy.errors import InputError
from normalcy.scoring.track import ScoreTrack

if TYPE_CHECKING:
    from normalcy.methods.base import Camera

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
        try:
            data = written(self, _shared(self.track, self.camera))
        except (pickle.PicklingError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise NotHandedOver(f"a state cannot be written ({error})") from error
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
            found = read(data, _shared(track, camera))
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
