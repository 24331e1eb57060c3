"""Scoring a whole source, and keeping what came out: columns by frame, one table for many videos.

Letters: T frames.
"""

import csv
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from normalcy.run_folder import whole_file
from normalcy.scoring.pipeline import SourceScorer
from normalcy.scoring.types import Event, FrameScore
from normalcy.video.frame import Frame

Float64Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ScoredVideo:
    """The verdicts on one video, by column.

    Attributes:
        name: Name of the video.
        index_T: Place of each frame in the source.
        pts_seconds_T: Presentation times.
        raw_T: Scores of the method.
        smoothed_T: Causally smoothed scores.
        false_alarms_per_day_T: How often normal video reaches the smoothed score.
        alarmed_T: Whether the alarm was on.
        own_T: False where a neighbour's score was taken.
        parts: Terms of the score, each (T,).
        events: Alarms as events.
        label_T: True where abnormal, None where unknown.
    """

    name: str
    index_T: npt.NDArray[np.int64]
    pts_seconds_T: Float64Array
    raw_T: Float64Array
    smoothed_T: Float64Array
    false_alarms_per_day_T: Float64Array
    alarmed_T: BoolArray
    own_T: BoolArray
    parts: dict[str, Float64Array] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    label_T: BoolArray | None = None


def pair_with_frames(scorer: SourceScorer, frames: Iterable[Frame]) -> Iterator[tuple[Frame, FrameScore]]:
    """Each frame with its verdict; a frame is held until its clip is scored."""
    waiting: deque[Frame] = deque()

    def remembered() -> Iterator[Frame]:
        for frame in frames:
            waiting.append(frame)
            yield frame

    for frame_score in scorer.run(remembered()):
        yield waiting.popleft(), frame_score


def as_columns(
    name: str,
    verdicts: Sequence[FrameScore],
    *,
    events: Sequence[Event] = (),
    label_T: BoolArray | None = None,
) -> ScoredVideo:
    """Verdicts of one video as columns."""
    names = verdicts[0].parts if verdicts else {}
    return ScoredVideo(
        name=name,
        index_T=np.array([v.index for v in verdicts], np.int64),
        pts_seconds_T=np.array([v.pts_seconds for v in verdicts], np.float64),
        raw_T=np.array([v.raw for v in verdicts], np.float64),
        smoothed_T=np.array([v.smoothed for v in verdicts], np.float64),
        false_alarms_per_day_T=np.array([v.false_alarms_per_day for v in verdicts], np.float64),
        alarmed_T=np.array([v.alarmed for v in verdicts], bool),
        own_T=np.array([v.own for v in verdicts], bool),
        parts={part: np.array([v.parts[part] for v in verdicts], np.float64) for part in names},
        events=tuple(events),
        label_T=label_T,
    )


def write_scores(path: Path, videos: Sequence[ScoredVideo]) -> Path:
    """Writes one table: video, frame, pts_seconds, raw, smoothed, ..., label and a column per part.

    Args:
        path: Of the Parquet file. Where pyarrow is not installed, a CSV file beside it takes its place.
        videos: At least one; all of one method.

    Returns:
        What was written; a table of the other kind is removed.
    """
    as_csv = path.with_suffix(".csv")
    written, other, write = (
        (path, as_csv, _write_parquet) if find_spec("pyarrow") else (as_csv, path, _write_csv)
    )
    with whole_file(written) as temporary:
        write(temporary, videos)
    other.unlink(missing_ok=True)
    return written


def _write_parquet(path: Path, videos: Sequence[ScoredVideo]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"video": pa.string(), "label": pa.bool_()}
    tables = [
        pa.table({name: pa.array(values, types.get(name)) for name, values in columns_of(video).items()})
        for video in videos
    ]
    pq.write_table(pa.concat_tables(tables), path)


def _write_csv(path: Path, videos: Sequence[ScoredVideo]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(columns_of(videos[0]))
        for video in videos:
            rows.writerows(zip(*map(_plain, columns_of(video).values()), strict=True))


def columns_of(video: ScoredVideo) -> dict[str, npt.NDArray[Any] | list[Any]]:
    """The columns of the table, by name; an unknown label is None."""
    count = len(video.index_T)
    return {
        "video": [video.name] * count,
        "frame": video.index_T,
        "pts_seconds": video.pts_seconds_T,
        "raw": video.raw_T,
        "smoothed": video.smoothed_T,
        "false_alarms_per_day": video.false_alarms_per_day_T,
        "alarmed": video.alarmed_T,
        "own": video.own_T,
        "label": [None] * count if video.label_T is None else video.label_T,
        **{f"part.{name}": part_T for name, part_T in video.parts.items()},
    }


def _plain(values: npt.NDArray[Any] | list[Any]) -> list[Any]:
    return values if isinstance(values, list) else values.tolist()
