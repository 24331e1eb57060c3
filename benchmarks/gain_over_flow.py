"""What a method adds to plain optical flow: both fused, and the gain tested over seeds and over videos.

    python benchmarks/gain_over_flow.py --data ucsd-ped2 --root DIR runs/seed0 runs/seed1 runs/seed2

Each run folder holds a bundle and the `scores.parquet` of `normalcy evaluate`. Mean and deviation of both scores come
from the training video that the bundle held out, never from test video; the fused score is the sum of the z-scores of
their logarithms (plain z-scores where a score of normal video is negative). Seeds tell how much training varies, and a
bootstrap over the test videos how much the benchmark does. `--untrained` also scores the first run's method as it was
before training: what its way of scoring alone is worth. `--flow-gap 2` takes flow between frames two apart.

Letters: T frames.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import torch
from scipy import stats
from sklearn.metrics import roc_auc_score

from normalcy.config import build_config
from normalcy.datasets import open_dataset
from normalcy.datasets.base import Dataset, LabelledVideo
from normalcy.evaluation.flow_floor import flow_floor
from normalcy.evaluation.frame_metrics import VideoScores, micro_auc
from normalcy.evaluation.scored_dataset import score_dataset
from normalcy.methods import method_definition
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.model import ScoringModel, TorchModel
from normalcy.scoring.settings import ScoringSettings

Scores = dict[str, npt.NDArray[np.float64]]
Labels = dict[str, npt.NDArray[np.bool_]]
RESAMPLES = 1000


@dataclass(frozen=True, eq=False)
class Gain:
    """Z-scores of one seed's method, of flow, and their sum, by test video."""

    method_z: Scores
    flow_z: Scores
    fused_z: Scores

    def aucs(self, labels: Labels) -> tuple[float, float, float]:
        """Micro AUCs of method, flow and both, on raw causal scores."""
        method, flow, fused = (_auc(each, labels) for each in (self.method_z, self.flow_z, self.fused_z))
        return method, flow, fused


def gain(run: Path, dataset: Dataset, *, flow_test: Scores, gap_frames: int, names: Sequence[str]) -> Gain:
    """Fuses one run with flow."""
    bundle = Bundle.load(run)
    normal = held_out(bundle, dataset)
    method_z = standardise(_test_scores(run, names), _score(bundle.scoring_model(), bundle, dataset, normal))
    flow_z = standardise(flow_test, _flow(dataset, normal, gap_frames))
    return Gain(method_z, flow_z, {name: method_z[name] + flow_z[name] for name in names})


def held_out(bundle: Bundle, dataset: Dataset) -> list[LabelledVideo]:
    """The training videos that the bundle held out, whole ones."""
    names = set(bundle.header.fit.held_out_videos)
    videos = [video for video in dataset.videos("train") if video.name in names]
    assert len(videos) == len(names), f"only parts of videos were held out: {sorted(names)}"
    return videos


def untrained(run: Path, dataset: Dataset, tests: Sequence[LabelledVideo]) -> Scores:
    """Scores of test videos by the run's method with the weights it started from."""
    bundle = Bundle.load(run)
    header = bundle.header
    definition = method_definition(header.method)
    torch.manual_seed(header.fit.seed)
    method = definition.build(build_config(definition.config, header.model))
    if method.fuses_parts:
        scored = score_dataset(
            TorchModel(method),
            dataset,
            videos=held_out(bundle, dataset),
            settings=header.scoring,
            calibration=None,
        )
        names = scored.videos[0].parts
        method.observe_parts({n: np.concatenate([v.parts[n] for v in scored.videos]) for n in names})
    return _score(TorchModel(method), bundle, dataset, tests)


