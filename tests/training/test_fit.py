"""Fitting from end to end, on a scene of a second or two."""

import json
import re

import numpy as np
import pytest
import torch

from normalcy.config import build_config, read_yaml
from normalcy.errors import CollapseWarning, DatasetIncomplete, RunFolderBusy, RunFolderExists
from normalcy.methods import METHODS
from normalcy.run_folder import RunFolder
from normalcy.scoring.bundle import Bundle
from normalcy.training import fit as fit_module
from normalcy.training.calibrate import calibrate
from normalcy.training.config import FitConfig
from normalcy.training.data import load_normal_footage
from normalcy.training.fit import build_method, fit
from tiny_scene import tiny_config, write_scene


@pytest.fixture(scope="module")
def config(tiny_root, tiny_cache) -> FitConfig:
    return tiny_config(tiny_root, tiny_cache)


@pytest.fixture(scope="module")
def footage(config):
    return load_normal_footage(config.data, spec=build_method(config).clip, seed=config.seed)


def assert_same_weights(one: Bundle, other: Bundle) -> None:
    assert set(one.weights) == set(other.weights)
    for name, tensor in one.weights.items():
        np.testing.assert_array_equal(other.weights[name], tensor)


def test_a_fit_leaves_its_configuration_and_a_bundle(tiny_run, config):
    assert build_config(FitConfig, read_yaml(tiny_run.config)) == config
    header = Bundle.load(tiny_run.path).header
    assert (header.method, header.model, header.scoring) == ("stae", config.model, config.scoring)
    assert header.frames_per_second == pytest.approx(10)
    assert 0 <= header.map_scale[0] < header.map_scale[1]


def test_it_remembers_what_it_was_fitted_on(tiny_run, footage):
    record = Bundle.load(tiny_run.path).header.fit
    assert (record.data, record.preset, record.seed) == ("folder", "paper", 0)
    assert (record.fitted_frames, record.held_out_frames) == (60, 30)
    assert record.held_out_videos == tuple(span.name for span in footage.held_out)
    assert record.training["stopped_by"] == "epochs"
    assert (record.training["epochs"], record.training["steps"], record.training["clips"]) == (3, 9, 72)
    assert 0 < record.fit_seconds < 60
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", record.fitted_at)


def test_the_card_tells_the_truth(tiny_run):
    bundle = Bundle.load(tiny_run.path)
    fit, training = bundle.header.fit, bundle.header.fit.training
    for line in (
        "# Spatio-temporal autoencoder, fitted on folder",
        "| method, preset | `stae`, `paper` |",
        f"| fitted at | {fit.fitted_at}, by normalcy ",
        "| fitted on | 60 frames of normal video |",
        f"| held out | 30 frames of normal video ({fit.held_out_videos[0]}) for validation and calibration |",
        f"| time to fit | {fit.fit_seconds} s |",
        "| training | 3 epochs, 9 steps, 72 clips; ended by epochs |",
        f"| best validation error | {training['best_validation_loss']:.4f} |",
        "arxiv.org/abs/1701.01546",
        bundle.calibration.describe(false_alarms_per_day=1),
    ):
        assert line in bundle.card


def test_the_calibration_saw_the_held_out_video_and_nothing_else(tiny_run, config, footage):
    bundle = Bundle.load(tiny_run.path)
    again = calibrate([(bundle.scoring_model(), footage.held_out)], settings=config.scoring)
    found = bundle.calibration.to_json()
    for name, value in again.calibration.to_json().items():
        assert found[name] == (value if isinstance(value, str | None) else pytest.approx(value, rel=1e-5))
    assert bundle.calibration.frames == 30
    assert bundle.header.map_scale == pytest.approx(again.map_scale, rel=1e-4)


def test_the_statistics_are_of_the_fitted_video_alone(tiny_run, footage):
    weights = Bundle.load(tiny_run.path).weights
    pixels = np.concatenate([span.frames_TCHW for span in footage.fitted]) / 255
    np.testing.assert_allclose(weights["mean_image_CHW"], pixels.mean(axis=0), atol=1e-6)


