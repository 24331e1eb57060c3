"""What an archive's workers do."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from normalcy.archive import places
from normalcy.archive.chunk import score_chunk
from normalcy.archive.cutting import cut
from normalcy.archive.detector import Detector, PackedBundle, limited
from normalcy.archive.items import ChunkItem, Item, Result, VideoItem, WasCut, WasScored
from normalcy.archive.listing import Video
from normalcy.archive.media import opened
from normalcy.archive.store import Store
from normalcy.archive.whole import noted, score_whole
from normalcy.scoring.reading import warn_of_rate
from normalcy.video.packets import survey_packets

_WORTH_CUTTING = 1.5
"""A video is cut where it is longer than so many chunks."""


@dataclass(frozen=True)
class ArchiveJob:
    """Scores videos and chunks into one output.

    Attributes:
        bundle: What scores.
        backend: By name.
        threads: Of each worker.
        out: URL of the output.
        chunk_seconds: About how long chunks are.
        wait_seconds: How long a chunk waits at least for the one before.
    """

    bundle: PackedBundle
    backend: str
    threads: int
    out: str
    chunk_seconds: float
    wait_seconds: float

    def open(self) -> Callable[[Item], Result]:
        """Loads the bundle."""
        with limited(self.threads):
            opened_bundle = self.bundle.opened(self.backend, self.threads)
        detector, store = Detector(opened_bundle, threads=self.threads), Store(self.out)

        def work(item: Item) -> Result:
            if isinstance(item, ChunkItem):
                return score_chunk(item, detector, store, wait_seconds=self.wait_seconds)
            return self._video(item, detector, store)

        return work

    def _video(self, item: VideoItem, detector: Detector, store: Store) -> Result:
        chunks = self._cut(item.video, detector, store) if item.may_cut else 0
        return WasCut(chunks) if chunks else WasScored(self._whole(item, detector, store))

    def _whole(self, item: VideoItem, detector: Detector, store: Store) -> dict[str, Any]:
        for table in ("scores", "events"):
            store.remove(f"{table}/{item.video.folder}")
        return score_whole(item.video, detector, store, note=item.note)

    def _cut(self, video: Video, detector: Detector, store: Store) -> int:
        """Plans of all chunks are written, and then that they are; 0 where the video is not to be cut."""
        started = time.monotonic()
        with opened(video) as source:
            longer_than = self.chunk_seconds * _WORTH_CUTTING
            survey = survey_packets(source, detector.options, longer_than_seconds=longer_than)
        if survey is None:
            return 0
        plans = cut(survey, detector.spec, hop_frames=detector.hop_frames, chunk_seconds=self.chunk_seconds)
        if len(plans) < 2:
            return 0
        for table in ("scores", "events"):
            store.remove(f"{table}/{video.folder}")
        for number, plan in enumerate(plans):
            store.put(places.plan(video, number), plan.to_bytes())
        with noted() as notes:
            rate = detector.bundle.header.frames_per_second
            warn_of_rate(survey.fps, fitted_fps=rate, spec=detector.spec, name=video.name)
        record = {
            "chunks": len(plans),
            "seconds": float(survey.seconds_N[-1]) + 1 / survey.fps,
            "notes": notes,
            "size_bytes": video.size_bytes,
            "modified": video.modified,
            "seconds_taken": time.monotonic() - started,
        }
        store.put(places.cut_record(video), json.dumps(record).encode())
        return len(plans)
