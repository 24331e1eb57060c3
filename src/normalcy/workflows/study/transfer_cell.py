"""Makes one cell of a transfer study: `python -m ... SETTINGS RUN OUTCOME TARGETS SOURCE`.

Fits on the source, then judges on every target: as it is, calibrated anew, and adapted.
"""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from normalcy.config import build_config, read_yaml
from normalcy.datasets import open_dataset
from normalcy.environment import hardware, versions
from normalcy.errors import CalibrationError, InputError
from normalcy.evaluation.run import evaluate
from normalcy.run_folder import RunFolder, write_json
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.kept_looks import KeepingModel, KeptLooks
from normalcy.training.config import FitConfig, resolve_config
from normalcy.training.fit import fit
from normalcy.training.recalibrate import recalibrated
from normalcy.workflows.study.files import exit_code_of
from normalcy.workflows.study.transfer import WAYS


def make_transfer_cell(
    settings: Path, run: RunFolder, outcome: Path, targets: Sequence[dict[str, Any]], source: str
) -> dict[str, Any]:
    """Fits and judges; goes on where an earlier attempt was cut off.

    Args:
        settings: YAML of all settings of the fit on the source.
        run: Where to fit.
        outcome: File of what it came to, written last.
        targets: What to judge on.
        source: Name of the scene that is fitted on.
    """
    config = resolve_config(read_yaml(settings)["method"], data={}, file=settings)
    bundle = _fitted(config, run, start=None)
    found = {
        target["scene"]: _judged_ways(bundle, target, run, is_own=target["scene"] == source)
        for target in targets
    }
    record = {
        "source": source,
        "seed": config.seed,
        "targets": found,
        "fit_seconds": bundle.header.fit.fit_seconds,
        "versions": versions(),
        "hardware": hardware(),
    }
    write_json(outcome, record)
    return record


def _judged_ways(bundle: Bundle, target: dict[str, Any], run: RunFolder, *, is_own: bool) -> dict[str, Any]:
    """Each way by itself: where one is not possible on a scene, the others still are."""
    as_it_is, anew, adapted = WAYS
    kept = KeptLooks()  # What is seen in a scene does not depend on what is thought of it.
    found = {as_it_is: _tried(lambda: _judged(bundle, target, kept))}
    if is_own:
        return found
    config = build_config(FitConfig, target["fit"])
    found[anew] = _tried(lambda: _judged(recalibrated(bundle, config.data, kept=kept), target, kept))
    how = target["adaptation"]
    if "epochs" in how:
        folder = RunFolder(run.path.with_name(f"adapted-to-{target['scene']}"))
        found[adapted] = _tried(lambda: _judged(_fitted(config, folder, start=bundle), target, KeptLooks()))
    elif "seconds" in how:
        seconds = how["seconds"]
        found[adapted] = _tried(
            lambda: _judged(recalibrated(bundle, config.data, learn_seconds=seconds, kept=kept), target, kept)
        )
    return found


def _tried(judge: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What it came to, or why the scene does not allow it."""
    try:
        return judge()
    except (InputError, CalibrationError) as error:
        return {"failed": str(error)}


def _fitted(config: FitConfig, run: RunFolder, *, start: Bundle | None) -> Bundle:
    if run.bundle.is_dir():
        return Bundle.load(run.bundle)
    resume = run.config.is_file()
    return fit(config, run=run, resume=resume, overwrite=not resume, start=start)


def _judged(bundle: Bundle, target: dict[str, Any], kept: KeptLooks) -> dict[str, Any]:
    dataset = open_dataset(target["data"], Path(target["root"]))
    found = evaluate(bundle, dataset, model=KeepingModel(bundle.scoring_model(), kept), floors=False)
    events = found.events
    return {
        "metrics": found.metrics,
        "false_alarms_per_hour": events.false_alarms_per_hour if events else None,
        "events_found": events.detected if events else None,
        "events": events.true_events if events else None,
    }


def main(arguments: Sequence[str]) -> int:
    """Makes the cell; returns the exit code."""
    *paths, source = arguments
    settings, run, outcome, targets = map(Path, paths)
    known = json.loads(targets.read_text(encoding="utf-8"))
    return exit_code_of(lambda: make_transfer_cell(settings, RunFolder(run), outcome, known, source))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
