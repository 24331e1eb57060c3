"""What a detector remembers, shown and amended without fitting it again.

Letters: R rows and C columns of cells.
"""

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from normalcy.errors import BundleError, InputError, VideoTooShort
from normalcy.methods.base import Look
from normalcy.methods.scene_memory.method import SceneMemory
from normalcy.methods.scene_memory.settings import CELL_PX
from normalcy.methods.scene_memory.streams.appearance import Appearance, Neighbour
from normalcy.progress import Progress
from normalcy.run_folder import RunFolder
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.model import TorchModel
from normalcy.scoring.types import Clip, ClipScores
from normalcy.scoring.window import ClipWindow
from normalcy.training.amended import amended_bundle
from normalcy.video.frame import Frame
from normalcy.video.names import video_stem
from normalcy.video.reader import ReadOptions, VideoReader, open_video
from normalcy.workflows.judge import run_of
from normalcy.workflows.score import expected_frames, scoring_options

RUN_IN_SECONDS = 10.0
"""What streams that take time to see are shown of the video before the span that counts, at least."""

_MOST_TIMES = 100_000
_LATEST_SECONDS = 0.5  # before the time that was asked for, at the end of a video


@dataclass(frozen=True)
class Remembered:
    """What a detector remembers.

    Attributes:
        scenes: How many it tells apart.
        streams: Names of what it watches.
        examples: Normal looks by the video they come from.
        amendments: What it was told after it was fitted, a line each.
    """

    scenes: int
    streams: tuple[str, ...]
    examples: dict[str, int]
    amendments: tuple[str, ...]


@dataclass(frozen=True)
class Amended:
    """What an amendment came to.

    Attributes:
        seconds: Of video that were taken in or out.
        examples_before, examples_after: Normal looks that are remembered.
        bundle: Folder that was written.
    """

    seconds: float
    examples_before: int
    examples_after: int
    bundle: Path


class Region(NamedTuple):
    """A part of the picture: left, top, right and bottom edge, each as a part of its width or height.

    Raises (on `cells`):
        InputError: It is no part of the picture.
    """

    left: float
    top: float
    right: float
    bottom: float

    def cells(self, method: SceneMemory) -> npt.NDArray[np.bool_]:
        """The cells whose centres lie in it, (R, C)."""
        if not (0 <= self.left < self.right <= 1 and 0 <= self.top < self.bottom <= 1):
            raise InputError(
                f"({', '.join(f'{edge:g}' for edge in self)}) is no region",
                hint="Give left, top, right and bottom edge as parts of the picture, such as 0.1 0.5 0.4 1",
            )
        return method.config.cells_within(self)


WHOLE_PICTURE = Region(0.0, 0.0, 1.0, 1.0)


class StrangePlace(NamedTuple):
    """A place of a frame, and the normal look that it is nearest to.

    Attributes:
        x, y: Its centre, as parts of the picture's width and height.
        score: How far it is from that look: 1 is as far as normal looks get.
        video, frame, seconds: Where the normal look was seen, and at what time of the video.
        normal_x, normal_y: Where in that frame.
    """

    x: float
    y: float
    score: float
    video: str
    frame: int
    seconds: float
    normal_x: float
    normal_y: float


def remembered(bundle: Bundle) -> Remembered:
    """What a bundle remembers.

    Raises:
        BundleError: Its method keeps no memory.
    """
    method = _memory_of(bundle)
    appearance = _appearance(method)
    videos = Counter(origin.video for origin in appearance.examples.origins) if appearance else Counter[str]()
    return Remembered(
        method.memory.scenes.count,
        tuple(name for name, _ in method.memory.watched()),
        dict(sorted(videos.items())),
        bundle.header.fit.amendments,
    )


def strangest_places(
    bundle: Bundle, source: str, *, at_seconds: float, count: int = 5, fps: float | None = None
) -> list[StrangePlace]:
    """The strangest places of the frame at a time of a video, each with the normal look that it is nearest to.

    Raises:
        BundleError: The bundle keeps no memory of looks.
        InputError: The video cannot be read, or shows nothing at that time.
    """
    method = _memory_of(bundle)
    if _appearance(method) is None:
        raise BundleError("does not watch how things look, so it remembers no looks")
    found, seconds = list[Neighbour](), -math.inf
    span = ReadOptions(start_seconds=max(0.0, at_seconds - _run_in_seconds(method)), fps=fps)
    camera = method.camera(video_stem(source))
    for clip, look in _watched(bundle, method, source, span):
        found, seconds = camera.nearest(clip.stamps, look, count=count), clip.stamps[-1].pts_seconds
        if seconds >= at_seconds:
            break
    if seconds < at_seconds - _LATEST_SECONDS:
        raise InputError(f"shows nothing at {at_seconds:g} s", where=source)
    return [_place(neighbour, method) for neighbour in found]


