"""Scores a video from its start to its end, as `normalcy score` does."""

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from normalcy.archive import places
from normalcy.archive.detector import Detector
from normalcy.archive.listing import Video
from normalcy.archive.media import opened
from normalcy.archive.store import Store
from normalcy.archive.tables import PART_ROWS, events_file, scores_file
from normalcy.errors import NormalcyWarning
from normalcy.scoring.pipeline import SourceScorer
from normalcy.scoring.reading import warn_of_rate
from normalcy.scoring.types import FrameScore
from normalcy.video.reader import VideoReader, open_backend


def score_whole(video: Video, detector: Detector, store: Store, *, note: str = "") -> dict[str, Any]:
    """Scores a video and writes its rows.

    Returns:
        What `videos` says of it: frames, seconds, events, parts, what was warned of.

    Raises:
        InputError: It cannot be read.
        OutputError: Its rows cannot be written.
    """
    started = time.monotonic()
    with opened(video) as source, noted() as notes:
        backend = open_backend(source, detector.options)
        with VideoReader(backend, detector.options, source_id=video.name) as reader:
            scorer = SourceScorer(
                detector.model,
                settings=detector.bundle.header.scoring,
                calibration=detector.bundle.calibration,
                source_id=video.name,
            )
            rate = detector.bundle.header.frames_per_second
            warn_of_rate(reader.info.fps, fitted_fps=rate, spec=detector.spec, name=video.name)
            written = _Written(video, store)
            for verdict in scorer.run(reader):
                written.add(replace(verdict, map_HW=None))
            written.finish()
            seconds = backend.tally.end_seconds
    if scorer.events:
        store.put(places.part("events", video, 0), events_file(scorer.events))
    return {
        "frames": written.frames,
        "seconds": seconds,
        "events": len(scorer.events),
        "parts": written.parts,
        "chunks": 1,
        "seconds_taken": time.monotonic() - started,
        "notes": "; ".join(([note] if note else []) + notes),
    }


class _Written:
    """Rows of one video, written now and then so that no more than a part of them is held."""

    def __init__(self, video: Video, store: Store) -> None:
        self._video, self._store = video, store
        self._rows: list[FrameScore] = []
        self.frames = self.parts = 0

    def add(self, verdict: FrameScore) -> None:
        self.frames += 1
        self._rows.append(verdict)
        if len(self._rows) == PART_ROWS:
            self.finish()

    def finish(self) -> None:
        if self._rows:
            self._store.put(places.part("scores", self._video, self.parts), scores_file(self._rows))
            self.parts, self._rows = self.parts + 1, []


@contextmanager
def noted() -> Iterator[list[str]]:
    """Takes down the project's own warnings, each once, in one line; nobody else's matter here."""
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", NormalcyWarning)
        yield notes
    for each in caught:
        text = " ".join(str(each.message).split())
        if text not in notes:
            notes.append(text)
