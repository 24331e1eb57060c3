"""What each part of CNN-LSTM is worth: folds and seeds on features that were computed once.

    python benchmarks/class_parts.py --data surveillance-fight --root DIR --backbone inception-v3 \
        --backbone-weights FILE --pixel-range 0 1 --no-padding-counted --out results/surveillance-fight/cnn-lstm.json

Each row adds one part to the row above it. The floor is logistic regression on features averaged over the video. The
part of the training videos that is held out chooses the epoch and the temperature; test videos are judged once. Runs
that the file holds already are not made again; `--rows` names those to make. The same is written as a table (`.md`).

    python benchmarks/class_parts.py --merge LIGHT.json HEAVY.json --data NAME --root DIR --out BOTH.json

puts files of several backbones into one, with what all of them together come to.
"""

import argparse
import hashlib
import json
import os
import shlex
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from normalcy.datasets.classes import KnowsClasses
from normalcy.environment import hardware, versions
from normalcy.evaluation.class_metrics import CLASS_METRIC_NOTES, class_metrics
from normalcy.evaluation.class_results import gathered
from normalcy.evaluation.results import Spread
from normalcy.evaluation.tables import cell, markdown_table
from normalcy.methods import method_definition
from normalcy.methods.base import Method
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
CHANGES_FLOOR = "mean of their changes, logistic regression"
WHOLE = "+ augmented views"
IN_ALL_VIEWS = "the same, augmented views at test too"
COLD = "the same, without temperature"
TOGETHER = "the same, mean of the seeds"
HALF, QUARTER = "half of the clips", "a quarter of the clips"
TEMPORAL = "+ changes in time"
READS = "changes"
FOLDS = 5
Means = Callable[[np.ndarray], np.ndarray]
_PLAIN_LOSS = {"focal": 0.0, "class_balanced": 0.0, "cross_entropy": 1.0, "auxiliary": 0.0}
_NO_AUGMENTATION = {"temporal": False, "use_views": 0.0, "noise": 0.0}
_LSTM = {
    "model": {"reads": "features", "attention_heads": 0, "direct": False, "loss": _PLAIN_LOSS},
    "training": {"augmentation": _NO_AUGMENTATION},
}


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


_CHANGES = _with(_LSTM, model__reads=READS)
_ATTENTION = _with(_CHANGES, model__attention_heads=8)
_FOCAL = _with(_ATTENTION, model__loss={**_PLAIN_LOSS, "focal": 1.0, "cross_entropy": 0.0})
_BALANCED = _with(_FOCAL, model__loss__class_balanced=0.5)
_AUXILIARY = _with(_BALANCED, model__loss__auxiliary=0.2)
_DIRECT = _with(_AUXILIARY, model__direct=True)
_TEMPORAL = _with(_DIRECT, training__augmentation={"use_views": 0.0})
_VIEWS: dict[str, Any] = {"model": {}, "training": {}}
ROWS: dict[str, Mapping[str, Any]] = {
    "BiLSTMs, cross-entropy": _LSTM,
    "changes of the features instead": _CHANGES,
    "+ attention": _ATTENTION,
    "focal loss instead": _FOCAL,
    "+ class-balanced loss": _BALANCED,
    "+ auxiliary heads": _AUXILIARY,
    "+ each frame by itself as well": _DIRECT,
    TEMPORAL: _TEMPORAL,
    WHOLE: _VIEWS,
}
"""Settings by row; what the last one learns is also judged in all views of each test video, without its temperature,
and as a mean over the seeds. Without augmented views (`--views 0`) the row before it is the last."""


def main() -> None:
    """Measures, prints and writes."""
    warnings.simplefilter("ignore", UserWarning)
    options = _options()
    done = json.loads(options.out.read_text()) if options.out.is_file() else {"backbones": {}}
    if options.merge:
        _merge(options, done)
        return
    backbone = done["backbones"].setdefault(options.backbone, {"rows": {}})
    chosen = [
        name
        for name in (*FLOORS, *ROWS)
        if (not options.rows or any(word in name for word in options.rows))
        and (options.views or name != WHOLE)
    ]
    for name in chosen:
        for fold in range(options.folds):
            for seed in _seeds(options, name):
                if _has(backbone, name, fold, seed, digest=_digest(options, name)):
                    continue
                for row, run in _runs(options, name, fold, seed).items():
                    entry = backbone["rows"].setdefault(row, {"runs": []})
                    entry["settings_sha256"] = _digest(options, name)
                    entry["runs"].append(run)
                told = backbone["rows"][name]["runs"][-1]["metrics"]
                sys.stderr.write(f"{options.backbone}, {name}, fold {fold}, seed {seed}: {told}\n")
                _write(options, done)
    _together(backbone, options)
    _write(options, done)
    print(tables(done))


