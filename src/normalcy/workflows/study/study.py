"""A whole study: make its cells, time them where that is asked for, write it down."""

import itertools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from normalcy.environment import hardware
from normalcy.progress import Progress
from normalcy.run_folder import write_json
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.pipeline import clip_scores
from normalcy.scoring.window import ClipWindow
from normalcy.video.frame import Frame
from normalcy.workflows.study.cells import Cell, cells_of
from normalcy.workflows.study.files import require_room
from normalcy.workflows.study.outcome import outcome_of
from normalcy.workflows.study.plan import StudyPlan
from normalcy.workflows.study.runner import Failure, make_cells
from normalcy.workflows.study.written import write_study

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
    name: str | None = None,
    work: Path,
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
        name: Of these files; `<method>-<study>-<dataset>` without.
        work: Keeps a folder for each cell.
        jobs: Cells that are made at once.
        minutes: No cell is begun after so many; what is missing then is made by the next call.
        command: What asked for it, for the record.
        on_made: Called after each cell.
        progress: Called with what is being done, how much is done and how much there is.

    Raises:
        OutputError: There is another study of that name.
    """
    name = name or f"{plan.method}-{plan.kind}-{plan.data['name']}"
    cells = cells_of(plan, work)
    known: dict[str, Any] = {"study": plan.kind, "method": plan.method, "dataset": plan.data["name"]}
    known |= {"preset": cells[0].config.preset, "overrides": list(plan.overrides), "rows": list(plan.rows)}
    require_room(out, name, study=known)
    failures = make_cells(cells, jobs=jobs, minutes=minutes, on_made=on_made, progress=progress)
    timed = _clip_milliseconds(cells) if plan.kind == "frames" else {}
    outcome = outcome_of(plan, cells, failures, clip_milliseconds=timed, command=command)
    return Study(outcome, write_study(out, name, outcome), failures)


def _clip_milliseconds(cells: Sequence[Cell]) -> dict[str, float]:
    """How long a clip takes by itself, by row; measured once, after all cells are made, and kept beside the cell."""
    found: dict[str, float] = {}
    for cell in cells:
        bundle = cell.run / "bundle"
        if cell.row not in found and cell.read() is not None and bundle.is_dir():
            found[cell.row] = _kept_timing(cell.folder / "timing.json", bundle)
    return found


def _kept_timing(path: Path, bundle: Path) -> float:
    """Measured anew on other hardware: rows are compared with each other."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if kept.get("hardware") != hardware():
        kept = {"clip_milliseconds": clip_milliseconds(Bundle.load(bundle)), "hardware": hardware()}
        write_json(path, kept)
    return float(kept["clip_milliseconds"])


def clip_milliseconds(bundle: Bundle) -> float:
    """Median time from the last frame of a clip to its score, of several, one clip at a time; decoding left out."""
    model = bundle.scoring_model()
    spec, header = model.spec, bundle.header
    camera, window = model.camera("timing"), ClipWindow(spec, hop_frames=1)
    rng, took = np.random.default_rng(0), list[float]()
    for index in itertools.count():
        image_HWC = rng.integers(0, 256, (*spec.size_px, spec.channels), np.uint8)
        clip = window.push(Frame(image_HWC, index, index / header.frames_per_second, "timing"))
        if clip is None:
            continue
        started = time.perf_counter()
        clip_scores(model.infer([clip.clip_TCHW])[0], clip=clip, camera=camera)
        took.append(time.perf_counter() - started)
        if len(took) == _WARM + _TIMED:
            return 1e3 * float(np.median(took[_WARM:]))
    raise AssertionError("there is always a next frame")
