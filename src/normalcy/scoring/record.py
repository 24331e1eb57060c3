"""Scoring a whole source, and keeping what came out: columns by frame, one table for many videos.

Letters: T frames.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

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


def write_scores(path: Path, videos: Sequence[ScoredVideo]) -> None:
    """Writes one Parquet table: video, frame, pts_seconds, raw, smoothed, ..., label and a column per part."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    try:
        pq.write_table(pa.concat_tables([_table(video) for video in videos]), temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _table(video: ScoredVideo) -> Any:
    import pyarrow as pa

    count = len(video.index_T)
    label = pa.nulls(count, pa.bool_()) if video.label_T is None else pa.array(video.label_T)
    return pa.table(
        {
            "video": pa.array([video.name] * count, pa.string()),
            "frame": video.index_T,
            "pts_seconds": video.pts_seconds_T,
            "raw": video.raw_T,
            "smoothed": video.smoothed_T,
            "false_alarms_per_day": video.false_alarms_per_day_T,
            "alarmed": video.alarmed_T,
            "own": video.own_T,
            "label": label,
            **{f"part.{name}": part_T for name, part_T in video.parts.items()},
        }
    )