def _seeds(options: argparse.Namespace, name: str) -> list[int]:
    return [0] if name in FLOORS and _share(name) == 1 else list(options.seeds)


def _share(name: str) -> float:
    """Of the videos that a row learns from."""
    return next((share for words, share in SHARES.items() if name.endswith(words)), 1.0)


def _has(backbone: Mapping[str, Any], name: str, fold: int, seed: int, *, digest: str) -> bool:
    """Whether a run is there; one of other settings is no run of this row."""
    row = backbone["rows"].get(name)
    if row is None:
        return False
    if row["settings_sha256"] != digest:
        raise SystemExit(f"{name!r} was measured with other settings; write to another --out")
    return any((run["fold"], run["seed"]) == (fold, seed) for run in row["runs"])


def _digest(options: argparse.Namespace, name: str) -> str:
    """Of all settings of a row but fold, seed and where things lie."""
    config = _config(options, ROWS.get(name, _VIEWS), fold=0, seed=0)
    settings = config.model_dump(mode="json", exclude={"data", "seed"})
    weights = (
        hashlib.sha256(options.backbone_weights.read_bytes()).hexdigest() if options.backbone_weights else ""
    )
    settings["model"]["backbone"]["weights"] = weights
    return _sha256([name, settings])


def _sha256(parts: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _runs(options: argparse.Namespace, name: str, fold: int, seed: int) -> dict[str, dict[str, Any]]:
    """What a fold and seed of a row came to; of the last row in several ways."""
    config = _config(options, ROWS.get(name, _VIEWS), fold=fold, seed=seed)
    dataset = open_classes(config)
    config = with_classes(config, dataset)
    method = build_method(config)
    method.begin_training()
    store = store_of(config, method)
    # The same videos are held out, and the same views are there, whatever a row makes of them.
    every = with_classes(_config(options, _VIEWS, fold=fold, seed=seed), dataset)
    footage = load_labelled_footage(every, dataset, store)
    shown = 1 + every.training.augmentation.views
    test = see_all(store, [(video, shown) for video in dataset.class_videos("test")], classes=dataset.classes)
    started = time.perf_counter()
    if name in FLOORS:
        found = {name: _floor(footage, test, FLOORS[name], share=_share(name), seed=seed)}
    else:
        with tempfile.TemporaryDirectory() as folder:
            train_classes(method, footage, config, run=RunFolder(Path(folder)), resume=False)
        found = {name: _probabilities(method, test)}
    about = {"fold": fold, "seed": seed, "seconds": round(time.perf_counter() - started, 1)}
    if name == WHOLE:
        found[IN_ALL_VIEWS] = _probabilities(method, test, views=shown)
        method.temperature.fill_(1.0)
        found[COLD] = _probabilities(method, test)
    return {row: _judged(p_NK, test, dataset) | about for row, p_NK in found.items()}


def _probabilities(method: Method, test: Sequence[SeenVideo], *, views: int = 1) -> np.ndarray:
    return np.stack([video_probabilities(method, each.seen, views=views) for each in test])


def _together(backbone: dict[str, Any], options: argparse.Namespace) -> None:
    """Judges the mean over the seeds of each fold, from what the runs kept."""
    of = _last_row(backbone)
    if of is None:
        return
    runs = backbone["rows"][of]["runs"]
    if min(sum(run["fold"] == fold for run in runs) for fold in range(options.folds)) < 2:
        return
    together = [_mean_run(runs, fold) for fold in range(options.folds)]
    backbone["rows"][TOGETHER] = {
        "runs": together,
        "settings_sha256": backbone["rows"][of]["settings_sha256"],
    }


def _last_row(backbone: Mapping[str, Any]) -> str | None:
    """The row whose probabilities are averaged."""
    return next((name for name in (IN_ALL_VIEWS, TEMPORAL) if name in backbone["rows"]), None)


def _mean_run(runs: Sequence[Mapping[str, Any]], fold: int) -> dict[str, Any]:
    """What the mean of the probabilities of all runs of a fold comes to."""
    own = [run for run in runs if run["fold"] == fold]
    known = {name: own[0][name] for name in ("classes", "normal", "targets")}
    if any(run["targets"] != known["targets"] for run in own):
        raise SystemExit(
            f"fold {fold} holds other videos in one of the files: were folds dealt out differently?"
        )
    p_NK = np.mean([run["probabilities"] for run in own], axis=0)
    found = class_metrics(p_NK, np.array(known["targets"]), known["classes"], normal=known["normal"])
    judged = {
        "metrics": found.metrics,
        "confusion": found.confusion,
        "probabilities": np.round(p_NK, 4).tolist(),
    }
    return {**judged, **known, "fold": fold, "seed": None, "seconds": sum(run["seconds"] for run in own)}


def _merge(options: argparse.Namespace, done: dict[str, Any]) -> None:
    """Takes in the backbones of other files, and adds what all of them together come to."""
    for path in options.merge:
        done["backbones"] |= json.loads(path.read_text())["backbones"]
    if options.top not in done["backbones"]:
        raise SystemExit(f"--top {options.top} is none of {', '.join(done['backbones'])}")
    single = {name: each for name, each in done["backbones"].items() if " and " not in name}
    rows = {name: row for name, each in single.items() if (row := _last_row(each))}
    if len(set(rows.values())) > 1:
        raise SystemExit(f"the backbones were measured to different rows: {rows}")
    if len(rows) > 1:
        runs = [run for name, row in rows.items() for run in single[name]["rows"][row]["runs"]]
        together = {
            "runs": [_mean_run(runs, fold) for fold in range(options.folds)],
            "settings_sha256": _sha256(
                [single[name]["rows"][row]["settings_sha256"] for name, row in rows.items()]
            ),
        }
        about = {name: single[options.top][name] for name in ("versions", "hardware")}
        command = " && ".join([*(each["command"] for each in single.values()), _command(options)])
        done["backbones"][" and ".join(rows)] = {
            "rows": {TOGETHER: gathered(together)},
            "command": command,
            **about,
        }
    for each in done["backbones"].values():
        each["rows"] = {name: _slim(name, row) for name, row in each["rows"].items()}
    _write_result(options, done)
    print(tables(done))


def _slim(name: str, row: dict[str, Any]) -> dict[str, Any]:
    """A row without each video's probabilities, unless they are what is averaged."""
    if name in (IN_ALL_VIEWS, TOGETHER):
        return row
    return row | {"runs": [run | {"probabilities": [], "targets": []} for run in row["runs"]]}


def _judged(p_NK: np.ndarray, test: Sequence[SeenVideo], dataset: KnowsClasses) -> dict[str, Any]:
    normal = dataset.classes.index(dataset.normal_class)
    found = class_metrics(p_NK, np.array([each.target for each in test]), dataset.classes, normal=normal)
    return {
        "metrics": found.metrics,
        "confusion": found.confusion,
        "classes": list(dataset.classes),
        "normal": normal,
        "targets": [each.target for each in test],
        "probabilities": np.round(p_NK, 4).tolist(),
    }


def _floor(
    footage: LabelledFootage, test: Sequence[SeenVideo], means: Means, *, share: float, seed: int
) -> np.ndarray:
    known = [*footage.fitted, *footage.held_out]
    if share < 1:
        targets = [each.target for each in known]
        known, _ = train_test_split(known, train_size=share, stratify=targets, random_state=seed)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
    model.fit(np.stack([means(_features(each)) for each in known]), [each.target for each in known])
    return model.predict_proba(np.stack([means(_features(each)) for each in test]))


def _features(video: SeenVideo) -> np.ndarray:
    return video.seen.features_VTD[0].astype(np.float32)


def _mean(features_TD: np.ndarray) -> np.ndarray:
    return features_TD.mean(axis=0)


def _mean_change(features_TD: np.ndarray) -> np.ndarray:
    return np.abs(np.diff(features_TD, axis=0)).mean(axis=0)


FLOORS: Mapping[str, Means] = {
    FLOOR: _mean,
    CHANGES_FLOOR: _mean_change,
    f"{CHANGES_FLOOR}, {HALF}": _mean_change,
    f"{CHANGES_FLOOR}, {QUARTER}": _mean_change,
}
SHARES = {HALF: 0.5, QUARTER: 0.25}
"""Of the videos that are learned from, drawn anew with every seed: how accuracy goes with footage."""


def _config(options: argparse.Namespace, settings: Mapping[str, Any], *, fold: int, seed: int) -> FitConfig:
    overrides = [f"model.backbone.name={options.backbone}", f"data.fold={fold}", f"seed={seed}"]
    if options.backbone_weights:
        overrides.append(f"model.backbone.weights={options.backbone_weights}")
    if options.pixel_range:
        overrides.append(f"model.backbone.pixel_range={list(options.pixel_range)}")
    if options.no_padding_counted:
        overrides.append("model.backbone.pool_counts_padding=false")
    overrides += [f"{path}={json.dumps(value)}" for path, value in _flat(settings)]
    overrides += [f"training.augmentation.views={options.views}", *(options.set or [])]
    data = {"name": options.data, "root": str(options.root)}
    known = method_definition("cnn-lstm").presets
    preset = options.backbone if options.backbone in known else None
    return resolve_config("cnn-lstm", data=data, preset=preset, overrides=overrides)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in settings.items():
        found += (
            _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else [(f"{prefix}{name}", value)]
        )
    return found


def _write(options: argparse.Namespace, done: dict[str, Any]) -> None:
    backbone = done["backbones"][options.backbone]
    backbone["rows"] = {name: gathered(row) for name, row in backbone["rows"].items() if row["runs"]}
    backbone |= {"command": _command(options), "versions": versions(), "hardware": hardware()}
    _write_result(options, done)


def _write_result(options: argparse.Namespace, done: dict[str, Any]) -> None:
    top = options.top if options.top in done["backbones"] else options.backbone
    rows = done["backbones"][top]["rows"]
    row = next(name for name in (WHOLE, *reversed(ROWS), *FLOORS) if name in rows)
    seeds = sorted({run["seed"] for run in rows[row]["runs"] if run["seed"] is not None})
    about = {name: done["backbones"][top][name] for name in ("command", "versions", "hardware")}
    head = {"method": "cnn-lstm", "dataset": options.data, "preset": top, "row": row}
    head |= {"folds": options.folds, "seeds": seeds, "metrics": rows[row]["metrics"], **about}
    result = {**head, "backbones": done["backbones"]}
    write_json(options.out, result)
    write_text(options.out.with_suffix(".md"), tables(result))


def tables(done: Mapping[str, Any]) -> str:
    """What was measured, in Markdown."""
    head = ["", *(name.replace("_", " ") for name in CLASS_METRIC_NOTES), "runs"]
    text = []
    for backbone, found in done["backbones"].items():
        rows = [
            [
                name,
                *(cell(Spread.model_validate(row["metrics"][metric])) for metric in CLASS_METRIC_NOTES),
                str(len(row["runs"])),
            ]
            for name, row in found["rows"].items()
            if row["runs"]
        ]
        text += [f"### {backbone}\n", markdown_table(head, rows), ""]
    return "\n".join([*text, "Mean ± standard deviation over folds and seeds.", ""])


def _command(options: argparse.Namespace) -> str:
    words = [
        "python",
        "benchmarks/class_parts.py",
        "--data",
        options.data,
        "--root",
        os.path.relpath(options.root),
    ]
    if options.merge:
        return shlex.join(
            [*words, "--merge", *map(os.path.relpath, options.merge), "--out", os.path.relpath(options.out)]
        )
    words += ["--backbone", options.backbone]
    if options.backbone_weights:
        words += ["--backbone-weights", os.path.relpath(options.backbone_weights)]
    if options.pixel_range:
        words += ["--pixel-range", *(f"{each:g}" for each in options.pixel_range)]
    words += ["--no-padding-counted"] if options.no_padding_counted else []
    words += ["--folds", str(options.folds)] if options.folds != FOLDS else []
    words += ["--rows", *options.rows] if options.rows else []
    words += ["--set", *options.set] if options.set else []
    words += ["--views", str(options.views)]
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
    parser.add_argument("--folds", type=int, default=FOLDS)
    parser.add_argument("--top", default="inception-v3", help="backbone whose metrics stand at the top")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--views", type=int, default=2, help="augmented views of each video")
    parser.add_argument("--rows", nargs="*", help="words that the rows to make hold; all without")
    parser.add_argument("--set", nargs="*", metavar="A.B=C", help="further settings, of every row")
    parser.add_argument(
        "--merge", nargs="+", type=Path, metavar="FILE", help="files of other backbones to take in"
    )
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
