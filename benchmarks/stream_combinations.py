"""What each stream of scene memory is worth alone, and in every combination with others.

    python benchmarks/stream_combinations.py runs/seed0 runs/seed1 runs/seed2 --out results/studies/NAME.json

Each run folder holds a bundle with all the streams and the `scores.parquet` of `normalcy evaluate`. A combination is
its streams fused, each by its own scale on held-out normal video: what a fit with these streams alone scores. Micro AUC
on raw causal scores; mean and deviation over the runs. A table stands beside the JSON (`.md`).
"""

import argparse
import os
import shlex
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from sklearn.metrics import roc_auc_score

from normalcy.environment import hardware, versions
from normalcy.methods.scene_memory.method import SceneMemory
from normalcy.run_folder import write_json, write_text
from normalcy.scoring.bundle import Bundle


def combination_aucs(run: Path) -> dict[str, float]:
    """Micro AUC of each combination of a run's streams, named by them."""
    method = Bundle.load(run).method()
    assert isinstance(method, SceneMemory), f"{run} holds another method"
    table = pq.read_table(run / "scores.parquet").to_pydict()
    label_T = np.array(table["label"], np.bool_)
    deviations = {
        name: method.memory.fusion.deviation(name, np.array(table[f"part.{name}"]))
        for name in method.config.streams
    }
    return {
        " + ".join(names): float(
            roc_auc_score(label_T, method.memory.fusion.fused({name: deviations[name] for name in names}))
        )
        for size in range(1, len(deviations) + 1)
        for names in combinations(deviations, size)
    }


def summary(runs: Sequence[Path]) -> dict[str, dict[str, float]]:
    """Mean and deviation over the runs."""
    found = [combination_aucs(run) for run in runs]
    return {
        name: {"mean": float(np.mean(aucs)), "sd": float(np.std(aucs, ddof=1)) if len(aucs) > 1 else 0.0}
        for name, aucs in ((name, [each[name] for each in found]) for name in found[0])
    }


def as_table(aucs: dict[str, dict[str, float]]) -> str:
    """The combinations as Markdown, few streams first, the best of each size on top."""
    order = sorted(aucs, key=lambda name: (name.count("+"), -aucs[name]["mean"]))
    rows = [f"| {name} | {aucs[name]['mean']:.3f} ± {aucs[name]['sd']:.3f} |" for name in order]
    return "\n".join(["| streams | micro AUC |", "| --- | ---: |", *rows]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.json")
    options = parser.parse_args()
    aucs = summary(options.runs)
    paths = [os.path.relpath(path) for path in (*options.runs, options.out)]
    made = {
        "command": shlex.join(
            ["python", "benchmarks/stream_combinations.py", *paths[:-1], "--out", paths[-1]]
        ),
        "fits": [Bundle.load(run).header.fit.command for run in options.runs],
        "versions": versions(),
        "hardware": hardware(),
    }
    write_json(options.out, {"runs": len(options.runs), "micro_auc": aucs, **made})
    write_text(options.out.with_suffix(".md"), as_table(aucs))
    print(as_table(aucs))


if __name__ == "__main__":
    main()
