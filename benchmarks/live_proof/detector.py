"""A detector and a video for whoever has none at hand: the floor of optical flow, on the scene of the tests."""

from pathlib import Path

from live_proof.stand_ins import tiny_scene
from normalcy.run_folder import RunFolder

_FRAMES = 40
"""Four seconds, in one of which the square runs: each is an incident of its own."""
_SCORING = ("scoring.merge_gap_seconds=0.5",)
_SEED = 7


def fit_detector(folder: Path) -> Path:
    """Fits it in a few seconds; its bundle."""
    from normalcy.training.fit import fit

    root = tiny_scene.write_root(folder / "scene")
    run = RunFolder(folder / "run")
    cache, method = folder / "cache", "flow-magnitude"
    fit(tiny_scene.tiny_config(root, cache, method=method, overrides=_SCORING), run=run)
    return run.bundle


def write_video(path: Path) -> Path:
    """A video with an anomaly in it, which can be played over and over."""
    images_THWC, _ = tiny_scene.scene(_FRAMES, seed=_SEED, runs=tiny_scene.RUNS)
    return tiny_scene.write_scene(path, images_THWC)
