"""What each part of CNN-LSTM is worth: folds and seeds on features that were computed once.

    python benchmarks/class_parts.py --data surveillance-fight --root DIR --backbone inception-v3 \
        --backbone-weights FILE --pixel-range 0 1 --no-padding-counted --out results/surveillance-fight/cnn-lstm.json

Each row adds one part to the row above it. The floor is logistic regression on features averaged over the video. The
part of the training videos that is held out chooses the epoch and the temperature; test videos are judged once. Runs
that the file holds already are not made again; `--rows` names those to make. The same is written as a table (`.md`).
"""

import argparse
import json
import os
import shlex
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from normalcy.datasets.classes import KnowsClasses
from normalcy.environment import hardware, versions
from normalcy.evaluation.class_metrics import CLASS_METRIC_NOTES, class_metrics
from normalcy.evaluation.tables import markdown_table
from normalcy.run_folder import RunFolder, write_json, write_text
from normalcy.training.class_verdicts import video_probabilities
from normalcy.training.config import FitConfig, resolve_config
from normalcy.training.fit import build_method
from normalcy.training.fit_classes import (
    LabelledFootage,
    SeenVideo,
    load_labelled_footage,
    open_classes,
    see_all,
    store_of,
    train_classes,
    with_classes,
)

FLOOR = "mean of the features, logistic regression"
_PLAIN_LOSS = {"focal": 0.0, "class_balanced": 0.0, "cross_entropy": 1.0, "auxiliary": 0.0}
_NO_AUGMENTATION = {"temporal": False, "use_views": 0.0, "noise": 0.0}
_LSTM = {"model": {"attention_heads": 0, "loss": _PLAIN_LOSS}, "training": {"augmentation": _NO_AUGMENTATION}}


