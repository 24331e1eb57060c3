"""The flow floor: what plain optical flow, with nothing learned, gets on the same videos."""

from collections.abc import Sequence
from dataclasses import replace

from normalcy.datasets.base import Dataset, LabelledVideo
from normalcy.evaluation.scored_dataset import ScoredDataset, score_dataset
from normalcy.methods import method_definition
from normalcy.progress import Progress
from normalcy.scoring.model import TorchModel
from normalcy.scoring.settings import ScoringSettings
from normalcy.video.reader import probe

FLOW_METHOD = "flow-magnitude"


def flow_floor(
    dataset: Dataset,
    *,
    videos: Sequence[LabelledVideo],
    settings: ScoringSettings,
    gap_frames: int = 1,
    progress: Progress | None = None,
) -> ScoredDataset:
    """Scores these test videos by the method `flow-magnitude`, at its full size or the first one's own if smaller.

    Flow is from the frame `gap_frames` before.
    """
    definition = method_definition(FLOW_METHOD)
    full = definition.config()
    info = probe(videos[0].path)
    height, width = full.size_px  # type: ignore[attr-defined]
    size_px = (min(height, info.height_px), min(width, info.width_px))
    method = definition.build(definition.config.model_validate({"size_px": size_px}))
    method.clip = replace(method.clip, stride_frames=gap_frames)
    return score_dataset(
        TorchModel(method),
        dataset,
        videos=videos,
        settings=settings.model_copy(update={"hop_frames": 1}),
        calibration=None,
        what="the floor, plain optical flow",
        progress=progress,
    )
