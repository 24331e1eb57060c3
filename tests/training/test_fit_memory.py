"""Fitting by memory from end to end: footage in, a bundle that remembers it out."""

from pathlib import Path

import numpy as np
import pytest

from normalcy.methods.scene_memory.method import SceneMemory
from normalcy.run_folder import RunFolder
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.pipeline import SourceScorer
from normalcy.training.config import FitConfig
from normalcy.training.fit import fit
from normalcy.video.frame import Frame
from tiny_scene import FPS, RUNS, scene, tiny_config

SIZE_PX = (64, 88)
SIZE_PX_OF_DETECTOR = (64, 96)


@pytest.fixture(scope="module")
def configure(tiny_root, tiny_cache):
    def build(*overrides: str) -> FitConfig:
        return tiny_config(tiny_root, tiny_cache, method="scene-memory", overrides=overrides)

    return build


@pytest.fixture(scope="module")
def fitted(tiny_memory_run) -> tuple[RunFolder, Bundle]:
    """A run, read only, and the bundle that it made."""
    return tiny_memory_run, Bundle.load(tiny_memory_run.path)


def memory(bundle: Bundle) -> SceneMemory:
    method = bundle.method()
    assert isinstance(method, SceneMemory)
    return method


def scores_of(bundle: Bundle, frames: list[Frame]) -> np.ndarray:
    scorer = SourceScorer(
        bundle.scoring_model(), settings=bundle.header.scoring, calibration=None, source_id="x"
    )
    return np.array([verdict.raw for verdict in scorer.run(frames)])


def frames_of(runs: range | tuple[int, ...]) -> list[Frame]:
    import cv2

    images_THWC, _ = scene(30, seed=7, runs=runs)
    large = [cv2.resize(image[..., 0], SIZE_PX[::-1]) for image in images_THWC]
    return [Frame(np.stack([grey] * 3, -1), t, t / FPS, "x") for t, grey in enumerate(large)]


def test_held_out_video_is_remembered_in_the_end(fitted):
    _, bundle = fitted
    seen = {origin.video for origin in memory(bundle).memory.streams["appearance"].examples.origins}
    assert set(bundle.header.fit.held_out_videos) == seen
    assert len(seen) == 3


def test_a_bundle_from_disk_scores_the_same(fitted):
    run, bundle = fitted
    frames = frames_of(RUNS)
    np.testing.assert_allclose(
        scores_of(Bundle.load(run.path), frames), scores_of(bundle, frames), rtol=1e-5, atol=1e-5
    )


def test_a_runner_is_more_surprising_than_a_walk(fitted):
    _, bundle = fitted
    calm, running = scores_of(bundle, frames_of(())), scores_of(bundle, frames_of(RUNS))
    inside = slice(RUNS.start + 2, RUNS.stop)
    assert np.median(running[inside]) > calm[inside].max()


def test_a_preset_sets_what_is_held_out_and_a_user_overrides_it(configure):
    assert configure().data.held_out_fraction == 0.5
    assert configure("data.held_out_fraction=0.3").data.held_out_fraction == 0.3


def turns(configure, monkeypatch, *, short_frames: int):
    """What a fit takes the parts of the score and the calibration from, and the footage."""
    from normalcy.training import memory as module
    from normalcy.training.data import load_normal_footage
    from normalcy.training.fit import build_method

    monkeypatch.setattr(module, "SHORT_FRAMES", short_frames)
    config = configure('model.streams=["speed"]')
    method = build_method(config)
    footage = load_normal_footage(config.data, spec=method.clip, seed=0)
    return footage, method, module.train_memory(method, footage, settings=config.scoring)


def counted(method) -> float:
    return float(method.memory.streams["speed"].usual.seen.count_SRCB.sum())


def test_short_footage_is_held_out_in_turns(configure, monkeypatch):
    footage, method, (first, second) = turns(configure, monkeypatch, short_frames=1000)
    assert first.method is method
    assert second.method is not method
    assert first.footage == footage.held_out
    assert second.footage == footage.fitted
    # Each has seen what the other is measured on, and no more.
    _, alone, _ = turns(configure, monkeypatch, short_frames=0)
    assert counted(first.method) == counted(alone)
    assert 0 < counted(second.method) != counted(alone)


def test_of_long_footage_a_part_is_held_out(configure, monkeypatch):
    footage, method, unseen = turns(configure, monkeypatch, short_frames=0)
    assert unseen == [(method, footage.held_out)]


def test_the_record_says_what_was_held_out_and_in_how_many_turns(fitted):
    _, bundle = fitted
    fit_record = bundle.header.fit
    assert fit_record.held_out_turns == 2
    assert fit_record.held_out_frames == 90
    assert len(fit_record.held_out_videos) == 3
    assert bundle.calibration.frames == 90
    assert "in 2 turns" in bundle.card


def test_streams_that_are_left_out_are_not_in_the_bundle(configure, tmp_path):
    bundle = fit(configure('model.streams=["speed"]'), run=RunFolder(tmp_path / "run"))
    assert set(memory(bundle).memory.streams) == {"speed"}
    assert not any(name.startswith("trunk.") for name in bundle.weights)
    assert memory(bundle).memory.fusion.terms.scale("speed")[1] > 0


def test_missing_weights_cost_no_run_folder(configure, tmp_path):
    from normalcy.errors import ConfigError

    folder = tmp_path / "run"
    with pytest.raises(ConfigError, match=r"nowhere\.pth"):
        fit(configure(f"model.trunk_weights={Path('nowhere.pth')}"), run=RunFolder(folder))
    assert not (folder / "config.yaml").exists()


def test_a_detector_that_was_given_is_in_the_bundle_and_its_path_is_not(configure, tmp_path):
    pytest.importorskip("openvino")
    from yolox import bright_squares

    detector = bright_squares(tmp_path / "detector.onnx", size_px=SIZE_PX_OF_DETECTOR)
    words = ('model.streams=["speed", "objects"]', f"model.objects.detector={detector}")
    run = RunFolder(tmp_path / "run")
    fit(configure(*words), run=run)
    detector.unlink()
    bundle = Bundle.load(run.path)
    assert bundle.header.model["objects"] == {"least_confidence": 0.3, "most_overlap": 0.45}
    assert np.isfinite(scores_of(bundle, frames_of(RUNS))).all()


def test_clips_must_follow_each_other_as_looks_are_taken(configure, tmp_path):
    from normalcy.errors import ConfigError

    with pytest.raises(ConfigError, match=r"Set scoring\.hop_frames=2 as well") as raised:
        fit(configure("model.look_every_frames=2"), run=RunFolder(tmp_path / "run"))
    assert raised.value.where == "scoring.hop_frames"
    fit(configure("model.look_every_frames=2", "scoring.hop_frames=2"), run=RunFolder(tmp_path / "other"))


def test_evidence_is_as_long_as_the_held_out_video(fitted):
    _, bundle = fitted
    assert float(bundle.weights["fusion.held_out_seconds"]) == pytest.approx(9.0, abs=0.1)


def test_the_card_says_that_it_was_fitted_by_memory_on_all_footage(fitted):
    _, bundle = fitted
    assert bundle.header.fit.fitted_frames == 90
    assert "| training | by memory;" in bundle.card