def standardise(scores: Scores, normal: Scores) -> Scores:
    """Z-scores by the mean and deviation of normal video; of logarithms where no score is negative."""
    reference = np.concatenate(list(normal.values()))
    positive = reference.min() >= 0

    def form(score_T: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.log(np.maximum(score_T, 1e-9)) if positive else score_T

    centre, spread = form(reference).mean(), form(reference).std()
    return {name: (form(score_T) - centre) / spread for name, score_T in scores.items()}


def _score(model: ScoringModel, bundle: Bundle, dataset: Dataset, videos: Sequence[LabelledVideo]) -> Scores:
    scored = score_dataset(model, dataset, videos=videos, settings=bundle.header.scoring, calibration=None)
    return {video.name: video.raw_T for video in scored.videos}


def _flow(dataset: Dataset, videos: Sequence[LabelledVideo], gap_frames: int) -> Scores:
    scored = flow_floor(dataset, videos=videos, settings=ScoringSettings(), gap_frames=gap_frames)
    return {video.name: video.raw_T for video in scored.videos}


def _test_scores(run: Path, names: Sequence[str]) -> Scores:
    table = pq.read_table(run / "scores.parquet").to_pydict()
    video, raw = np.array(table["video"]), np.array(table["raw"], np.float64)
    return {name: raw[video == name] for name in names}


def _auc(scores: Scores, labels: Labels) -> float:
    auc = micro_auc([VideoScores(name, scores[name], label_T) for name, label_T in labels.items()])
    assert auc is not None
    return auc


def bootstrap(gains: Sequence[Gain], labels: Labels) -> tuple[float, float]:
    """95 % interval of the mean gain over the seeds, test videos drawn with replacement."""
    draw, names = np.random.default_rng(0), list(labels)
    found = []
    for _ in range(RESAMPLES):
        drawn = [names[place] for place in draw.integers(len(names), size=len(names))]
        label_T = np.concatenate([labels[name] for name in drawn])
        if label_T.all() or not label_T.any():
            continue
        found.append(np.mean([_drawn_gain(each, drawn, label_T) for each in gains]))
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


def _drawn_gain(of_seed: Gain, drawn: Sequence[str], label_T: npt.NDArray[np.bool_]) -> float:
    fused, flow = (
        roc_auc_score(label_T, np.concatenate([scores[name] for name in drawn]))
        for scores in (of_seed.fused_z, of_seed.flow_z)
    )
    return float(fused - flow)


def report(gains: Sequence[Gain], labels: Labels) -> str:
    """Table of all seeds, a t-test of the gain over the seeds, and its interval over the videos."""
    lines = ["| run | method | flow | fused | gain |", "| --- | ---: | ---: | ---: | ---: |"]
    aucs = [each.aucs(labels) for each in gains]
    added = np.array([fused - flow for _, flow, fused in aucs])
    lines += [
        f"| {number} | {method:.4f} | {flow:.4f} | {fused:.4f} | {fused - flow:+.4f} |"
        for number, (method, flow, fused) in enumerate(aucs)
    ]
    if len(gains) > 1:
        test = stats.ttest_1samp(added, 0.0)
        lines.append(
            f"\ngain {added.mean():+.4f}, sd {added.std(ddof=1):.4f} over {len(gains)} seeds; "
            f"t = {test.statistic:.2f}, p = {test.pvalue:.4f} (two-sided, against no gain)"
        )
    low, high = bootstrap(gains, labels)
    lines.append(
        f"\n95 % of {RESAMPLES} draws of {len(labels)} videos lie between {low:+.4f} and {high:+.4f}"
    )
    return "\n".join(lines)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--root", required=True, type=Path)
    parser.add_argument("--flow-gap", type=int, default=1)
    parser.add_argument("--untrained", action="store_true")
    arguments = parser.parse_args()
    dataset = open_dataset(arguments.data, arguments.root)
    tests = dataset.videos("test")
    labels = {}
    for video in tests:
        label_T = dataset.frame_labels(video)
        assert label_T is not None, f"{video.name} has no labels"
        labels[video.name] = label_T
    flow_test = _flow(dataset, tests, arguments.flow_gap)
    names = list(labels)
    gains = [
        gain(run, dataset, flow_test=flow_test, gap_frames=arguments.flow_gap, names=names)
        for run in arguments.runs
    ]
    print(report(gains, labels))
    if arguments.untrained:
        print(f"\nbefore training: {_auc(untrained(arguments.runs[0], dataset, tests), labels):.4f}")


if __name__ == "__main__":
    main()
