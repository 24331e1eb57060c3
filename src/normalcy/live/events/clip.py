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
        after_seconds: How much of it is after the event, at most.
        first_seconds, last_seconds: Of the event, so far.
        is_closed: Whether the event is over.
        pictures: So far, in order; while an event may still go on, more than the clip shows in the end.
        size_bytes: Of the pictures.
    """

    starts_seconds: float
    longest_seconds: float
    fps: float
    after_seconds: float
    first_seconds: float
    last_seconds: float
    is_closed: bool = False
    pictures: list[Picture] = field(default_factory=list)
    size_bytes: int = 0
    _next: int = 0
    _thinned: int = 1

    def collect(self, memory: CameraMemory) -> None:
        """Takes what came since the last time, as far as it belongs to the clip."""
        for picture in memory.pictures_since(self._next):
            self._next = picture.number + 1
            if self.starts_seconds <= picture.pts_seconds <= self._end_seconds and self._is_due(picture):
                self.pictures.append(picture)
                self.size_bytes += len(picture.jpeg)

    def thin(self) -> int:
        """Lets every second picture go, from now on as well; returns how many went."""
        before, self.pictures = len(self.pictures), self.pictures[::2]
        self.size_bytes = sum(len(each.jpeg) for each in self.pictures)
        self._thinned *= 2
        return before - len(self.pictures)

    def shown(self) -> list[Picture]:
        """Its pictures, without those that came while it was not known yet that the event was over."""
        end_seconds = self.last_seconds + self.after_seconds
        return [each for each in self.pictures if each.pts_seconds <= end_seconds]

    def is_over(self, seconds: float) -> bool:
        """Whether no picture that comes after this time belongs to it."""
        return seconds > self._end_seconds

    def _is_due(self, picture: Picture) -> bool:
        if not self.pictures:
            return True
        return picture.pts_seconds - self.pictures[-1].pts_seconds >= _SLACK * self._thinned / self.fps

    @property
    def _end_seconds(self) -> float:
        cut = self.starts_seconds + self.longest_seconds
        return min(cut, self.last_seconds + self.after_seconds) if self.is_closed else cut


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