def test_training_moved_the_weights(tiny_run, config):
    fresh, fitted = build_method(config).state_dict(), Bundle.load(tiny_run.path).weights
    assert all(not np.array_equal(fresh[name], fitted[name]) for name in fresh if name.endswith("weight"))


def test_the_same_seed_gives_the_same_bundle_and_a_resumed_end_is_the_end(tiny_run, config, tmp_path):
    run, first = RunFolder(tmp_path / "run"), Bundle.load(tiny_run.path)
    second = fit(config, run=run)
    assert_same_weights(first, second)
    assert first.calibration == second.calibration
    assert_same_weights(first, Bundle.load(run.path))
    resumed = fit(config, run=run, resume=True)
    assert_same_weights(first, resumed)
    assert resumed.header.fit.training["epochs"] == 3
    assert resumed.header.fit.training["best_validation_loss"] == pytest.approx(
        first.header.fit.training["best_validation_loss"]
    )


def test_another_seed_gives_other_weights(config):
    weights = [
        build_method(config.model_copy(update={"seed": seed})).state_dict()["encoder.first.conv.weight"]
        for seed in (0, 1, 0)
    ]
    assert torch.equal(weights[0], weights[2])
    assert not torch.equal(weights[0], weights[1])


GAN = ["training.epochs=3", "training.clips_per_epoch=16", "training.precision=float32"]


@pytest.fixture
def gan_config(tiny_root, tiny_cache, monkeypatch):
    monkeypatch.setitem(METHODS, "tiny-gan", "fake_gan")

    def build(*overrides: str) -> FitConfig:
        return tiny_config(tiny_root, tiny_cache, method="tiny-gan", overrides=[*GAN, *overrides])

    return build


def test_two_players_are_fitted_and_their_bundle_scores(gan_config, tmp_path):
    run, config = RunFolder(tmp_path / "run"), gan_config()
    made = fit(config, run=run)
    bundle = Bundle.load(run.path)
    assert bundle.header == made.header
    assert (bundle.header.fit.training["steps"], bundle.header.fit.training["kept"]) == (6, "best")
    fresh = build_method(config).state_dict()
    assert {name.partition(".")[0] for name in bundle.weights} == {"generator", "discriminator"}
    assert all(not np.array_equal(fresh[name], bundle.weights[name]) for name in fresh if "weight" in name)
    assert "The same held-out video also chose the checkpoint" in bundle.card
    assert "warning" not in bundle.card
    assert_same_weights(made, fit(config, run=run, resume=True))


def test_the_card_tells_of_a_collapse_and_of_a_fixed_budget(gan_config, tmp_path):
    run = RunFolder(tmp_path / "run")
    config = gan_config("training.keep=last", "model.discriminator_scale=0.001")
    with pytest.warns(CollapseWarning, match="the discriminator won"):
        fit(config, run=run)
    for bundle in (Bundle.load(run.path), fit(config, run=run, resume=True)):
        (warning,) = bundle.header.fit.training["warnings"]
        assert f"| **warning** | {warning} |" in bundle.card
        assert "| weights | of the last epoch |" in bundle.card
        assert "also chose the checkpoint" not in bundle.card


def test_what_needs_no_training_is_only_calibrated(tiny_flow_run):
    bundle = Bundle.load(tiny_flow_run.path)
    assert bundle.header.fit.training is None
    assert bundle.weights == {}
    assert "| training | none: only the calibration is learned |" in bundle.card
    assert not tiny_flow_run.checkpoints.exists()
    assert json.loads((tiny_flow_run.bundle / "calibration.json").read_text())["frames"] == 30


@pytest.fixture
def flow_config(tiny_root, tiny_cache):
    return tiny_config(tiny_root, tiny_cache, method="flow-magnitude")


