"""The demo: scene, fit, verdict and pictures in one go."""

import os
from pathlib import Path

from normalcy.datasets.walkway.synthesize import synthesize
from normalcy.progress import Progress
from normalcy.run_folder import RunFolder
from normalcy.training.config import resolve_config
from normalcy.training.fit import fit
from normalcy.workflows.judge import JudgedRun, judge_run

FALSE_ALARMS_PER_DAY = 5000
"""One in 17 s of normal video: far more than anybody wants, but the demo holds less than a minute of it out to
calibrate on, which can tell no rate below one in that minute."""


def run_demo(folder: Path, *, seed: int, command: str, progress: Progress | None = None) -> JudgedRun:
    """Makes the scene `folder/walkway`, fits `scene-memory` on it, judges it and writes everything to `folder`.

    A folder that holds a demo already is made anew; its scene is used again.

    Raises:
        RunFolderExists: The folder holds another run.
    """
    scene, run = folder / "walkway", RunFolder(folder)
    again = scene.is_dir()
    if not again:
        run.require_empty()
    synthesize(
        scene,
        seed=seed,
        train_videos=6,
        test_videos=3,
        settings=("corridor",),
        anomalies=("runner", "cyclist", "cart"),
        processes=os.cpu_count() or 1,
        on_video=lambda done, total: progress("drawing the scene", done, total) if progress else None,
    )
    config = resolve_config(
        "scene-memory",
        data={"name": "walkway", "root": str(scene), "cache": str(folder / "cache")},
        overrides=[f"seed={seed}", f"scoring.false_alarms_per_day={FALSE_ALARMS_PER_DAY}"],
    )
    fit(config, run=run, overwrite=again, command=command, progress=progress)
    return judge_run(folder, "walkway", scene, command="", videos=True, progress=progress)
