"""Videos for the tests of archives, an engine that works in this process, and comparisons with `normalcy score`."""

import pickle
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import av
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from normalcy.engines.answers import answer
from normalcy.engines.contract import Outcome
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.record import ScoredVideo
from normalcy.video.reader import ReadOptions
from normalcy.workflows.score import score_video
from tiny_scene import FPS, scene

GOP_FRAMES = 12
CHUNK_SECONDS = 5.0


def write_video(
    path: Path, images_THWC: np.ndarray, *, fps: int = FPS, format: str | None = None, **options: str
) -> Path:
    """H.264 with B-frames, and a key frame about every second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = {"g": str(GOP_FRAMES), "bf": "3", "crf": "18", "preset": "veryfast", "threads": "1"}
    with av.open(str(path), "w", format=format) as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.height, stream.width = images_THWC.shape[1:3]
        stream.pix_fmt, stream.options = "yuv420p", settings | options
        for place, image_HWC in enumerate(images_THWC):
            frame = av.VideoFrame.from_ndarray(np.repeat(image_HWC, 3, axis=2), "rgb24")
            frame.pts, frame.time_base = place, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_walk(path: Path, seconds: float, *, seed: int = 3, fps: int = FPS, **options: str) -> Path:
    """The square walks, and runs for some seconds of every ten."""
    frames = round(seconds * fps)
    runs = [t for t in range(frames) if t % (10 * fps) in range(4 * fps, 7 * fps)]
    return write_video(path, scene(frames, seed=seed, runs=runs)[0], fps=fps, **options)


@dataclass
class EngineHere:
    """Works in this process, item after item.

    Attributes:
        most: After so many outcomes it is as if Ctrl-C had been pressed.
        items: What it was given.
    """

    most: int | None = None
    items: list[Any] = field(default_factory=list)
    name: str = "local"
    workers: int = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run(self, job: Any, items: Sequence[Any]) -> Iterator[Outcome[Any]]:
        work = pickle.loads(pickle.dumps(job)).open()
        for place, item in enumerate(items):
            if self.most is not None and len(self.items) >= self.most:
                raise KeyboardInterrupt
            self.items.append(item)
            found = answer(work, pickle.loads(pickle.dumps(item)))
            if found.refusal:
                raise found.refusal.error()
            yield Outcome(place, found.result and pickle.loads(found.result), found.error)


def scored_in_one_go(bundle: Path, video: Path) -> ScoredVideo:
    """What `normalcy score` says of it."""
    opened = Bundle.load(bundle)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return score_video(opened, opened.scoring_model(), video, options=ReadOptions())


def of_video(table: pa.Table, name: str) -> pa.Table:
    """Rows of one video."""
    return table.filter(pc.equal(table["video"], name))


def require_same(
    scores: pa.Table, events: pa.Table, expected: ScoredVideo, *, tolerance: float = 1e-5
) -> None:
    """The tables of one video are what scoring in one go gave."""
    assert scores["frame"].to_pylist() == expected.index_T.tolist()
    columns = {
        "pts_seconds": expected.pts_seconds_T,
        "raw": expected.raw_T,
        "smoothed": expected.smoothed_T,
        "false_alarms_per_day": expected.false_alarms_per_day_T,
        **{f"part.{name}": part_T for name, part_T in expected.parts.items()},
    }
    for name, values_T in columns.items():
        np.testing.assert_allclose(
            scores[name].to_numpy(), values_T, rtol=tolerance, atol=tolerance, err_msg=name
        )
    assert scores["alarmed"].to_pylist() == expected.alarmed_T.tolist()
    assert scores["own"].to_pylist() == expected.own_T.tolist()
    spans = [(each["start_index"], each["end_index"], each["peak_index"]) for each in events.to_pylist()]
    assert spans == [(each.start_index, each.end_index, each.peak_index) for each in expected.events]
    peaks = [each["peak_score"] for each in events.to_pylist()]
    np.testing.assert_allclose(peaks, [each.peak_score for each in expected.events], rtol=tolerance)