@pytest.fixture
def flow_run(flow_config, tmp_path) -> RunFolder:
    run = RunFolder(tmp_path / "run")
    fit(flow_config, run=run)
    return run


def test_a_run_is_not_overwritten_in_silence(flow_run, flow_config):
    before = flow_run.config.read_bytes(), (flow_run.bundle / "card.md").read_bytes()
    with pytest.raises(RunFolderExists, match="--overwrite"):
        fit(flow_config, run=flow_run)
    with pytest.raises(RunFolderExists, match="another seed"):
        fit(flow_config.model_copy(update={"seed": 1}), run=flow_run, resume=True)
    assert (flow_run.config.read_bytes(), (flow_run.bundle / "card.md").read_bytes()) == before
    fit(flow_config.model_copy(update={"seed": 1}), run=flow_run, overwrite=True)
    assert Bundle.load(flow_run.path).header.fit.seed == 1
    assert read_yaml(flow_run.config)["seed"] == 1


def test_a_second_writer_is_kept_out(flow_run, flow_config):
    with flow_run.claimed(), pytest.raises(RunFolderBusy):
        fit(flow_config, run=flow_run, overwrite=True)


def test_overwriting_forgets_the_checkpoints_of_the_run_it_replaces(flow_run, flow_config):
    """Else a later --resume would go on from the weights of another configuration."""
    flow_run.checkpoints.mkdir()
    (flow_run.checkpoints / "last.ckpt").write_text("of the old run")
    fit(flow_config, run=flow_run, resume=True)
    assert (flow_run.checkpoints / "last.ckpt").is_file()
    fit(flow_config, run=flow_run, overwrite=True)
    assert not flow_run.checkpoints.exists()


def test_a_mistake_in_the_data_leaves_the_old_run_whole_and_claims_no_new_folder(
    flow_run, flow_config, tmp_path
):
    missing = flow_config.data.model_copy(update={"root": tmp_path / "gone"})
    wrong = flow_config.model_copy(update={"data": missing})
    before = flow_run.config.read_bytes()
    with pytest.raises(DatasetIncomplete, match="no such folder"):
        fit(wrong, run=flow_run, overwrite=True)
    assert flow_run.config.read_bytes() == before
    Bundle.load(flow_run.path)
    with pytest.raises(DatasetIncomplete):
        fit(wrong, run=RunFolder(tmp_path / "new"))
    fit(flow_config, run=RunFolder(tmp_path / "new"))


def test_clips_that_fit_nowhere_are_said_before_training(tiny_root, tiny_cache, tmp_path, monkeypatch):
    def refuse(*args):
        raise AssertionError("it trained")

    monkeypatch.setattr(fit_module, "_train", refuse)
    config = tiny_config(tiny_root, tiny_cache, overrides=["training.clip_strides=[10, 12]"])
    with pytest.raises(DatasetIncomplete, match="reaches 31 frames, the length of a clip with stride 10"):
        fit(config, run=RunFolder(tmp_path / "run"))


def test_progress_tells_each_stage(flow_config, tmp_path):
    told = []
    fit(flow_config, run=RunFolder(tmp_path / "run"), progress=lambda *step: told.append(step))
    stages = list(dict.fromkeys(what.split()[0] for what, *_ in told))
    assert stages == ["reading", "calibrating"]
    assert all(done <= total for _, done, total in told)


def test_a_still_camera_can_be_fitted(tmp_path):
    still = np.full((40, 48, 64, 1), 90, np.uint8)
    for name in "abc":
        write_scene(tmp_path / "root" / "train" / f"{name}.mp4", still)
    config = tiny_config(tmp_path / "root", tmp_path / "cache", overrides=["training.epochs=1"])
    bundle = fit(config, run=RunFolder(tmp_path / "run"))
    assert bundle.header.map_scale[1] > bundle.header.map_scale[0]
    assert np.isfinite(bundle.calibration.threshold(100_000))
