"""Scene memory from end to end on a generated scene: another camera on the same scene gives nearly the same scores."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from normalcy.datasets import open_dataset
from normalcy.datasets.walkway.synthesize import synthesize
from normalcy.run_folder import RunFolder
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.pipeline import SourceScorer
from normalcy.training.config import resolve_config
from normalcy.training.fit import fit
from normalcy.video.frame import Frame
from normalcy.video.reader import ReadOptions, open_video

SIZE_PX = (96, 144)
Change = Callable[[Iterable[Frame]], Iterator[Frame]]


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> Path:
    """A corridor camera; somebody cycles through its test video."""
    root = tmp_path_factory.mktemp("changed") / "walkway"
    synthesize(
        root,
        seed=11,
        train_videos=4,
        test_videos=1,
        seconds_per_video=20,
        settings=("corridor",),
        anomalies=("cyclist",),
    )
    return root


@pytest.fixture(scope="module")
def bundle(scene, tmp_path_factory) -> Bundle:
    """Fitted on it, without the trunk: looks are the same whatever the rate."""
    config = resolve_config(
        "scene-memory",
        data={"name": "walkway", "root": str(scene), "cache": str(scene.parent / "cache")},
        overrides=[
            f"model.size_px={list(SIZE_PX)}",
            'model.streams=["speed","velocity","residual","shape","dwell","stillness"]',
        ],
    )
    return fit(config, run=RunFolder(tmp_path_factory.mktemp("changed-run")))


def every_second(frames: Iterable[Frame]) -> Iterator[Frame]:
    return islice(frames, 0, None, 2)


def twice_as_large(frames: Iterable[Frame]) -> Iterator[Frame]:
    for frame in frames:
        height, width, _ = frame.image_HWC.shape
        yield replace(frame, image_HWC=cv2.resize(frame.image_HWC, (2 * width, 2 * height)))


def scores(bundle: Bundle, scene: Path, change: Change) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of frames, and their scores."""
    (video,) = open_dataset("walkway", scene).videos("test")
    scorer = SourceScorer(
        bundle.scoring_model(), settings=bundle.header.scoring, calibration=None, source_id=video.name
    )
    with open_video(video.path, ReadOptions()) as reader:
        frames = [
            replace(frame, image_HWC=cv2.resize(frame.image_HWC, SIZE_PX[::-1], interpolation=cv2.INTER_AREA))
            for frame in change(reader)
        ]
    verdicts = list(scorer.run(frames))
    return np.array([each.index for each in verdicts]), np.array([each.raw for each in verdicts])


@pytest.mark.parametrize(
    ("change", "most_shift", "least_correlation", "most_lost"),
    [(every_second, 1.0, 0.8, 0.04), (twice_as_large, 0.2, 0.95, 0.02)],
)
def test_scores_are_nearly_the_same(bundle, scene, change, most_shift, least_correlation, most_lost):
    """Shifts in deviations of the scores of normal frames; measured: .70 and .08, with correlations of .88 and .99."""
    dataset = open_dataset("walkway", scene)
    label_T = np.asarray(dataset.frame_labels(dataset.videos("test")[0]))
    _, before_T = scores(bundle, scene, iter)
    index_T, after_T = scores(bundle, scene, change)
    before_T, label_T = before_T[index_T], label_T[index_T]
    shift = np.median(np.abs(after_T - before_T)) / before_T[~label_T].std()
    assert shift < most_shift
    assert stats.spearmanr(before_T, after_T).statistic > least_correlation
    assert roc_auc_score(label_T, after_T) > roc_auc_score(label_T, before_T) - most_lost
