"""Calibrated anew on another scene, and training that goes on from a bundle."""

import numpy as np
import pytest

from normalcy.errors import CalibrationError, ConfigError
from normalcy.methods.scene_memory.method import SceneMemory
from normalcy.run_folder import RunFolder
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.kept_looks import KeptLooks
from normalcy.training.config import DataConfig, resolve_config
from normalcy.training.fit import fit
from normalcy.training.recalibrate import recalibrated
from normalcy.video.reader import ReadOptions
from normalcy.video.writer import VideoWriter
from normalcy.workflows.memory import remembered
from normalcy.workflows.score import score_video
from tiny_scene import scene as walks
from tiny_scene import write_scene as write_video

SETTINGS = (
    "model.size_px=[35,43]",
    "model.clip_len_frames=4",
    "model.encoder_channels=[4,4]",
    "model.lstm_channels=[4]",
    "training.epochs=1",
    "training.clips_per_epoch=8",
    "training.precision=float32",
)


def write_scene(root, *, contrast):
    for number in range(2):
        path = root / "train" / f"{number}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        texture = np.random.default_rng(number).integers(
            128 - contrast, 128 + contrast, (48, 64, 1), np.uint8
        )
        with VideoWriter(path, fps=10) as writer:
            for step in range(90):
                writer.write(np.roll(texture.repeat(3, axis=2), step, axis=1))
    return root


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    """A scene, another of higher contrast, and a bundle of the first."""
    folder = tmp_path_factory.mktemp("rooms")
    quiet, busy = write_scene(folder / "quiet", contrast=20), write_scene(folder / "busy", contrast=120)
    bundle = fit(config(quiet, folder), run=RunFolder(folder / "run"))
    return folder, quiet, busy, bundle


def config(root, folder, *more, method="stae"):
    data = {"name": "folder", "root": str(root), "cache": str(folder / "cache")}
    return resolve_config(method, data=data, overrides=[*SETTINGS, *more])


def test_only_what_is_usual_changes(rooms, tmp_path):
    folder, _, busy, bundle = rooms
    anew = recalibrated(bundle, DataConfig(name="folder", root=busy, cache=folder / "cache"))
    assert anew.calibration.u > bundle.calibration.u  # textures of more contrast are reconstructed worse
    assert anew.header.usual_parts["reconstruction"].high > bundle.header.usual_parts["reconstruction"].high
    assert anew.header.map_scale[1] > bundle.header.map_scale[1]
    assert all(np.array_equal(anew.weights[name], each) for name, each in bundle.weights.items())
    assert anew.header.fit.amendments == ("calibrated on 180 frames of folder busy",)
    assert (anew.header.fit.held_out_frames, anew.header.fit.held_out_videos) == (180, ("0", "1"))
    anew.save(tmp_path / "bundle")
    assert Bundle.load(tmp_path / "bundle").header == anew.header


@pytest.fixture(scope="module")
def other_scene(tmp_path_factory):
    """Walks before another background."""
    root = tmp_path_factory.mktemp("other-scene")
    for number, name in enumerate(("dawn", "dusk")):
        write_video(root / "train" / f"{name}.mp4", walks(30, seed=20 + number)[0])
    return root


SPEEDS = "streams.speed.usual.seen.count_SRCB"


def test_a_memory_learns_the_beginning_of_another_scene(tiny_memory_run, tiny_cache, other_scene):
    bundle = Bundle.load(tiny_memory_run.bundle)
    data = DataConfig(name="folder", root=other_scene, cache=tiny_cache)
    plain, taught = recalibrated(bundle, data), recalibrated(bundle, data, learn_seconds=4)
    assert plain.header.fit.amendments == (f"calibrated on 60 frames of folder {other_scene.name}",)
    assert taught.header.fit.amendments == (
        f"learned 40 frames of folder {other_scene.name}",
        f"calibrated on 20 frames of folder {other_scene.name}",
    )
    assert remembered(plain).scenes == remembered(bundle).scenes
    assert remembered(taught).scenes == remembered(bundle).scenes + 2
    # A new scene begins with what was seen in all others; each frame learned counts 90 / 40 times.
    dwell = taught.weights["streams.dwell.seen.count_SRCB"]
    assert not np.array_equal(dwell[0, :, 0], dwell[0, :, -1])  # what was usual at a place of the first scene
    seen = {name: each.weights[SPEEDS] for name, each in (("before", bundle), ("after", taught))}
    assert np.array_equal(seen["after"][:-2], seen["before"])
    for number in (-2, -1):
        begins_with = seen["before"].sum(axis=0)
        assert (seen["after"][number] >= begins_with).all()
        learned = seen["after"][number].sum() - begins_with.sum()
        assert learned > 0
        assert learned % 2.25 == 0
    source = str(other_scene / "train" / "dusk.mp4")
    scores = score_video(taught, taught.scoring_model(), source, options=ReadOptions())
    assert np.isfinite(scores.raw_T).all()


