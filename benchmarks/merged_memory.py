"""What it costs to fit scene memory in parts, and what it saves: against the fit in one piece.

    normalcy data synthesize --root runs/walkway
    python benchmarks/merged_memory.py --data walkway --root runs/walkway --out results/benchmarks/merged-memory.json

Each seed is fitted in one piece, and in parts by each number of workers; the first of these also says how far scores
of the test videos are from those of one piece. The others are to be the same to the last bit, and the result says
whether they are. Videos are decoded before any clock runs. A table stands beside the JSON (`.md`).
"""

import argparse
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import spearmanr

from normalcy.allocator import keep_freed_memory
from normalcy.datasets import open_dataset
from normalcy.environment import hardware, versions
from normalcy.evaluation.run import evaluate
from normalcy.evaluation.tables import markdown_table
from normalcy.run_folder import RunFolder, write_json, write_text
from normalcy.scoring.bundle import Bundle
from normalcy.training.config import FitConfig, resolve_config
from normalcy.training.data import load_normal_footage
from normalcy.training.fit import build_method, fit
from normalcy.training.spread.settings import Spread

ONE_PIECE = "in one piece"


class Fitted(NamedTuple):
    """A fit, and how long it took."""

    bundle: Bundle
    seconds: float


class Judged(NamedTuple):
    """How well it does on test videos, and its score of each of their frames."""

    auc: float
    scores: np.ndarray


def main() -> None:
    """Measures, prints and writes."""
    options = _options()
    keep_freed_memory()
    runs = [_of_seed(options, seed) for seed in range(options.seeds)]
    result = {
        "seeds": runs,
        "largest_auc_difference": max(abs(run["auc"]["difference"]) for run in runs),
        "least_rank_correlation": min(run["rank_correlation"] for run in runs),
        "same_bits_for_any_number_of_workers": all(run["same_bits"] for run in runs),
        "part_seconds": options.part_seconds,
        "note": options.note,
        "versions": versions(),
        "hardware": hardware(),
        "command": _command(options),
    }
    write_json(options.out, result)
    write_text(options.out.with_suffix(".md"), tables(result))
    print(tables(result))


def _of_seed(options: argparse.Namespace, seed: int) -> dict[str, Any]:
    config = resolve_config(
        "scene-memory",
        data={"name": options.data, "root": str(options.root), "cache": str(options.cache)},
        preset=options.preset,
        overrides=[f"seed={seed}", *options.set],
    )
    load_normal_footage(config.data, spec=build_method(config).clip, seed=seed)
    whole = _fit(config, None)
    parts = {count: _fit(config, _spread(options, count)) for count in options.workers}
    first = parts[options.workers[0]]
    judged, of_parts = _judge(whole.bundle, options), _judge(first.bundle, options)
    return {
        "seed": seed,
        "parts": first.bundle.header.fit.parts,
        "auc": {
            "one_piece": judged.auc,
            "merged": of_parts.auc,
            "difference": of_parts.auc - judged.auc,
        },
        "rank_correlation": float(spearmanr(judged.scores, of_parts.scores).statistic),
        "same_bits": all(_same(first.bundle, each.bundle) for each in parts.values()),
        "seconds": {ONE_PIECE: round(whole.seconds, 1)}
        | {f"{count} workers": round(each.seconds, 1) for count, each in parts.items()},
    }


def _spread(options: argparse.Namespace, workers: int) -> Spread:
    return Spread(options.engine, workers, options.address, part_seconds=options.part_seconds)


def _fit(config: FitConfig, spread: Spread | None) -> Fitted:
    with tempfile.TemporaryDirectory() as folder:
        before = time.perf_counter()
        bundle = fit(config, run=RunFolder(Path(folder) / "run"), spread=spread)
        return Fitted(bundle, time.perf_counter() - before)


def _judge(bundle: Bundle, options: argparse.Namespace) -> Judged:
    found = evaluate(bundle, open_dataset(options.data, options.root), floors=False)
    scores = np.concatenate([video.raw_T for video in found.videos])
    return Judged(found.metrics["micro_auc"], scores)


def _same(first: Bundle, second: Bundle) -> bool:
    weights = first.weights.keys() == second.weights.keys() and all(
        np.array_equal(array, second.weights[name]) for name, array in first.weights.items()
    )
    return weights and first.calibration == second.calibration


def tables(result: Mapping[str, Any]) -> str:
    """What was measured, in Markdown."""
    runs: Sequence[Mapping[str, Any]] = result["seeds"]
    rows = [
        [
            str(run["seed"]),
            str(run["parts"]),
            f"{run['auc']['one_piece']:.4f}",
            f"{run['auc']['merged']:.4f}",
            f"{run['rank_correlation']:.4f}",
            *(f"{seconds:.0f} s" for seconds in run["seconds"].values()),
        ]
        for run in runs
    ]
    head = ["seed", "parts", "AUC in one piece", "AUC merged", "rank correlation", *runs[0]["seconds"]]
    same = "the same" if result["same_bits_for_any_number_of_workers"] else "NOT the same"
    return "\n".join(
        [
            f"{result['hardware']}; {', '.join(f'{name} {each}' for name, each in result['versions'].items())}.",
            f"Parts of about {result['part_seconds']:g} s; `{result['command']}`. {result['note']}\n",
            markdown_table(head, rows),
            f"\nWeights and calibration are {same} for any of these numbers of workers, to the last bit.\n",
        ]
    )


def _command(options: argparse.Namespace) -> str:
    """What was asked for, paths seen from here."""
    words = [os.path.relpath(word) if Path(word).is_absolute() else word for word in sys.argv[1:]]
    return shlex.join(["python", "benchmarks/merged_memory.py", *words])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--root", required=True, type=Path)
    parser.add_argument("--preset", default="full")
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C")
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/normalcy/frames"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--part-seconds", type=float, default=60.0)
    parser.add_argument("--engine", default="local")
    parser.add_argument("--address")
    parser.add_argument("--note", default="", help="what else the machine did, for the record")
    parser.add_argument("--out", required=True, type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
