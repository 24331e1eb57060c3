"""What a method adds to plain optical flow: both fused, and the gain tested over seeds.

    python benchmarks/gain_over_flow.py --data ucsd-ped2 --root DIR runs/seed0 runs/seed1 runs/seed2

Each run folder holds a bundle and the `scores.parquet` of `normalcy evaluate`. Mean and deviation of both scores come
from the training video that the bundle held out, never from test video; the fused score is the sum of the z-scores of
their logarithms (plain z-scores where a score can be negative).

Letters: T frames.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from scipy import stats

from normalcy.datasets import open_dataset
from normalcy.datasets.base import Dataset, LabelledVideo
from normalcy.evaluation.flow_floor import flow_floor
from normalcy.evaluation.frame_metrics import VideoScores, micro_auc
from normalcy.evaluation.scored_dataset import score_dataset
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.settings import ScoringSettings

Scores = dict[str, npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Gain:
    """Micro AUCs of one seed, on raw causal scores."""

    method: float
    flow: float
    fused: float


def gain(run: Path, dataset: Dataset, *, flow_test: Scores, labels: dict[str, npt.NDArray[np.bool_]]) -> Gain:
    """Fuses one run with flow."""
    bundle = Bundle.load(run)
    held_out = set(bundle.header.fit.held_out_videos)
    normal = [video for video in dataset.videos("train") if video.name in held_out]
    method_z = standardise(_test_scores(run, list(labels)), _score(bundle, dataset, normal))
    flow_z = standardise(flow_test, _flow(dataset, normal))
    fused = {name: method_z[name] + flow_z[name] for name in labels}
    return Gain(*(_auc(scores, labels) for scores in (method_z, flow_z, fused)))


def standardise(scores: Scores, normal: Scores) -> Scores:
    """Z-scores by the mean and deviation of normal video; of logarithms where no score is negative."""
    reference = np.concatenate(list(normal.values()))
    positive = min(reference.min(), *(score_T.min() for score_T in scores.values())) >= 0

    def form(score_T: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.log(np.maximum(score_T, 1e-9)) if positive else score_T

    centre, spread = form(reference).mean(), form(reference).std()
    return {name: (form(score_T) - centre) / spread for name, score_T in scores.items()}


def _score(bundle: Bundle, dataset: Dataset, videos: Sequence[LabelledVideo]) -> Scores:
    model, settings = bundle.scoring_model(), bundle.header.scoring
    scored = score_dataset(model, dataset, videos=videos, settings=settings, calibration=None)
    return {video.name: video.raw_T for video in scored.videos}


def _flow(dataset: Dataset, videos: Sequence[LabelledVideo]) -> Scores:
    scored = flow_floor(dataset, videos=videos, settings=ScoringSettings())
    return {video.name: video.raw_T for video in scored.videos}


def _test_scores(run: Path, names: Sequence[str]) -> Scores:
    table = pq.read_table(run / "scores.parquet").to_pydict()
    video, raw = np.array(table["video"]), np.array(table["raw"], np.float64)
    return {name: raw[video == name] for name in names}


def _auc(scores: Scores, labels: dict[str, npt.NDArray[np.bool_]]) -> float:
    auc = micro_auc([VideoScores(name, scores[name], label_T) for name, label_T in labels.items()])
    assert auc is not None
    return auc


def report(gains: Sequence[Gain]) -> str:
    """Table of all seeds, and a paired t-test of the gain over flow."""
    lines = ["| run | method | flow | fused | gain |", "| --- | ---: | ---: | ---: | ---: |"]
    lines += [
        f"| {number} | {g.method:.4f} | {g.flow:.4f} | {g.fused:.4f} | {g.fused - g.flow:+.4f} |"
        for number, g in enumerate(gains)
    ]
    added = np.array([g.fused - g.flow for g in gains])
    if len(gains) > 1:
        test = stats.ttest_1samp(added, 0.0)
        lines.append(
            f"\ngain {added.mean():+.4f}, sd {added.std(ddof=1):.4f} over {len(gains)} seeds; "
            f"t = {test.statistic:.2f}, p = {test.pvalue:.4f} (two-sided, against no gain)"
        )
    return "\n".join(lines)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--root", required=True, type=Path)
    arguments = parser.parse_args()
    dataset = open_dataset(arguments.data, arguments.root)
    tests = dataset.videos("test")
    labels = {}
    for video in tests:
        label_T = dataset.frame_labels(video)
        assert label_T is not None, f"{video.name} has no labels"
        labels[video.name] = label_T
    flow_test = _flow(dataset, tests)
    print(report([gain(run, dataset, flow_test=flow_test, labels=labels) for run in arguments.runs]))


if __name__ == "__main__":
    main()
