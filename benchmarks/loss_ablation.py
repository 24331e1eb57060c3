"""What each loss of future frame prediction is worth: the same budget with more and more of them.

    python benchmarks/loss_ablation.py --data ucsd-ped2 --root DIR --flow-weights FILE \\
        --out results/studies/future-frame-losses

fits and judges every row at every seed, and keeps each as `<row>.json` in the form of all results files. What is there
already is not made again, so that rows can be made by several processes and on several days. The table is printed and
written beside them.
"""

import argparse
import json
from pathlib import Path

from normalcy.allocator import keep_freed_memory
from normalcy.datasets import open_dataset
from normalcy.environment import command_line
from normalcy.evaluation.results import Result, read_result, write_result
from normalcy.evaluation.run import evaluate
from normalcy.evaluation.tables import cell, markdown_table
from normalcy.run_folder import RunFolder, write_json, write_text
from normalcy.scoring.bundle import Bundle
from normalcy.training.config import resolve_config
from normalcy.training.fit import fit
from normalcy.workflows.judge import metrics_record, published

METHOD = "future-frame"
ROWS = {
    "intensity": {"gradient": 0, "adversarial": 0, "flow": 0},
    "intensity, gradient": {"adversarial": 0, "flow": 0},
    "intensity, gradient, adversarial": {"flow": 0},
    "all": {},
    "all, flow at 2": {"flow": 2},
}
"""Rows by name: weights of losses that differ from the preset's."""
METRICS = ("micro_auc", "micro_auc_minmax", "paper_protocol_auc", "macro_auc")


def make(row: str, seed: int, options: argparse.Namespace) -> None:
    """Fits and judges one row at one seed, and enters it into the row's file."""
    run = RunFolder(options.runs / f"{file_name(row)}-seed{seed}")
    settings = settings_of(row, options)
    data = {"name": options.data, "root": str(options.root)}
    config = resolve_config(METHOD, preset=options.preset, data=data, overrides=[*settings, f"seed={seed}"])
    fit(config, run=run, overwrite=True, command=fit_command(row, seed, options))
    bundle = Bundle.load(run.bundle)
    evaluation = evaluate(bundle, open_dataset(options.data, options.root))
    place = ["--data", options.data, "--root", str(options.root)]
    record = metrics_record(
        bundle, options.data, evaluation, command_line(["evaluate", str(run.path), *place])
    )
    write_result(path_of(row, options.out), published(record))


def fit_command(row: str, seed: int, options: argparse.Namespace) -> str:
    """What makes the row's fit without this script."""
    words = ["fit", METHOD, "--preset", options.preset, "--data", options.data, "--root", str(options.root)]
    words += ["--seed", str(seed), "--out", str(options.runs / f"{file_name(row)}-seed{seed}")]
    return command_line([*words, *(word for each in settings_of(row, options) for word in ("--set", each))])


def settings_of(row: str, options: argparse.Namespace) -> list[str]:
    """What the row sets differently."""
    weights = [f"model.loss.{name}={weight}" for name, weight in ROWS[row].items()]
    if options.flow_weights:
        weights.append(f"model.flow.weights={options.flow_weights}")
    return [*weights, *options.set]


def require_same_settings(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """All rows of a folder are of one preset, one dataset and the same further settings."""
    path = options.out / "settings.json"
    settings = {"preset": options.preset, "data": options.data, "set": options.set}
    if path.is_file() and (earlier := json.loads(path.read_text())) != settings:
        parser.error(f"{options.out} holds rows of {earlier}: choose another --out")
    write_json(path, settings)


def path_of(row: str, out: Path) -> Path:
    """The row's results file."""
    return out / f"{file_name(row)}.json"


def file_name(row: str) -> str:
    """The row's name in a path."""
    return row.replace(", ", "-").replace(" ", "-")


def table(out: Path) -> str:
    """All rows that there are."""
    parts = sorted({name for result in _results(out).values() for name in result.parts})
    head = ["losses", *METRICS, *(f"{name} alone" for name in parts), "seeds"]
    rows = []
    for row, result in _results(out).items():
        spreads = [result.metrics[name] for name in METRICS] + [result.parts[name] for name in parts]
        rows.append([row, *map(cell, spreads), str(len(result.seeds))])
    return markdown_table(head, rows) + "\n"


def _results(out: Path) -> dict[str, Result]:
    return {row: read_result(path_of(row, out)) for row in ROWS if path_of(row, out).is_file()}


def main() -> None:
    """Makes what is missing and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--root", required=True, type=Path)
    parser.add_argument("--flow-weights", type=Path, help="of the flow network; fetched without")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--row", action="append", choices=ROWS, help="only this one; repeatable")
    parser.add_argument("--runs", type=Path, default=Path("runs/future-frame-losses"))
    parser.add_argument("--set", action="append", default=[], help="settings of all rows")
    options = parser.parse_args()
    keep_freed_memory()
    require_same_settings(options, parser)
    for seed in options.seeds:
        for row in options.row or ROWS:
            path = path_of(row, options.out)
            if not (path.is_file() and seed in read_result(path).seeds):
                print(f"{row}, seed {seed}", flush=True)
                make(row, seed, options)
    write_text(options.out / "README.md", table(options.out))
    print(table(options.out))


if __name__ == "__main__":
    main()
