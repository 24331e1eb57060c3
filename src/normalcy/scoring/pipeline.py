"""Window, model and track in a row: the one way from frames to verdicts, for files and for streams."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from normalcy.errors import VideoTooShort
from normalcy.scoring.calibration import Calibration
from normalcy.scoring.model import Found, ScoringModel
from normalcy.scoring.settings import ScoringSettings
from normalcy.scoring.track import ScoreTrack
from normalcy.scoring.types import Clip, ClipScores, Event, FrameScore
from normalcy.scoring.window import ClipWindow
from normalcy.video.frame import Frame

if TYPE_CHECKING:
    from normalcy.methods.base import Camera


class SourceScorer:
    """Scores the frames of one source, a few clips a batch.

    Args:
        model: Any backend.
        settings: Hop, smoothing and alarm settings.
        calibration: Without one, frames are scored but never alarmed.
        source_id: Which camera or file.
        batch_clips: Clips in a batch; the scores do not depend on it, only the latency does.
    """

    def __init__(
        self,
        model: ScoringModel,
        *,
        settings: ScoringSettings,
        calibration: Calibration | None,
        source_id: str,
        batch_clips: int = 8,
    ) -> None:
        self._model = model
        self._source_id = source_id
        self._batch_clips = batch_clips
        self._window = ClipWindow(model.spec, hop_frames=settings.hop_frames)
        self._camera = model.camera(source_id)
        self._track = ScoreTrack(model.spec, source_id=source_id, settings=settings, calibration=calibration)
        self.events: list[Event] = []

    def run(self, frames: Iterable[Frame]) -> Iterator[FrameScore]:
        """Yields the verdict on every frame in order; `events` grows meanwhile and is complete at the end.

        Raises:
            VideoTooShort: The source ended before one clip was full.
        """
        count, batch, scored = 0, list[Clip](), False
        for frame in frames:
            count += 1
            if clip := self._window.push(frame):
                batch.append(clip)
            if len(batch) >= self._batch_clips:
                scored = True
                yield from self._score(batch)
                batch = []
        if clip := self._window.flush():
            batch.append(clip)
        if not batch and not scored:
            spec = self._model.spec
            apart = f", {spec.spacing_seconds:g} s apart" if spec.spacing_seconds else ""
            raise VideoTooShort(
                f"has {count} frames, the method needs at least {spec.span_frames}{apart}",
                where=self._source_id,
            )
        yield from self._score(batch)
        self.finish()

    def finish(self) -> None:
        """Closes the event that is open, if any; `run` does it at the end of the source, a stream's user on leaving."""
        self.events += self._track.flush()

    def _score(self, batch: list[Clip]) -> Iterator[FrameScore]:
        if not batch:
            return
        found = self._model.infer([clip.clip_TCHW for clip in batch])
        for clip, each in zip(batch, found, strict=True):
            update = self._track.update(clip, clip_scores(each, clip=clip, camera=self._camera))
            self.events += update.events
            yield from update.frames


def clip_scores(found: Found, *, clip: Clip, camera: "Camera | None") -> ClipScores:
    """Scores of a clip: what was found where a model keeps nothing of a source, else what its camera makes of it."""
    if camera is None:
        assert isinstance(found, ClipScores)
        return found
    assert not isinstance(found, ClipScores)
    return camera.scores(clip.stamps, found)
