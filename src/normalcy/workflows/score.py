"""Scoring videos for people: a table of scores, the events, and an annotated video of each source."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from normalcy.datasets.base import BoolArray
from normalcy.errors import InputError, VideoTimeout
from normalcy.explain.annotate import AnnotatedVideo, UInt8Array
from normalcy.explain.heatmap import MapScale
from normalcy.methods.contract import ClipSpec
from normalcy.progress import Progress
from normalcy.run_folder import RunFolder, write_json
from normalcy.scoring.backends.choice import TORCH, open_backend
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.model import ScoringModel
from normalcy.scoring.pipeline import SourceScorer
from normalcy.scoring.reading import scoring_options as reading_options
from normalcy.scoring.reading import warn_of_rate
from normalcy.scoring.record import ScoredVideo, as_columns, pair_with_frames, write_scores
from normalcy.scoring.track import alarm_rule
from normalcy.scoring.types import FrameScore
from normalcy.video.frame import Frame
from normalcy.video.names import video_stem
from normalcy.video.reader import ReadOptions, VideoInfo, open_video

PANEL_HEIGHT_PX = 240


@dataclass
class ScoredVideos:
    """What scoring some videos came to; videos that could not be read are in `failures`.

    `backend` is what scored them.
    """

    backend: str = TORCH
    videos: list[ScoredVideo] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "backend": self.backend,
            "videos": {
                video.name: {
                    "frames": len(video.index_T),
                    "events": [asdict(event) for event in video.events],
                }
                for video in self.videos
            },
            "failures": self.failures,
        }


def score_videos(
    bundle: Bundle,
    sources: Sequence[str],
    *,
    run: RunFolder,
    options: ReadOptions,
    annotate: bool = True,
    backend: str = TORCH,
    threads: int | None = None,
    progress: Progress | None = None,
) -> ScoredVideos:
    """Scores each source; one that cannot be read costs only itself. The tables are written after every video.

    Args:
        bundle: What scores.
        sources: Files, folders of pictures, URLs or camera numbers.
        run: Where to write.
        options: Span and time-outs of reading; size and colour are the method's.
        annotate: Write annotated videos.
        backend: What scores, as `scoring.backends.choice.open_backend` takes it.
        threads: Of it; likewise.
        progress: Called with what is being done, how much is done, and how much there is: 0 where nobody knows.

    Raises:
        RunFolderBusy: Another process writes there.
        DiskFull: No room is left; the videos that were scored before are in the tables.
    """
    opened = open_backend(bundle, backend, threads=threads)
    bundle, model = opened.bundle, opened.model
    result = ScoredVideos(backend=opened.name)
    with run.claimed():
        for source in sources:
            path = _video_path(run, source, result.files.values()) if annotate else None
            try:
                scored = score_video(
                    bundle, model, source, options=options, annotated=path, progress=progress
                )
            except StreamEnded as end:
                _keep(end.scored, path, run, result)
                if isinstance(end.cause, KeyboardInterrupt):
                    raise KeyboardInterrupt from end
                result.failures.append(str(end.cause))
            except InputError as error:
                result.failures.append(str(error))
            else:
                _keep(scored, path, run, result)
    return result


def _keep(scored: ScoredVideo, path: Path | None, run: RunFolder, result: ScoredVideos) -> None:
    """Takes a scored video into the result and the tables."""
    result.videos.append(scored)
    if path:
        result.files[f"video {scored.name}"] = path
    scores = write_scores(run.scores, result.videos)
    write_json(run.events, [asdict(event) for video in result.videos for event in video.events])
    result.files |= {"scores": scores, "events": run.events}


class StreamEnded(Exception):
    """A live source fell silent, or somebody pressed Ctrl-C; `scored` is what was seen until then."""

    def __init__(self, scored: ScoredVideo, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.scored, self.cause = scored, cause


def score_video(
    bundle: Bundle,
    model: ScoringModel,
    source: str | Path,
    *,
    options: ReadOptions,
    annotated: Path | None = None,
    name: str | None = None,
    label_T: BoolArray | None = None,
    below: Callable[[UInt8Array, float], UInt8Array] | None = None,
    progress: Progress | None = None,
) -> ScoredVideo:
    """Scores one source to its end, and writes its annotated video where a path is given.

    Args:
        bundle: Whose settings and calibration.
        model: What scores.
        source: File, folder of pictures, URL or camera number.
        options: Span and time-outs of reading.
        annotated: Where the annotated video goes.
        name: Of the source, for people.
        label_T: Truth for each frame.
        below: Puts more below each annotated picture, by its time.
        progress: Called with what is being done, how much is done, and how much there is: 0 where nobody knows.

    Raises:
        InputError: The source cannot be read, or is too short.
        StreamEnded: A live source was cut off after some frames.
    """
    verdicts: list[FrameScore] = []
    cut_off: BaseException | None = None
    options = scoring_options(
        options,
        model.spec,
        frames_per_second=bundle.header.frames_per_second,
        preview=annotated is not None,
    )
    with ExitStack() as stack:
        reader = stack.enter_context(open_video(source, options, source_id=name))
        warn_of_rate(
            reader.info.fps,
            fitted_fps=bundle.header.frames_per_second,
            spec=model.spec,
            name=reader.source_id,
        )
        scorer = SourceScorer(
            model,
            settings=bundle.header.scoring,
            calibration=bundle.calibration,
            source_id=reader.source_id,
            batch_clips=1 if reader.info.is_live else 8,
        )
        video = (
            stack.enter_context(_annotated(bundle, annotated, reader.info, label_T, below))
            if annotated
            else None
        )
        expected = expected_frames(reader.info, options)
        frames = counted(reader, f"scoring {reader.source_id}", expected, progress)
        try:
            for frame, verdict in pair_with_frames(scorer, frames):
                verdicts.append(replace(verdict, map_HW=None))
                if video:
                    video.add(frame.image_HWC if frame.preview_HWC is None else frame.preview_HWC, verdict)
        except (VideoTimeout, KeyboardInterrupt) as error:
            # A stream has no end of its own: what it showed until now is the result.
            if not (reader.info.is_live and verdicts):
                raise
            cut_off = error
            scorer.finish()
    scored = as_columns(reader.source_id, verdicts, events=scorer.events, label_T=label_T)
    if cut_off is not None:
        raise StreamEnded(scored, cut_off)
    return scored


def scoring_options(
    options: ReadOptions, spec: ClipSpec, *, frames_per_second: float, preview: bool
) -> ReadOptions:
    """Reading options that give the frames a method wants, and a picture for people beside each where asked for."""
    height_px = PANEL_HEIGHT_PX if preview else None
    return reading_options(options, spec, frames_per_second=frames_per_second, preview_height_px=height_px)


def _annotated(
    bundle: Bundle,
    path: Path,
    info: VideoInfo,
    label_T: BoolArray | None,
    below: Callable[[UInt8Array, float], UInt8Array] | None,
) -> AnnotatedVideo:
    low, high = bundle.header.map_scale
    return AnnotatedVideo(
        path,
        fps=info.fps,
        threshold=alarm_rule(bundle.header.scoring, bundle.calibration).enter_threshold,
        title=bundle.header.method,
        scale=MapScale(low=low, high=high),
        labels_T=label_T,
        duration_seconds=info.duration_seconds,
        below=below,
    )


def expected_frames(info: VideoInfo, options: ReadOptions) -> int:
    """About how many frames will be read, for a progress bar; 0 where nobody knows."""
    count = info.frame_count
    if count is None and info.duration_seconds is not None:
        count = round(info.duration_seconds * info.fps)
    first = round(options.start_seconds * info.fps)
    last = count if options.end_seconds is None else round(options.end_seconds * info.fps)
    if last is None:
        return 0
    return max(0, (last if count is None else min(last, count)) - first)


def counted(frames: Iterable[Frame], what: str, expected: int, progress: Progress | None) -> Iterator[Frame]:
    """Passes frames on and tells how many there were; `expected` is 0 where nobody knows."""
    count = 0
    for count, frame in enumerate(frames, start=1):
        if progress:
            # A container that promised too little must not lead to more than everything.
            progress(what, min(count, expected - 1) if expected else count, expected)
        yield frame
    if progress and count:
        progress(what, expected or count, expected)


def _video_path(run: RunFolder, source: str, taken: Iterable[Path]) -> Path:
    """A name of its own for each annotated video, and never the source itself."""
    avoided = {path.name for path in taken}
    stem = video_stem(source)
    for number in itertools.count(1):
        path = run.videos / (f"{stem}.mp4" if number == 1 else f"{stem}-{number}.mp4")
        if path.name not in avoided and path.absolute() != Path(source).absolute():
            return path
    raise AssertionError("there is always a next number")