def amend(
    bundle_path: Path,
    source: str,
    *,
    options: ReadOptions,
    times: float,
    region: Region = WHOLE_PICTURE,
    video: str | None = None,
    told_at: datetime | None = None,
    progress: Progress | None = None,
) -> Amended:
    """Takes a span of a video into the memory of a bundle, or out of it; thresholds stay as they were calibrated.

    Args:
        bundle_path: Bundle, or the run folder that holds it; it is replaced as a whole at the end, or not at all.
        source: Video.
        options: The span.
        times: As if it had been seen so many times, 1 to 100,000; below 0 it is taken out.
        region: Where in the picture to learn from. What is learned of speed, residual and shape holds for the whole
            rows, and what is learned of looks for the whole picture.
        video: Name of the video in the memory, where it was fitted on; without, the one that fits the source.
        told_at: When, for the record; now without.
        progress: Called with what is being done, how much is done and how much there is.

    Raises:
        BundleError: The bundle keeps no memory.
        InputError: The video cannot be read, or has nothing in the span, or the region is none.
        RunFolderBusy: Another process writes there.
    """
    if not (math.isfinite(times) and 1 <= abs(times) <= _MOST_TIMES):
        raise InputError(f"{times:g} times is not from 1 to {_MOST_TIMES}", hint="50 is a good start")
    Bundle.load(bundle_path)  # Nothing is claimed where there is none.
    with RunFolder(run_of(bundle_path)).claimed():
        bundle = Bundle.load(bundle_path)
        method = _memory_of(bundle)
        before, frames, rate = _example_count(method), 0, bundle.header.frames_per_second
        times_RC = np.where(region.cells(method), np.float32(times), np.float32(0))
        start_seconds = options.start_seconds
        reading = replace(options, start_seconds=max(0.0, start_seconds - _run_in_seconds(method)))
        camera = method.camera(video or _known_as(source, method), trusts_first=False)
        for clip, look in _watched(bundle, method, source, reading, progress):
            camera.amend(clip.stamps, look, times_RC=times_RC, start_seconds=start_seconds)
            frames += sum(stamp.pts_seconds >= start_seconds for stamp in clip.due)
        if not frames:
            raise InputError(f"shows nothing after {start_seconds:g} s", where=source)
        method.settle()
        line = _line(source, options, times, region, told_at or datetime.now(UTC))
        folder = bundle_path / "bundle" if (bundle_path / "bundle").is_dir() else bundle_path
        amended_bundle(bundle, method, [line]).save(folder)
    return Amended(frames / rate, before, _example_count(method), folder)


def _watched(
    bundle: Bundle, method: SceneMemory, source: str, options: ReadOptions, progress: Progress | None = None
) -> Iterator[tuple[Clip, Look]]:
    """The clips of a source as scoring would see them, each with its look."""
    model = TorchModel(method)
    rate = bundle.header.frames_per_second
    options = scoring_options(options, model.spec, frames_per_second=rate, preview=False)
    window = ClipWindow(model.spec, hop_frames=bundle.header.scoring.hop_frames)
    with open_video(source, options) as reader:
        expected = expected_frames(reader.info, options)
        for count, frame in enumerate(_until_the_end(reader), start=1):
            if progress:
                progress(f"looking at {reader.source_id}", min(count, expected), expected)
            if clip := window.push(frame):
                yield clip, _look(model, clip)
    if clip := window.flush():
        yield clip, _look(model, clip)


def _until_the_end(reader: VideoReader) -> Iterator[Frame]:
    """The frames; none where the video ends before the run-in: the user is told of the span that was asked for."""
    with suppress(VideoTooShort):
        yield from reader


def _run_in_seconds(method: SceneMemory) -> float:
    dwell = method.config.dwell
    return max(RUN_IN_SECONDS, 2 * dwell.still_seconds, 4 * dwell.seconds)


def _look(model: TorchModel, clip: Clip) -> Look:
    (look,) = model.infer([clip.clip_TCHW])
    assert not isinstance(look, ClipScores)
    return look


def _memory_of(bundle: Bundle) -> SceneMemory:
    method = bundle.method()
    if not isinstance(method, SceneMemory):
        raise BundleError(
            f"holds a {bundle.header.method}, which keeps no memory that could be shown or amended"
        )
    return method


def _appearance(method: SceneMemory) -> Appearance | None:
    stream = method.memory.streams.get("appearance")
    assert stream is None or isinstance(stream, Appearance)
    return stream


def _known_as(source: str, method: SceneMemory) -> str:
    """The name under which a source is remembered: its path without what lies above its dataset; else its stem."""
    path = Path(source).absolute()
    appearance = _appearance(method)
    known = {origin.video for origin in appearance.examples.origins} if appearance else set()
    for depth in range(len(path.parts) - 1, 0, -1):
        name = "/".join((*path.parts[depth:-1], path.stem))
        if name in known:
            return name
    return video_stem(source)


def _example_count(method: SceneMemory) -> int:
    appearance = _appearance(method)
    return len(appearance.examples.example_NF) if appearance else 0


def _line(source: str, options: ReadOptions, times: float, region: Region, told_at: datetime) -> str:
    """An amendment in words."""
    end = "its end" if options.end_seconds is None else f"{options.end_seconds:g} s"
    told = f"is normal, counted {times:g} times" if times > 0 else "is forgotten"
    when = told_at.isoformat(timespec="seconds")
    where = "" if region == WHOLE_PICTURE else f" within {', '.join(f'{edge:g}' for edge in region)}"
    return f"{when}: {video_stem(source)} from {options.start_seconds:g} s to {end}{where} {told}"


def _place(neighbour: Neighbour, method: SceneMemory) -> StrangePlace:
    height, width = method.config.size_px
    origin = neighbour.origin

    def parts(row: int, column: int) -> tuple[float, float]:
        return round((column + 0.5) * CELL_PX / width, 3), round((row + 0.5) * CELL_PX / height, 3)

    return StrangePlace(
        *parts(neighbour.row, neighbour.column),
        round(neighbour.score, 3),
        origin.video,
        origin.frame,
        round(origin.seconds, 2),
        *parts(origin.row, origin.column),
    )
