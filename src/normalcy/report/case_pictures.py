"""The pictures of a case: its frame as people see it, and the anomaly map of the clip that scores it."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from normalcy.datasets.base import LabelledVideo
from normalcy.evaluation.scored_dataset import read_options
from normalcy.report.cases import CasePick
from normalcy.report.data import Case
from normalcy.scoring.model import ScoringModel
from normalcy.scoring.pipeline import SourceScorer
from normalcy.scoring.record import ScoredVideo
from normalcy.scoring.settings import ScoringSettings
from normalcy.scoring.types import UInt8Array
from normalcy.video.frame import Frame
from normalcy.video.reader import open_video

PICTURE_HEIGHT_PX = 200
CAMERA_LEAD_SECONDS = 60.0


def picture_case(
    model: ScoringModel, video: LabelledVideo, scored: ScoredVideo, pick: CasePick, *, hop_frames: int = 1
) -> Case:
    """Reads the frames before a pick once more and scores them as they were scored.

    Args:
        model: What scored them.
        video: The video.
        scored: Its verdicts.
        pick: The frame.
        hop_frames: Frames between clips when they were scored; only a model that knows more of a camera than one
            clip keeps to it, others show the clip that ends at the frame.

    Raises:
        InputError: The video cannot be read any more.
    """
    index = int(scored.index_T[pick.place])
    options = replace(
        read_options(model.spec, video),
        start_seconds=_start_seconds(model, video, scored, pick, hop_frames),
        preview_height_px=PICTURE_HEIGHT_PX,
    )
    settings = ScoringSettings(hop_frames=hop_frames if model.camera(video.name) else 1)
    scorer = SourceScorer(model, settings=settings, calibration=None, source_id=video.name, batch_clips=1)
    pictures: dict[int, UInt8Array] = {}
    with open_video(video.path, options, source_id=video.name) as reader:
        verdicts = scorer.run(_keeping(reader, index, pictures))
        verdict = next(verdict for verdict in verdicts if verdict.index == index)
    assert verdict.map_HW is not None
    return Case(
        kind=pick.kind,
        video=pick.video,
        pts_seconds=pick.pts_seconds,
        score=pick.score,
        parts={name: float(part_T[pick.place]) for name, part_T in scored.parts.items()},
        image_HWC=pictures[index],
        map_HW=np.asarray(verdict.map_HW, np.float32),
    )


def _start_seconds(
    model: ScoringModel, video: LabelledVideo, scored: ScoredVideo, pick: CasePick, hop_frames: int
) -> float:
    """A clip before the frame, or where the model knows more of a camera than one clip, a while.

    Where no frames are passed over, it is where a clip began when it was judged: the same clips are seen again.
    """
    first = max(0, pick.place - model.spec.span_frames - 1)
    if model.camera(video.name) is None:
        return max(0.0, float(scored.pts_seconds_T[first]))
    lead = np.searchsorted(scored.pts_seconds_T, scored.pts_seconds_T[first] - CAMERA_LEAD_SECONDS)
    start = int(lead) // hop_frames * hop_frames
    return float(scored.pts_seconds_T[max(0, start - 1) : start + 1].mean()) if start else 0.0


def _keeping(frames: Iterable[Frame], index: int, pictures: dict[int, UInt8Array]) -> Iterator[Frame]:
    """Passes frames on and keeps the picture of one of them."""
    for frame in frames:
        if frame.index == index and frame.preview_HWC is not None:
            pictures[index] = frame.preview_HWC
        yield frame