def _with(base: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """The rows' settings, each laid over the one above."""
    out = json.loads(json.dumps(base))
    for path, value in changes.items():
        at = out
        *above, last = path.split("__")
        for name in above:
            at = at.setdefault(name, {})
        at[last] = value
    return out


_ATTENTION = _with(_LSTM, model__attention_heads=8)
_FOCAL = _with(_ATTENTION, model__loss={**_PLAIN_LOSS, "focal": 1.0, "cross_entropy": 0.0})
_BALANCED = _with(_FOCAL, model__loss__class_balanced=0.5)
_AUXILIARY = _with(_BALANCED, model__loss__auxiliary=0.2)
_TEMPORAL = _with(_AUXILIARY, training__augmentation={"use_views": 0.0})
_VIEWS: dict[str, Any] = {"model": {}, "training": {}}
ROWS: dict[str, tuple[Mapping[str, Any], int]] = {
    "BiLSTMs, cross-entropy": (_LSTM, 1),
    "+ attention": (_ATTENTION, 1),
    "focal loss instead": (_FOCAL, 1),
    "+ class-balanced loss": (_BALANCED, 1),
    "+ auxiliary heads": (_AUXILIARY, 1),
    "+ changes in time": (_TEMPORAL, 1),
    "+ augmented views": (_VIEWS, 1),
    "+ mean over 3 views at test": (_VIEWS, 3),
}
"""Settings by row, and views of each test video."""


def main() -> None:
    """Measures, prints and writes."""
    warnings.simplefilter("ignore", UserWarning)
    options = _options()
    done = json.loads(options.out.read_text()) if options.out.is_file() else {"backbones": {}}
    backbone = done["backbones"].setdefault(options.backbone, {"rows": {}})
    chosen = [
        name for name in (FLOOR, *ROWS) if not options.rows or any(word in name for word in options.rows)
    ]
    for name in chosen:
        runs = backbone["rows"].setdefault(name, {"runs": []})["runs"]
        for fold in range(options.folds):
            for seed in options.seeds if name != FLOOR else [0]:
                if any((run["fold"], run["seed"]) == (fold, seed) for run in runs):
                    continue
                runs.append(_run(options, name, fold, seed))
                sys.stderr.write(
                    f"{options.backbone}, {name}, fold {fold}, seed {seed}: {runs[-1]['metrics']}\n"
                )
                _write(options, done)
    print(tables(done))


def _run(options: argparse.Namespace, name: str, fold: int, seed: int) -> dict[str, Any]:
    settings, views = ROWS.get(name, (_VIEWS, 1))
    config = _config(options, settings, fold=fold, seed=seed)
    dataset = open_classes(config)
    config = with_classes(config, dataset)
    method = build_method(config)
    method.begin_training()
    store = store_of(config, method)
    every = _config(options, _VIEWS, fold=fold, seed=seed)
    footage = load_labelled_footage(with_classes(every, dataset), dataset, store)
    test = see_all(store, [(video, 3) for video in dataset.class_videos("test")], classes=dataset.classes)
    started = time.perf_counter()
    if name == FLOOR:
        p_NK = _floor(footage, test)
    else:
        with tempfile.TemporaryDirectory() as folder:
            train_classes(method, footage, config, run=RunFolder(Path(folder)), resume=False)
        p_NK = np.stack([video_probabilities(method, each.seen, views=views) for each in test])
    return _judged(p_NK, test, dataset) | {
        "fold": fold,
        "seed": seed,
        "seconds": round(time.perf_counter() - started, 1),
    }


def _judged(p_NK: np.ndarray, test: Sequence[SeenVideo], dataset: KnowsClasses) -> dict[str, Any]:
    normal = dataset.classes.index(dataset.normal_class)
    found = class_metrics(p_NK, np.array([each.target for each in test]), dataset.classes, normal=normal)
    return {"metrics": found.metrics, "confusion": found.confusion}


def _floor(footage: LabelledFootage, test: Sequence[SeenVideo]) -> np.ndarray:
    known = [*footage.fitted, *footage.held_out]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
    model.fit(_means(known), [each.target for each in known])
    return model.predict_proba(_means(test))


def _means(videos: Sequence[SeenVideo]) -> np.ndarray:
    return np.stack([each.seen.features_VTD[0].astype(np.float32).mean(axis=0) for each in videos])


def _config(options: argparse.Namespace, settings: Mapping[str, Any], *, fold: int, seed: int) -> FitConfig:
    overrides = [f"model.backbone.name={options.backbone}", f"data.fold={fold}", f"seed={seed}"]
    if options.backbone_weights:
        overrides.append(f"model.backbone.weights={options.backbone_weights}")
    if options.pixel_range:
        overrides.append(f"model.backbone.pixel_range={list(options.pixel_range)}")
    if options.no_padding_counted:
        overrides.append("model.backbone.pool_counts_padding=false")
    overrides += [f"{path}={json.dumps(value)}" for path, value in _flat(settings)]
    overrides += options.set or []
    data = {"name": options.data, "root": str(options.root)}
    return resolve_config("cnn-lstm", data=data, overrides=overrides)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in settings.items():
        found += (
            _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else [(f"{prefix}{name}", value)]
        )
    return found


def _write(options: argparse.Namespace, done: dict[str, Any]) -> None:
    for backbone in done["backbones"].values():
        for row in backbone["rows"].values():
            row["metrics"] = {
                name: _spread([run["metrics"][name] for run in row["runs"]]) for name in CLASS_METRIC_NOTES
            }
            row["seconds"] = _spread([run["seconds"] for run in row["runs"]])
    done |= {
        "method": "cnn-lstm",
        "dataset": options.data,
        "folds": options.folds,
        "versions": versions(),
        "hardware": hardware(),
    }
    done["backbones"][options.backbone]["command"] = _command(options)
    write_json(options.out, done)
    write_text(options.out.with_suffix(".md"), tables(done))


def _spread(values: Sequence[float | None]) -> dict[str, float | None]:
    known = [value for value in values if value is not None]
    sd = float(np.std(known, ddof=1)) if len(known) > 1 else None
    return {"mean": float(np.mean(known)) if known else None, "sd": sd}


def tables(done: Mapping[str, Any]) -> str:
    """What was measured, in Markdown."""
    head = ["", *(name.replace("_", " ") for name in CLASS_METRIC_NOTES), "runs"]
    text = []
    for backbone, found in done["backbones"].items():
        rows = [
            [name, *(_cell(row["metrics"][metric]) for metric in CLASS_METRIC_NOTES), str(len(row["runs"]))]
            for name, row in found["rows"].items()
            if row["runs"]
        ]
        text += [f"### {backbone}\n", markdown_table(head, rows), ""]
    return "\n".join([*text, f"Mean ± standard deviation over folds and seeds. {done['hardware']}.", ""])


def _cell(value: Mapping[str, float | None]) -> str:
    if value["mean"] is None:
        return "-"
    return f"{value['mean']:.3f}" + (f" ± {value['sd']:.3f}" if value["sd"] is not None else "")


def _command(options: argparse.Namespace) -> str:
    words = [
        "python",
        "benchmarks/class_parts.py",
        "--data",
        options.data,
        "--root",
        os.path.relpath(options.root),
    ]
    words += ["--backbone", options.backbone]
    if options.backbone_weights:
        words += ["--backbone-weights", os.path.relpath(options.backbone_weights)]
    if options.pixel_range:
        words += ["--pixel-range", *(f"{each:g}" for each in options.pixel_range)]
    words += ["--no-padding-counted"] if options.no_padding_counted else []
    words += ["--seeds", *map(str, options.seeds), "--out", os.path.relpath(options.out)]
    return shlex.join(words)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--backbone", default="inception-v3")
    parser.add_argument("--backbone-weights", type=Path)
    parser.add_argument("--pixel-range", type=float, nargs=2)
    parser.add_argument("--no-padding-counted", action="store_true")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rows", nargs="*", help="words that the rows to make hold; all without")
    parser.add_argument("--set", nargs="*", metavar="A.B=C", help="further settings, of every row")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
