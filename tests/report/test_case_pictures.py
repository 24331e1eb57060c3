"""The picture and the map of a case are of the very frame that was asked for."""

from pathlib import Path

import numpy as np
import pytest

from normalcy.datasets.base import LabelledVideo
from normalcy.methods.contract import ClipSpec
from normalcy.report.case_pictures import PICTURE_HEIGHT_PX, picture_case
from normalcy.report.cases import CasePick
from normalcy.scoring.pipeline import SourceScorer
from normalcy.scoring.record import ScoredVideo, as_columns
from normalcy.scoring.settings import ScoringSettings
from normalcy.scoring.types import ClipScores
from normalcy.video.reader import ReadOptions, open_video
from normalcy.video.writer import VideoWriter, write_picture

SIZE_PX = (16, 24)
FRAMES = 40


class BrightnessModel:
    """The map of each scored frame is its picture."""

    def __init__(self, spec: ClipSpec) -> None:
        self.spec = spec

    def infer(self, clips_TCHW):
        return [self._score(clip_TCHW[list(self.spec.scored), 0]) for clip_TCHW in clips_TCHW]

    def camera(self, source_id: str) -> None:
        """Nothing is kept from clip to clip."""

    def _score(self, picture_THW) -> ClipScores:
        score_T = picture_THW.mean(axis=(1, 2)).astype(np.float32)
        return ClipScores(score_T, picture_THW.astype(np.float32), {"brightness": score_T})


def picture(index: int) -> np.ndarray:
    return np.full((*SIZE_PX, 1), 20 + 5 * index, np.uint8)


def index_of(brightness: float) -> int:
    return round((brightness - 20) / 5)


@pytest.fixture(scope="module", params=["mp4", "pictures", "holed"])
def video(request, tmp_path_factory) -> LabelledVideo:
    """The same frames as a file, as pictures, and as pictures of which some cannot be read."""
    path: Path = tmp_path_factory.mktemp("cases") / "video.mp4"
    if request.param == "mp4":
        with VideoWriter(path, fps=10, crf=1) as writer:
            for index in range(FRAMES):
                writer.write(picture(index))
        return LabelledVideo("video", "test", path)
    folder = path.with_suffix("")
    folder.mkdir()
    for index in range(FRAMES):
        write_picture(folder / f"{index:03d}.png", picture(index))
    for index in (5, 6, 21) if request.param == "holed" else ():
        (folder / f"{index:03d}.png").write_bytes(b"no picture")
    return LabelledVideo("video", "test", folder, fps=10)


def scored(video: LabelledVideo, model: BrightnessModel) -> ScoredVideo:
    options = ReadOptions(size_px=SIZE_PX, grey=True, fps=video.fps)
    scorer = SourceScorer(model, settings=ScoringSettings(), calibration=None, source_id=video.name)
    with open_video(video.path, options) as reader:
        return as_columns(video.name, list(scorer.run(reader)))


SPECS = {
    "newest": ClipSpec(4, SIZE_PX, 1, scored_frames=(3,)),
    "all": ClipSpec(4, SIZE_PX, 1),
    "middle": ClipSpec(5, SIZE_PX, 1, scored_frames=(2,)),
    "two": ClipSpec(4, SIZE_PX, 1, scored_frames=(1, 3)),
    "pair": ClipSpec(2, SIZE_PX, 1, scored_frames=(1,)),
    "stride": ClipSpec(3, SIZE_PX, 1, stride_frames=3, scored_frames=(2,)),
}


@pytest.mark.filterwarnings("ignore::normalcy.errors.DamagedVideoWarning")
@pytest.mark.parametrize("name", list(SPECS))
def test_picture_and_map_are_of_the_frame_asked_for(video, name):
    model = BrightnessModel(SPECS[name])
    spec, columns = model.spec, scored(video, model)
    first_scored = spec.scored[0] * spec.stride_frames
    behind = (spec.length_frames - 1 - spec.scored[-1]) * spec.stride_frames
    for place in (0, 1, 4, 8, 20, 30, len(columns.index_T) - 1):
        index = int(columns.index_T[place])
        pick = CasePick("miss", "video", place, float(columns.pts_seconds_T[place]), 0.5)
        case = picture_case(model, video, columns, pick)
        assert index_of(case.image_HWC.mean()) == index
        assert case.parts == {"brightness": columns.parts["brightness"][place]}
        assert (case.kind, case.video, case.score) == ("miss", "video", 0.5)
        # A frame that no clip scores itself shows its neighbour's map: the one it has its score from.
        nearest = min(max(place, first_scored), len(columns.index_T) - 1 - behind)
        assert index_of(case.map_HW.mean()) == int(columns.index_T[nearest])


@pytest.mark.filterwarnings("ignore::normalcy.errors.DamagedVideoWarning")
def test_the_picture_is_in_its_own_proportions_and_in_colour(video):
    model = BrightnessModel(SPECS["pair"])
    case = picture_case(model, video, scored(video, model), CasePick("miss", "video", 3, 0.3, 0.0))
    assert case.image_HWC.shape == (PICTURE_HEIGHT_PX, PICTURE_HEIGHT_PX * 24 // 16, 3)
    assert case.map_HW.shape == SIZE_PX
    assert case.map_HW.dtype == np.float32
