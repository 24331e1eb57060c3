"""What a memory learns from false alarms: the clip of each is taken for normal, by that camera alone.

Nothing is kept but the verdicts and the clips: a camera's memory is the detector's, taught anew from those events that
are called false alarms now. So taking a verdict back unteaches it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from normalcy.live.store.records import EventRecord
from normalcy.methods.contract import TeachableCamera
from normalcy.scoring.model import ScoringModel
from normalcy.scoring.types import Clip, ClipScores
from normalcy.scoring.window import ClipWindow
from normalcy.video.reader import ReadOptions, open_video

TIMES = 50.0
"""As often as a false alarm counts as seen: enough to outweigh what a detector saw once or never."""
MOST_LESSONS = 50
"""The newest false alarms are learned; thresholds follow all of them."""


@dataclass(frozen=True)
class Lesson:
    """A false alarm.

    Attributes:
        event: Its id.
        clip: Its video.
        box: Where it was; None where nobody knows.
        start_seconds: Where in the clip it begins.
    """

    event: str
    clip: Path
    box: tuple[float, float, float, float] | None
    start_seconds: float


def lessons_of(events: Sequence[EventRecord], media: Path) -> tuple[Lesson, ...]:
    """Of the false alarms whose clips are there, the oldest first.

    Args:
        events: The newest first.
        media: Folder of clips.
    """
    found = [
        Lesson(event.id, clip, event.box, max(0.0, event.clip_offset_seconds))
        for event in events
        if event.clip_offset_seconds is not None and (clip := media / event.media / "clip.mp4").is_file()
    ]
    return tuple(reversed(found[:MOST_LESSONS]))


class Teaching:
    """Teaches a camera some lessons, a clip at a time, so that scoring goes on between them.

    Args:
        model: Looks at clips.
        camera: As the detector gives it; stays as it is.
        lessons: What to teach.

    Attributes:
        camera: The one that is taught; to be used once `step` is done.
        failures: Lessons that could not be taught, in words.
    """

    def __init__(self, model: ScoringModel, camera: TeachableCamera, lessons: Sequence[Lesson]) -> None:
        self._model = model
        self.camera = camera.with_own_memory() if lessons else camera
        self.failures: list[str] = []
        self._steps = self._teach(lessons)

    def step(self) -> bool:
        """Teaches another clip; False once there is none."""
        return next(self._steps, None) is not None

    def _teach(self, lessons: Sequence[Lesson]) -> Iterator[bool]:
        for lesson in lessons:
            try:
                for _ in self._take(lesson):
                    yield True
            except Exception as error:  # whatever a clip does to a method, scoring goes on
                self.failures.append(str(error) or type(error).__name__)
        if lessons:
            self.camera.settle()

    def _take(self, lesson: Lesson) -> Iterator[None]:
        teacher = self.camera.beside(lesson.event)
        for clip in _clips(lesson.clip, self._model):
            (look,) = self._model.infer([clip.clip_TCHW])
            assert not isinstance(look, ClipScores)
            teacher.teach(clip.stamps, look, box=lesson.box, times=TIMES, start_seconds=lesson.start_seconds)
            yield


def _clips(path: Path, model: ScoringModel) -> Iterator[Clip]:
    spec = model.spec
    window = ClipWindow(spec, hop_frames=spec.hop_frames or 1)
    options = ReadOptions(size_px=spec.size_px, grey=spec.channels == 1)
    with open_video(path, options) as video:
        for frame in video:
            if clip := window.push(frame):
                yield clip
    if clip := window.flush():
        yield clip
