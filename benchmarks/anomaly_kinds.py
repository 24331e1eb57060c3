"""How well each kind of anomaly is found, by the score and by each of its parts, over runs on scenes of their own.

    python benchmarks/anomaly_kinds.py runs/scene0 runs/scene1 runs/scene2 --out results/studies/NAME.json

Each run folder holds the `metrics.json` of `normalcy evaluate` on a dataset that knows kinds of anomaly. Micro AUC of
the frames of a kind against all normal frames, on raw causal scores; over the runs the mean, and of the score the
lowest as well. A table stands beside the JSON (`.md`).
"""

import argparse
import json
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from normalcy.evaluation.tables import markdown_table
from normalcy.run_folder import write_json, write_text

EVERY_KIND = "every kind"
SCORE = "score"


def aucs_of(record: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """AUC by part, then by kind."""
    every = {SCORE: record["metrics"]["micro_auc"], **record["parts"]}
    return {part: {EVERY_KIND: every[part], **kinds} for part, kinds in record["kinds"].items()}


def summary(records: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, dict[str, float]]]:
    """Mean, lowest and deviation over the runs, by part, then by kind."""
    found = [aucs_of(record) for record in records]
    return {
        part: {kind: _spread([each[part][kind] for each in found]) for kind in found[0][part]}
        for part in found[0]
    }


def _spread(aucs: Sequence[float]) -> dict[str, float]:
    sd = float(np.std(aucs, ddof=1)) if len(aucs) > 1 else 0.0
    return {"mean": float(np.mean(aucs)), "lowest": min(aucs), "sd": sd}


def as_table(found: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """A row for each part, a column for each kind."""
    kinds = list(found[SCORE])
    rows = [[part, *(f"{each[kind]['mean']:.3f}" for kind in kinds)] for part, each in found.items()]
    lowest = [f"{SCORE}, lowest of the runs", *(f"{found[SCORE][kind]['lowest']:.3f}" for kind in kinds)]
    head = ["", *(kind.replace("_", " ") for kind in kinds)]
    return markdown_table(head, [rows[0], lowest, *rows[1:]]) + "\n"


def main() -> None:
    """Reads, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    options = parser.parse_args()
    records = [json.loads((run / "metrics.json").read_text(encoding="utf-8")) for run in options.runs]
    found = summary(records)
    made = {"commands": [record["command"] for record in records], "hardware": records[0]["hardware"]}
    paths = [os.path.relpath(path) for path in (*options.runs, options.out)]
    command = shlex.join(["python", "benchmarks/anomaly_kinds.py", *paths[:-1], "--out", paths[-1]])
    write_json(options.out, {"aucs": found, "command": command, **made, "versions": records[0]["versions"]})
    write_text(options.out.with_suffix(".md"), as_table(found))
    print(as_table(found))


if __name__ == "__main__":
    main()
