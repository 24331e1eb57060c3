"""The clip of an event: pictures from before it until after it, collected as they come.

They lie in the camera's shared memory as JPEG for as long as a clip reaches back; from there they are copied when an
event opens, and as it goes on.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from normalcy.live.frames.memory import CameraMemory, Picture

_SLACK = 0.75
"""Pictures come as evenly as the camera's frames let them: a little early is not too often."""


@dataclass
class ClipRecording:
    """Pictures of one event.

    Attributes:
        starts_seconds: Time in the camera's life from which on pictures belong to it.
        longest_seconds: It is cut there.
        fps: No more pictures are kept.
        ends_seconds: Where it ends; none while the event is open.
        pictures: So far, in order.
    """

    starts_seconds: float
    longest_seconds: float
    fps: float
    ends_seconds: float | None = None
    pictures: list[Picture] = field(default_factory=list)
    _next: int = 0

    def collect(self, memory: CameraMemory) -> None:
        """Takes what came since the last time, as far as it belongs to the clip."""
        for picture in memory.pictures_since(self._next):
            self._next = picture.number + 1
            if self.starts_seconds <= picture.pts_seconds <= self._end_seconds and self._is_due(picture):
                self.pictures.append(picture)

    def is_over(self, seconds: float) -> bool:
        """Whether no picture that comes after this time belongs to it."""
        return seconds > self._end_seconds

    def _is_due(self, picture: Picture) -> bool:
        if not self.pictures:
            return True
        return picture.pts_seconds - self.pictures[-1].pts_seconds >= _SLACK / self.fps

    @property
    def _end_seconds(self) -> float:
        cut = self.starts_seconds + self.longest_seconds
        return cut if self.ends_seconds is None else min(cut, self.ends_seconds)


def at_rate(pictures: Sequence[Picture], fps: float) -> Iterator[Picture]:
    """Pictures at a steady rate, so that a clip plays as fast as it happened; one is shown until the next came."""
    place, first_seconds = 0, pictures[0].pts_seconds
    frames = round((pictures[-1].pts_seconds - first_seconds) * fps) + 1
    for number in range(frames):
        shown_until = first_seconds + (number + 0.5) / fps
        while place + 1 < len(pictures) and pictures[place + 1].pts_seconds < shown_until:
            place += 1
        yield pictures[place]


def picture_near(memory: CameraMemory, seconds: float) -> Picture | None:
    """The picture of the camera that is nearest to a time in its life; None where there is none."""
    newest = memory.picture()
    if newest is None:
        return None
    best = newest
    for number in range(newest.number - 1, max(-1, newest.number - memory.layout.pictures), -1):
        picture = memory.picture(number)
        if picture is None or abs(picture.pts_seconds - seconds) > abs(best.pts_seconds - seconds):
            break
        best = picture
    return best
