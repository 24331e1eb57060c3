"""The flow floor: what plain optical flow, with nothing learned, gets on the same videos."""

from normalcy.datasets.base import Dataset
from normalcy.evaluation.scored_dataset import Progress, ScoredDataset, score_dataset
from normalcy.methods import method_definition
from normalcy.scoring.model import TorchModel
from normalcy.scoring.settings import ScoringSettings
from normalcy.video.reader import probe

FLOW_METHOD = "flow-magnitude"


def flow_floor(
    dataset: Dataset, *, settings: ScoringSettings, progress: Progress | None = None
) -> ScoredDataset:
    """Scores the test videos by the method `flow-magnitude`, at its full size or the videos' own if smaller."""
    definition = method_definition(FLOW_METHOD)
    full = definition.config()
    info = probe(dataset.videos("test")[0].path)
    height, width = full.size_px  # type: ignore[attr-defined]
    size_px = (min(height, info.height_px), min(width, info.width_px))
    method = definition.build(definition.config.model_validate({"size_px": size_px}))
    return score_dataset(
        TorchModel(method),
        dataset,
        settings=settings.model_copy(update={"hop_frames": 1}),
        calibration=None,
        what="the floor, plain optical flow",
        progress=progress,
    )
