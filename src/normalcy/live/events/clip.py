"""The clip of an event: pictures from before it until after it, collected as they come.

They lie in the camera's shared memory as JPEG for as long as a clip reaches back; from there they are copied when an
event opens, and as it goes on.
"""

from dataclasses import dataclass, field

from normalcy.live.frames.memory import CameraMemory, Picture


@dataclass
class ClipRecording:
    """Pictures of one event.

    Attributes:
        event: Its id.
        starts_seconds: Time in the camera's life from which on pictures belong to it.
        longest_seconds: It is cut there.
        ends_seconds: Where it ends; none while the event is open.
        pictures: So far, in order.
    """

    event: str
    starts_seconds: float
    longest_seconds: float
    ends_seconds: float | None = None
    pictures: list[Picture] = field(default_factory=list)
    _next: int = 0

    def collect(self, memory: CameraMemory) -> None:
        """Takes what came since the last time, as far as it belongs to the clip."""
        for picture in memory.pictures_since(self._next):
            self._next = picture.number + 1
            if self.starts_seconds <= picture.pts_seconds <= self._end:
                self.pictures.append(picture)

    def is_over(self, seconds: float) -> bool:
        """Whether no picture that comes after this time belongs to it."""
        return seconds > self._end

    @property
    def _end(self) -> float:
        cut = self.starts_seconds + self.longest_seconds
        return cut if self.ends_seconds is None else min(cut, self.ends_seconds)

    def nearest(self, seconds: float) -> Picture | None:
        """The picture nearest to a time."""
        return min(self.pictures, key=lambda each: abs(each.pts_seconds - seconds), default=None)
