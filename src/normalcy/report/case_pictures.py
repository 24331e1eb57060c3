"""The pictures of a case: its frame as people see it, and the anomaly map of the clip that scores it."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from normalcy.datasets.base import LabelledVideo
from normalcy.evaluation.scored_dataset import read_options
from normalcy.methods.contract import ClipSpec
from normalcy.report.cases import CasePick
from normalcy.report.data import Case
from normalcy.scoring.model import ScoringModel
from normalcy.scoring.record import ScoredVideo
from normalcy.scoring.types import Clip
from normalcy.scoring.window import ClipWindow
from normalcy.video.reader import open_video

PICTURE_HEIGHT_PX = 200


def picture_case(model: ScoringModel, video: LabelledVideo, scored: ScoredVideo, pick: CasePick) -> Case:
    """Reads the frames around a pick once more and scores them, one clip a frame.

    Raises:
        InputError: The video cannot be read any more.
    """
    index = int(scored.index_T[pick.place])
    spec = model.spec
    lead_frames = spec.span_frames + 1
    start_seconds = float(scored.pts_seconds_T[max(0, pick.place - lead_frames)])
    options = replace(
        read_options(spec, video), start_seconds=max(0.0, start_seconds), preview_height_px=PICTURE_HEIGHT_PX
    )
    window, picture_HWC, clip = ClipWindow(spec), None, None
    with open_video(video.path, options, source_id=video.name) as reader:
        for frame in reader:
            clip = window.push(frame) or clip
            if frame.index == index:
                picture_HWC = frame.preview_HWC
            if picture_HWC is not None and clip is not None and _scored_indices(spec, clip)[-1] >= index:
                break
    assert picture_HWC is not None, f"frame {index} of {video.name} was there before"
    assert clip is not None, f"{video.name} filled a clip before"
    return Case(
        kind=pick.kind,
        video=pick.video,
        pts_seconds=pick.pts_seconds,
        score=pick.score,
        parts={name: float(part_T[pick.place]) for name, part_T in scored.parts.items()},
        image_HWC=picture_HWC,
        map_HW=_map_of(model, clip, index),
    )


def _map_of(model: ScoringModel, clip: Clip, index: int) -> npt.NDArray[np.float32]:
    """Map of the clip's frame at this index, or, as in `ScoreTrack`, of the one whose score it has."""
    scored = _scored_indices(model.spec, clip)
    (scores,) = model.infer([clip.clip_TCHW])
    place = max((t for t, scored_index in enumerate(scored) if scored_index <= index), default=0)
    return np.asarray(scores.map_THW[place], np.float32)


def _scored_indices(spec: ClipSpec, clip: Clip) -> list[int]:
    """Places in the source of the frames that the clip scores."""
    return [clip.stamps[position].index for position in spec.scored]
