"""How long training pays: the frame AUC of a run's snapshots.

    normalcy fit METHOD ... --out RUN --set training.snapshot_epochs=5
    python benchmarks/auc_by_epoch.py RUN --data ucsd-ped2 --root DIR --out results/studies/NAME.json

Every snapshot is judged as `normalcy evaluate` judges a bundle: the same frames, causal raw scores, its own normal
parts from the held-out video. What is in the file already is not made again, so that a run can grow. A table is written
beside it. Nothing may be chosen by this curve: it is of test video.
"""

import argparse
import json
import math
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from normalcy.allocator import keep_freed_memory
from normalcy.config import read_yaml
from normalcy.datasets import open_dataset
from normalcy.datasets.base import Dataset
from normalcy.environment import hardware, versions
from normalcy.evaluation.run import dataset_metrics, paper_protocol_of, part_auc
from normalcy.evaluation.scored_dataset import score_dataset
from normalcy.evaluation.tables import markdown_table
from normalcy.run_folder import RunFolder, write_json, write_text
from normalcy.scoring.model import TorchModel
from normalcy.training.calibrate import normal_parts
from normalcy.training.checkpoints import load_weights, snapshots
from normalcy.training.config import FREE_TRAINING, FitConfig, resolve_config
from normalcy.training.data import NormalFootage, load_normal_footage
from normalcy.training.fit import build_method, model_without_paths
from normalcy.training.history import read_history
from normalcy.training.loaders import training_loader

COLUMNS = ("micro_auc", "micro_auc_minmax", "paper_protocol_auc", "macro_auc")


def judge(
    config: FitConfig, weights: Path | None, *, dataset: Dataset, footage: NormalFootage
) -> dict[str, Any]:
    """Metrics and the AUC of each part of the score, with the weights of a snapshot or the untrained ones."""
    method = build_method(config).eval()
    if weights:
        load_weights(method, weights)
    model = TorchModel(method)
    if method.fuses_parts:
        method.observe_parts(normal_parts(model, footage.held_out, settings=config.scoring))
    scored = score_dataset(model, dataset, settings=config.scoring, calibration=None)
    metrics = dataset_metrics(scored, paper_protocol_of(config.method, config.preset))
    return {
        "metrics": {name: value for name, value in metrics.items() if value is not None},
        "parts": {name: part_auc(scored.labelled, name) for name in scored.labelled[0].parts},
    }


def points(run: RunFolder, dataset: Dataset, known: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A point for the untrained network and for each snapshot, in order."""
    config = _config_of(run)
    spec = build_method(config).clip
    footage = load_normal_footage(config.data, spec=spec, seed=config.seed)
    validation = dict(read_history(run).get("validation_loss", []))
    found = {point["epochs"]: point for point in known}
    loader = training_loader(footage.fitted, spec=spec, config=config.training, seed=config.seed)
    steps = math.ceil(len(loader) / config.training.accumulate)
    for epochs, weights in {0: None, **snapshots(run)}.items():
        if epochs not in found:
            print(f"after {epochs} epochs", flush=True)
            place = {"epochs": epochs, "steps": epochs * steps, "validation_loss": validation.get(epochs - 1)}
            found[epochs] = place | judge(config, weights, dataset=dataset, footage=footage)
    return [found[epochs] for epochs in sorted(found)]


def description(run: RunFolder, data: str) -> dict[str, Any]:
    """What all points of a curve have in common; how long the run may take and where files lie is not a part of it."""
    config = _config_of(run)
    about = {"method": config.method, "preset": config.preset, "seed": config.seed}
    training = config.training.model_dump(mode="json", exclude=set(FREE_TRAINING))
    return about | {"model": model_without_paths(config), "training": training, "dataset": data}


def _config_of(run: RunFolder) -> FitConfig:
    return resolve_config(read_yaml(run.config)["method"], data={}, file=run.config)


def table(curve: Sequence[dict[str, Any]]) -> str:
    """A row for each point."""
    names = [name for name in COLUMNS if name in curve[0]["metrics"]]
    parts = list(curve[0]["parts"])
    head = ["epochs", "steps", "validation loss", *names, *(f"{name} alone" for name in parts)]
    rows = []
    for point in curve:
        loss = point["validation_loss"]
        aucs = [point["metrics"][name] for name in names] + [point["parts"][name] for name in parts]
        cells = [str(point["epochs"]), str(point["steps"]), "-" if loss is None else f"{loss:.3f}"]
        rows.append([*cells, *(f"{auc:.3f}" for auc in aucs)])
    return markdown_table(head, rows) + "\n"


def main() -> None:
    """Judges what is missing and writes the curve."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--root", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    options = parser.parse_args()
    keep_freed_memory()
    run = RunFolder(options.run)
    earlier = json.loads(options.out.read_text()) if options.out.is_file() else {"curve": []}
    place = description(run, options.data)
    if others := [name for name in place if earlier["curve"] and earlier.get(name) != place[name]]:
        parser.error(f"{options.out} holds a curve of another {', '.join(others)}: choose another --out")
    curve = points(run, open_dataset(options.data, options.root), earlier["curve"])
    made = {
        "command": shlex.join(["python", "benchmarks/auc_by_epoch.py", *sys.argv[1:]]),
        "versions": versions(),
        "hardware": hardware(),
    }
    write_json(options.out, place | made | {"curve": curve})
    write_text(options.out.with_suffix(".md"), table(curve))
    print(table(curve))


if __name__ == "__main__":
    main()
