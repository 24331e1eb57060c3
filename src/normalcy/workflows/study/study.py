"""A whole study: make its cells, time them where that is asked for, write it down."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from normalcy.progress import Progress
from normalcy.scoring.bundle import Bundle
from normalcy.workflows.study.cells import Cell, cells_of
from normalcy.workflows.study.outcome import outcome_of
from normalcy.workflows.study.plan import StudyPlan
from normalcy.workflows.study.runner import Failure, make_cells
from normalcy.workflows.study.written import write_study

WORK = Path("runs/studies")
_WARM, _TIMED = 3, 20


@dataclass(frozen=True)
class Study:
    """What a study came to.

    Attributes:
        outcome: As its JSON file holds it.
        files: What was written, by name.
        failures: Cells that could not be made.
    """

    outcome: dict[str, Any]
    files: dict[str, Path]
    failures: Sequence[Failure]


def run_study(
    plan: StudyPlan,
    *,
    out: Path,
    work: Path = WORK,
    jobs: int = 1,
    minutes: float | None = None,
    command: str = "",
    on_made: Callable[[Cell, Failure | None], None] | None = None,
    progress: Progress | None = None,
) -> Study:
    """Makes what is not made yet, and writes all of it.

    Args:
        plan: The study.
        out: Where JSON, table and picture go.
        work: Keeps a folder for each cell.
        jobs: Cells that are made at once.
        minutes: No cell is begun after so many; what is missing then is made by the next call.
        command: What asked for it, for the record.
        on_made: Called after each cell.
        progress: Called with what is being done, how much is done and how much there is.
    """
    cells = cells_of(plan, work)
    failures = make_cells(cells, jobs=jobs, minutes=minutes, on_made=on_made, progress=progress)
    timed = _clip_milliseconds(cells) if plan.kind == "frames" else {}
    outcome = outcome_of(plan, cells, failures, clip_milliseconds=timed, command=command)
    return Study(outcome, write_study(out, outcome), failures)


def _clip_milliseconds(cells: Sequence[Cell]) -> dict[str, float]:
    """How long a clip takes by itself, by row: one process, nothing beside it, the median of several."""
    found: dict[str, float] = {}
    for cell in cells:
        bundle = cell.run / "bundle"
        if cell.row in found or cell.read() is None or not bundle.is_dir():
            continue
        model = Bundle.load(bundle).scoring_model()
        spec = model.spec
        clip = np.random.default_rng(0).integers(
            0, 256, (spec.length_frames, spec.channels, *spec.size_px), np.uint8
        )
        took = []
        for _ in range(_WARM + _TIMED):
            started = time.perf_counter()
            model.infer([clip])
            took.append(time.perf_counter() - started)
        found[cell.row] = 1e3 * float(np.median(took[_WARM:]))
    return found
