"""Scores an archive with the workers of an engine.

round 1    each video: a short one is scored, a long one cut into chunks
round 2    chunks, those of the longest videos first; each hands its state to the next one of its video
round 3    videos that could not be scored in chunks, as a whole
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from normalcy.archive import places
from normalcy.archive.detector import PackedBundle
from normalcy.archive.identity import claim, earlier_backend, identity_of
from normalcy.archive.items import ChunkItem, Item, Result, VideoItem, WasCut, WasScored
from normalcy.archive.job import ArchiveJob
from normalcy.archive.listing import Video, list_videos
from normalcy.archive.needs import require
from normalcy.archive.state import CutVideo, Standing, read_cut, require_parts, standing
from normalcy.archive.store import WORK, Store
from normalcy.archive.tables import row_file
from normalcy.engines.contract import Engine, Outcome
from normalcy.engines.opening import cores
from normalcy.progress import Progress
from normalcy.run_folder import RunFolder
from normalcy.scoring.backends.choice import IN_TORCH, TORCH, open_backend
from normalcy.scoring.bundle import Bundle

_AUTO = "auto"


@dataclass(frozen=True)
class ArchiveOptions:
    """How an archive is scored.

    Attributes:
        backend: What scores, as `scoring.backends.choice.open_backend` takes it.
        threads: Of each worker; this machine's cores over the local workers without, one on Ray.
        chunk_seconds: Videos that are half as long again are cut into chunks of about so much.
        wait_seconds: How long a chunk waits at least for the one before; then the video is scored as a whole.
        overwrite: Begin anew where the output was made by something else; else go on with it.
    """

    backend: str = _AUTO
    threads: int | None = None
    chunk_seconds: float = 60.0
    wait_seconds: float = 900.0
    overwrite: bool = False


@dataclass
class ScoredArchive:
    """What scoring an archive came to.

    Attributes:
        out: The output's folder, for people.
        engine, workers, backend: What scored.
        rows: How each video went, by name; those that were done before as well.
        scored: How many were scored by this run.
        seconds_taken: By this run.
    """

    out: str
    engine: str
    workers: int
    backend: str
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    scored: int = 0
    seconds_taken: float = 0.0

    @property
    def failures(self) -> list[str]:
        """A line for each video that could not be scored."""
        return [row["error"] for _, row in sorted(self.rows.items()) if row["error"]]

    def total(self, name: str) -> float:
        """Of a column, over all videos."""
        return cast(float, sum(row[name] for row in self.rows.values()))

    def summary(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "engine": self.engine,
            "workers": self.workers,
            "backend": self.backend,
            "videos": len(self.rows),
            "scored_now": self.scored,
            "failures": self.failures,
            "frames": int(self.total("frames")),
            "events": int(self.total("events")),
            "footage_seconds": round(self.total("seconds"), 3),
            "seconds_taken": round(self.seconds_taken, 3),
        }


def score_archive(
    bundle_path: Path,
    patterns: Sequence[str],
    *,
    out: str,
    engine: Engine,
    options: ArchiveOptions = ArchiveOptions(),
    progress: Progress | None = None,
) -> ScoredArchive:
    """Scores all videos of an archive; what is written is not computed again, and one that fails costs only itself.

    Args:
        bundle_path: Bundle folder, or the run folder that holds one.
        patterns: As `listing.list_videos` takes them.
        out: Folder or URL of the output.
        engine: What does the work, not entered.
        options: How.
        progress: Called with what is being done, how much is done, and how much there is.

    Raises:
        InputError: A pattern matches nothing, or the bundle cannot be read.
        RunFolderExists: The output was made by something else.
        OutputError: The output cannot be written; what was written before is whole.
        MissingPackage: The extra `scale` is not installed.
    """
    require("fsspec", "pyarrow")
    bundle = Bundle.load(bundle_path)
    videos, store = list_videos(patterns), Store(out)
    assert bundle.path is not None
    packed = PackedBundle.of(bundle.path)
    backend = _resolved(bundle, options, earlier=earlier_backend(store, packed))
    identity = identity_of(
        packed, method=bundle.header.method, backend=backend, chunk_seconds=options.chunk_seconds
    )
    with _held(store):
        claim(store, identity, overwrite=options.overwrite)
        with engine:
            threads = options.threads or _threads(engine)
            # A worker need not be in the folder from which a relative path counts.
            place = str(store.local) if store.local else out
            job = ArchiveJob(packed, backend, threads, place, options.chunk_seconds, options.wait_seconds)
            run = _Run(
                job, engine, store, progress, ScoredArchive(store.shown, engine.name, engine.workers, backend)
            )
            return run.all(videos)


def _resolved(bundle: Bundle, options: ArchiveOptions, *, earlier: str | None) -> str:
    """The backend by its full name, so that all workers take the same, and that of an earlier run."""
    if options.backend == _AUTO and earlier:
        return earlier
    if options.backend == _AUTO and not bundle.exports:
        return TORCH
    if options.backend in IN_TORCH:
        return options.backend
    return open_backend(bundle, options.backend, threads=options.threads).name


def _held(store: Store) -> AbstractContextManager[None]:
    """Keeps a second run out of a local folder; object stores have no locks."""
    return (
        RunFolder(store.local).claimed(go_on="give the same command again") if store.local else nullcontext()
    )


def _threads(engine: Engine) -> int:
    """Of each worker: an actor of Ray has one core to itself."""
    return max(1, cores() // engine.workers) if engine.name == "local" else 1


class _Run:
    """One run on an archive."""

    def __init__(
        self, job: ArchiveJob, engine: Engine, store: Store, progress: Progress | None, result: ScoredArchive
    ) -> None:
        self._job, self._engine, self._store = job, engine, store
        self._progress, self._result = progress, result
        self._failed = 0

    def all(self, videos: Sequence[Video]) -> ScoredArchive:
        """All rounds."""
        started = time.monotonic()
        found = standing(self._store, videos)
        self._result.rows |= found.rows
        by_name = {video.name: video for video in videos}
        self._first(found)
        self._chunks(found)
        self._whole([by_name[name] for name in sorted(found.broken)], found.broken)
        if not self._store.paths(WORK):
            self._store.remove(WORK)
        self._result.seconds_taken = time.monotonic() - started
        return self._result

    def _first(self, found: Standing) -> None:
        """Short videos, and cuts of long ones; the largest first, so that none is left for the end."""
        videos = sorted(found.new, key=lambda each: -(each.size_bytes or 0))
        items = [VideoItem(video, may_cut=True) for video in videos]
        for item, outcome in self._outcomes("videos", items):
            if isinstance(outcome.result, WasCut):
                found.cut.append(read_cut(self._store, item.video))
            else:
                self._take(item.video, outcome)

    def _chunks(self, found: Standing) -> None:
        """Chunks of long videos: those with the most after them first, which is each video's order too."""
        cut = {each.video.name: each for each in found.cut}
        items = [ChunkItem(each.video, number) for each in found.cut for number in each.missing]
        items.sort(key=lambda item: item.number - cut[item.video.name].record["chunks"])
        for item, outcome in self._outcomes("chunks", items):
            name = item.video.name
            if isinstance(outcome.result, WasScored):
                cut[name].done[item.number] = outcome.result.row
            elif name not in found.broken:
                found.broken[name] = self._break(item.video, outcome)
        for each in found.cut:
            if each.video.name not in found.broken:
                self._finish(each)

    def _whole(self, videos: Sequence[Video], why: dict[str, str]) -> None:
        """What could not be scored in chunks."""
        items = [
            VideoItem(video, may_cut=False, note=f"scored as a whole: {why[video.name]}") for video in videos
        ]
        for item, outcome in self._outcomes("whole videos", items):
            self._take(item.video, outcome)
            self._store.remove(places.work(item.video))

    def _outcomes(self, what: str, items: Sequence[Any]) -> Iterator[tuple[Any, Outcome[Result]]]:
        """What became of each item, with a word on how far it is."""
        outcomes = self._engine.run(self._job, cast(Sequence[Item], items)) if items else ()
        for done, outcome in enumerate(outcomes, start=1):
            yield items[outcome.place], outcome
            if self._progress:
                hours = self._result.total("seconds") / 3600
                failed = f", {self._failed} failed" if self._failed else ""
                self._progress(f"{what}, {hours:.2f} h scored{failed}", done, len(items))

    def _take(self, video: Video, outcome: Outcome[Result]) -> None:
        """Enters a video that was scored, or that failed."""
        if isinstance(outcome.result, WasScored):
            require_parts(self._store, video, outcome.result.row["parts"])
            self._enter(video, outcome.result.row, error=None)
        else:
            error = outcome.error or ""
            self._failed += 1
            for table in ("scores", "events"):  # of a part of it, or of what it was before
                self._store.remove(f"{table}/{video.folder}")
            self._enter(
                video, _NOTHING, error=error if error.startswith(video.name) else f"{video.name}: {error}"
            )

    def _finish(self, each: CutVideo) -> None:
        """Enters a video whose chunks are done, and clears away what they needed."""
        row = each.row()
        require_parts(self._store, each.video, row["parts"])
        self._enter(each.video, row, error=None)
        self._store.remove(places.work(each.video))

    def _break(self, video: Video, outcome: Outcome[Result]) -> str:
        """Says that a video cannot be scored in chunks, so that none waits for another; why, in words."""
        why = str(getattr(outcome.result, "why", outcome.error))
        if outcome.error:
            self._store.put(places.broken(video), json.dumps({"why": why}).encode())
        return why

    def _enter(self, video: Video, row: dict[str, Any], *, error: str | None) -> None:
        about = {"size_bytes": video.size_bytes, "modified": video.modified, "error": error}
        whole = about | row | {"backend": self._result.backend}
        self._store.put(places.part("videos", video, 0), row_file(whole))
        self._result.rows[video.name] = whole
        self._result.scored += 1


_NOTHING: dict[str, Any] = {
    "frames": 0,
    "seconds": 0.0,
    "events": 0,
    "parts": 0,
    "chunks": 0,
    "seconds_taken": 0.0,
    "notes": "",
}
