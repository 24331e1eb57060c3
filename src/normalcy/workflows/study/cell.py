"""Makes one cell of a study: `python -m normalcy.workflows.study.cell SETTINGS RUN OUTCOME`.

A process of its own, so that one that dies takes nothing else along.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from normalcy.config import read_yaml
from normalcy.datasets import open_dataset
from normalcy.environment import hardware, versions
from normalcy.evaluation.class_run import at_its_fold, judge_classes, tells_classes
from normalcy.evaluation.run import evaluate
from normalcy.run_folder import RunFolder, write_json
from normalcy.scoring.bundle import Bundle
from normalcy.training.config import FitConfig, resolve_config
from normalcy.training.fit import fit
from normalcy.workflows.judge import settings_sha256
from normalcy.workflows.study.files import exit_code_of


def make_cell(settings: Path, run: RunFolder, outcome: Path) -> dict[str, Any]:
    """Fits and judges; goes on where an earlier attempt was cut off.

    Args:
        settings: YAML of all settings.
        run: Where to fit.
        outcome: File of what it came to, written last.
    """
    config = resolve_config(read_yaml(settings)["method"], data={}, file=settings)
    if run.bundle.is_dir():
        bundle = Bundle.load(run.bundle)
    else:
        bundle = fit(config, run=run, resume=run.config.is_file(), overwrite=not run.config.is_file())
    found = {
        "seed": config.seed,
        **_judged(bundle, config),
        "fit_seconds": bundle.header.fit.fit_seconds,
        "context_seconds": round(_context(bundle), 4),
        "settings_sha256": settings_sha256(bundle.header),
        "versions": versions(),
        "hardware": hardware(),
    }
    write_json(outcome, found)
    return found


def _context(bundle: Bundle) -> float:
    """How far back a clip reaches, in seconds of the footage that was fitted on."""
    clip = bundle.method().clip
    return (clip.length_frames - 1) * clip.stride_frames / bundle.header.frames_per_second


def _judged(bundle: Bundle, config: FitConfig) -> dict[str, Any]:
    """Metrics, and those of each part of the score."""
    dataset = at_its_fold(bundle, open_dataset(config.data.name, config.data.root))
    if tells_classes(bundle):
        classes = judge_classes([bundle], dataset, features=config.data.features)
        return {"metrics": classes.result.metrics, "parts": {}}
    found = evaluate(bundle, dataset, floors=False)
    return {"metrics": found.metrics, "parts": found.parts, "kinds": found.kinds}


def main(arguments: Sequence[str]) -> int:
    """Makes the cell; returns the exit code."""
    settings, run, outcome = map(Path, arguments)
    return exit_code_of(lambda: make_cell(settings, RunFolder(run), outcome))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