@pytest.mark.parametrize(
    ("seconds", "error", "said"),
    [(6.5, CalibrationError, "nothing is left"), (5.5, CalibrationError, "normal video")],
)
def test_too_little_is_left_of_what_was_learned(
    tiny_memory_run, tiny_cache, other_scene, seconds, error, said
):
    bundle = Bundle.load(tiny_memory_run.bundle)
    data = DataConfig(name="folder", root=other_scene, cache=tiny_cache)
    with pytest.raises(error, match=said):
        recalibrated(bundle, data, learn_seconds=seconds)


def test_a_piece_of_a_video_that_no_clip_fits_into_makes_no_scene(tiny_memory_run, tiny_cache, other_scene):
    bundle = Bundle.load(tiny_memory_run.bundle)
    data = DataConfig(name="folder", root=other_scene, cache=tiny_cache)
    taught = recalibrated(bundle, data, learn_seconds=3.2)  # 30 frames of one video, 2 of the next
    assert taught.header.fit.amendments[0] == f"learned 30 frames of folder {other_scene.name}"
    assert remembered(taught).scenes == remembered(bundle).scenes + 1
    with pytest.raises(CalibrationError, match=r"no clip fits into the first 0\.2 s"):
        recalibrated(bundle, data, learn_seconds=0.2)


def test_what_was_seen_before_is_not_looked_at_again_and_changes_nothing(
    tiny_memory_run, tiny_cache, other_scene, monkeypatch
):
    bundle = Bundle.load(tiny_memory_run.bundle)
    data = DataConfig(name="folder", root=other_scene, cache=tiny_cache)
    kept = KeptLooks()
    first = recalibrated(bundle, data, learn_seconds=3, kept=kept)
    looked = []
    real = SceneMemory.look
    monkeypatch.setattr(
        SceneMemory, "look", lambda self, clips: looked.append(len(clips)) or real(self, clips)
    )
    again = recalibrated(bundle, data, learn_seconds=3, kept=kept)
    assert not looked
    afresh = recalibrated(bundle, data, learn_seconds=3)
    assert looked
    for other in (again, afresh):
        assert other.calibration == first.calibration
        assert all(np.array_equal(other.weights[name], each) for name, each in first.weights.items())


def test_what_keeps_no_memory_cannot_learn(rooms):
    folder, _, busy, bundle = rooms
    with pytest.raises(ConfigError, match="keeps no memory"):
        recalibrated(bundle, DataConfig(name="folder", root=busy, cache=folder / "cache"), learn_seconds=3)


def test_training_goes_on_from_the_weights_of_a_bundle(rooms, tmp_path):
    folder, _, busy, bundle = rooms
    still = config(busy, folder, "training.learning_rate=1e-12")
    started = fit(still, run=RunFolder(tmp_path / "a"), start=bundle)
    afresh = fit(still.model_copy(update={"seed": 5}), run=RunFolder(tmp_path / "b"))
    name = next(name for name in bundle.weights if name.endswith("weight"))
    assert np.allclose(started.weights[name], bundle.weights[name], atol=1e-6)
    assert not np.allclose(afresh.weights[name], bundle.weights[name], atol=1e-3)


@pytest.mark.parametrize(
    ("method", "more", "said"),
    [
        ("stae", ("model.lstm_channels=[6,4]",), "another network"),
        ("flow-magnitude", (), "cannot start from the weights"),
    ],
)
def test_what_cannot_start_from_a_bundle(rooms, tmp_path, method, more, said):
    folder, quiet, _, bundle = rooms
    settings = config(quiet, folder, *more) if method == "stae" else None
    settings = settings or resolve_config(method, data={"name": "folder", "root": str(quiet)})
    with pytest.raises(ConfigError, match=said):
        fit(settings, run=RunFolder(tmp_path / "run"), start=bundle)
    assert not (tmp_path / "run").exists()
