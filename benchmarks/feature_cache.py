"""Measures an epoch of training on labelled videos with the feature store and without it, in one run.

    python benchmarks/feature_cache.py --data surveillance-fight --root DIR --out results/benchmarks/feature-cache.json

An epoch is one step for each batch of the same videos. Without the store, the backbone looks at every video in every
epoch: it decodes and computes. With it, features are read. Both learn alike, from each video as it is, changed in time.
"""

import argparse
import os
import shlex
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from measuring import interleaved
from torch.utils.data import DataLoader

from normalcy.datasets.classes import ClassVideo
from normalcy.environment import hardware, versions
from normalcy.run_folder import write_json
from normalcy.training.config import FitConfig, resolve_config
from normalcy.training.features.store import FeatureStore, Seen
from normalcy.training.features.views import View
from normalcy.training.fit import build_method
from normalcy.training.fit_classes import open_classes, store_of, with_classes
from normalcy.training.sequences import (
    ClassAwareSampler,
    LabelledFeatures,
    TrainingSequences,
    batch_of,
    class_counts,
)


def main() -> None:
    """Measures, prints and writes."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        config = _config(options, Path(folder))
        dataset = open_classes(config)
        config = with_classes(config, dataset)
        method = build_method(config)
        method.begin_training()
        store = store_of(config, method)
        videos = dataset.class_videos("train")
        chosen = videos[:: max(1, len(videos) // options.videos)][: options.videos]
        for each in chosen:
            store.open(each.video)
        optimiser = torch.optim.AdamW(method.classifier.parameters(), lr=1e-4)
        targets = [dataset.classes.index(each.label) for each in chosen]
        work = {
            "with the store": lambda: _epoch(method, optimiser, _kept(store, chosen), targets),
            "without": lambda: _epoch(method, optimiser, _looked(store, chosen), targets),
        }
        seconds = interleaved(work, rounds=options.rounds, warm_up=1)
    ratio = seconds["without"].median / seconds["with the store"].median
    result = {
        "seconds_per_epoch": {name: spread._asdict() for name, spread in seconds.items()},
        "times_faster": ratio,
        "videos": len(chosen),
        "backbone": options.backbone,
        "rounds": options.rounds,
        "command": _command(options),
        "versions": versions(),
        "hardware": hardware(),
    }
    write_json(options.out, result)
    for name, spread in seconds.items():
        print(f"{name}: {spread.median:.2f} s ({spread.lower_quartile:.2f} to {spread.upper_quartile:.2f})")
    print(f"{ratio:.1f} times faster")


def _kept(store: FeatureStore, videos: Sequence[ClassVideo]) -> list[Seen]:
    return [store.open(each.video) for each in videos]


def _looked(store: FeatureStore, videos: Sequence[ClassVideo]) -> list[Seen]:
    return [store._see(each.video, [View()]) for each in videos]


def _epoch(
    method: torch.nn.Module, optimiser: torch.optim.Optimizer, seen: Sequence[Seen], targets: Sequence[int]
) -> None:
    method.train()
    labelled = [
        LabelledFeatures(each.features_VTD, target) for each, target in zip(seen, targets, strict=True)
    ]
    settings = resolve_config("cnn-lstm", data={"name": "class-folder", "root": "."}).training.augmentation
    data = TrainingSequences(labelled, length=method.sequence_frames, settings=settings, seed=0)
    loader = DataLoader(data, batch_size=32, sampler=ClassAwareSampler(targets, seed=0), collate_fn=batch_of)
    counts = class_counts(targets, len(method.classes))
    for batch in loader:
        optimiser.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            losses = method.class_losses(batch.features_BLD, batch.there_BL, batch.target_B, counts=counts)
        losses["loss"].backward()
        optimiser.step()


def _config(options: argparse.Namespace, folder: Path) -> FitConfig:
    overrides = [f"model.backbone.name={options.backbone}"]
    if options.backbone_weights:
        overrides.append(f"model.backbone.weights={options.backbone_weights}")
    data = {"name": options.data, "root": str(options.root), "features": str(folder)}
    return resolve_config("cnn-lstm", data=data, overrides=overrides)


def _command(options: argparse.Namespace) -> str:
    words = [
        "python",
        "benchmarks/feature_cache.py",
        "--data",
        options.data,
        "--root",
        os.path.relpath(options.root),
    ]
    words += [
        "--backbone",
        options.backbone,
        "--videos",
        str(options.videos),
        "--rounds",
        str(options.rounds),
    ]
    if options.backbone_weights:
        words += ["--backbone-weights", os.path.relpath(options.backbone_weights)]
    return shlex.join([*words, "--out", os.path.relpath(options.out)])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--backbone", default="inception-v3")
    parser.add_argument("--backbone-weights", type=Path)
    parser.add_argument("--videos", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
