"""One backend of a bundle, opened and timed in the process that holds it."""

import itertools
import re
import resource
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from normalcy.errors import VideoTooShort
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.pipeline import SourceScorer, clip_scores
from normalcy.scoring.track import ScoreTrack
from normalcy.scoring.types import Clip, ClipScores
from normalcy.scoring.window import ClipWindow
from normalcy.video.frame import Frame
from normalcy.video.reader import ReadOptions, open_video
from normalcy.video.timing import time_reading
from normalcy.workflows.bench.models import open_model
from normalcy.workflows.bench.options import BenchOptions
from normalcy.workflows.bench.timing import Times, Turn, milliseconds, turn

if TYPE_CHECKING:
    from normalcy.methods.base import Camera


class TimedBackend:
    """A backend, and the frames and clips of a video that it is timed on.

    Args:
        path: Bundle folder, or the run folder that holds it.
        name: Of the backend.
        video: File.
        options: How much is timed.

    Attributes:
        peak_memory_mib: Mebibytes that the process took at most to load the bundle and to score the video once, as
            `normalcy score` does.

    Raises:
        BundleError, ConfigError, MissingPackage: The backend is not there.
        VideoError: The video cannot be read, or holds no clip.
    """

    def __init__(self, path: Path, name: str, video: Path, options: BenchOptions) -> None:
        self._bundle, self._video, self._options = Bundle.load(path), video, options
        self._model = open_model(self._bundle, name, threads=options.threads)
        self._watch()
        self.peak_memory_mib = _peak_memory_mib()
        self._frames = self._read()
        self._clips = self._cut()

    def spec(self) -> dict[str, Any]:
        """What the clips are."""
        spec = self._model.spec
        return {
            "clip_frames": spec.length_frames,
            "size_px": list(spec.size_px),
            "channels": spec.channels,
            "frames": len(self._frames),
        }

    def infer(self, batch: int) -> Turn:
        """Each run takes so many clips at once to their scores."""
        count = max(1, min(self._options.clips, len(self._clips)) // batch)
        clips = itertools.cycle(self._clips)
        camera = self._model.camera("bench")
        batches = [list(itertools.islice(clips, batch)) for _ in range(count)]
        return turn([partial(self._scores, each, camera) for each in batches])

    def together(self) -> Turn:
        """From opening the video to the last verdict."""
        return turn([self._watch])

    def stages(self) -> dict[str, dict[str, float]]:
        """Milliseconds of each stage that does not depend on the backend: of a frame, and of a clip for `scoring`."""
        reading = time_reading(self._video, self._reading, frames=len(self._frames))
        # The first frame opens what later ones find open.
        return {
            "decode": Times(tuple(reading.decode[1:])).summary(),
            "resize": Times(tuple(reading.resize[1:])).summary(),
            "window": self._pushing().summary(),
            "scoring": self._scoring().summary(),
        }

    @property
    def _reading(self) -> ReadOptions:
        spec = self._model.spec
        return ReadOptions(size_px=spec.size_px, grey=spec.channels == 1)

    def _scores(self, clips: Sequence[Clip], camera: "Camera | None") -> list[ClipScores]:
        found = self._model.infer([clip.clip_TCHW for clip in clips])
        return [clip_scores(each, clip=clip, camera=camera) for clip, each in zip(clips, found, strict=True)]

    def _read(self) -> list[Frame]:
        with open_video(self._video, self._reading) as reader:
            return list(itertools.islice(reader, self._options.frames))

    def _cut(self) -> list[Clip]:
        window = self._window()
        found = [clip for frame in self._frames if (clip := window.push(frame))]
        if not found:
            raise VideoTooShort(f"has {len(self._frames)} frames, and no clip fits in", where=self._video)
        return found

    def _window(self) -> ClipWindow:
        return ClipWindow(self._model.spec, hop_frames=self._bundle.header.scoring.hop_frames)

    def _pushing(self) -> Times:
        """Of each frame, all but those of the first round."""
        taken: list[float] = []
        for number in range(self._options.rounds + 1):
            push = self._window().push
            found = [milliseconds(partial(push, frame)) for frame in self._frames]
            taken += found if number else []
        return Times(tuple(taken))

    def _scoring(self) -> Times:
        """From scores of clips to verdicts: smoothing, calibration, events."""
        clips = self._clips[: self._options.clips]
        scores = self._scores(clips, self._model.camera("bench"))
        taken = [self._judged(clips, scores) for _ in range(self._options.rounds + 1)]
        return Times(tuple(each for times in taken[1:] for each in times))

    def _judged(self, clips: Sequence[Clip], scores: Sequence[ClipScores]) -> list[float]:
        """Milliseconds of each clip."""
        track = ScoreTrack(
            self._model.spec,
            source_id="bench",
            settings=self._bundle.header.scoring,
            calibration=self._bundle.calibration,
        )
        return [
            milliseconds(partial(track.update, clip, each)) for clip, each in zip(clips, scores, strict=True)
        ]

    def _watch(self) -> None:
        scorer = SourceScorer(
            self._model,
            settings=self._bundle.header.scoring,
            calibration=self._bundle.calibration,
            source_id=str(self._video),
        )
        with open_video(self._video, self._reading) as reader:
            for _ in scorer.run(itertools.islice(reader, self._options.frames)):
                pass


def _peak_memory_mib() -> float:
    """Of this process alone: what `getrusage` says on Linux counts its parent's as well."""
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"^VmHWM:\s*(\d+) kB", status.read_text(encoding="ascii"), re.MULTILINE)
        if found:
            return int(found[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2  # bytes on macOS
