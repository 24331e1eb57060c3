"""The demo: scene, fit, verdict and pictures in one go."""

from collections.abc import Callable
from pathlib import Path

from normalcy.datasets.walkway.synthesize import synthesize
from normalcy.report.judged_run import JudgedRun, judge_run
from normalcy.run_folder import RunFolder
from normalcy.training.config import resolve_config
from normalcy.training.fit import fit

Progress = Callable[[str, int, int], None]


def run_demo(folder: Path, *, seed: int, command: str, progress: Progress | None = None) -> JudgedRun:
    """Makes the scene `folder/walkway`, fits a small autoencoder on it, judges it and writes everything to `folder`.

    A folder that holds a demo already is made anew; its scene is used again.
    """
    scene = folder / "walkway"
    synthesize(
        scene,
        seed=seed,
        train_videos=6,
        test_videos=6,
        settings=("corridor",),
        anomalies=("runner", "cyclist", "cart"),
        on_video=lambda done, total: progress("drawing the scene", done, total) if progress else None,
    )
    config = resolve_config(
        "stae",
        preset="small",
        data={"name": "walkway", "root": str(scene), "cache": str(folder / "cache")},
        overrides=[f"seed={seed}"],
    )
    fit(config, run=RunFolder(folder), overwrite=True, progress=progress)
    return judge_run(folder, "walkway", scene, command=command, videos=True, progress=progress)
