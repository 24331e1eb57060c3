"""Fitting future frame prediction from end to end: what only training needs comes first and stays outside."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from normalcy.errors import ConfigError
from normalcy.layers.spynet import SpyNet
from normalcy.run_folder import RunFolder
from normalcy.training import fit as fit_module
from normalcy.training.config import FitConfig
from normalcy.training.fit import fit
from normalcy.workflows.judge import judge_run, settings_sha256
from small_methods import SMALL
from tiny_scene import tiny_config

TRAINING = ["training.epochs=2", "training.clips_per_epoch=8", "training.precision=float32"]


class Stop:
    """A progress callback that presses Ctrl-C after some steps of training."""

    def __init__(self, after: int) -> None:
        self.after = after

    def __call__(self, what: str, done: int, total: int) -> None:
        if what.startswith("training") and done >= self.after:
            raise KeyboardInterrupt


@pytest.fixture
def configure(tiny_root, tiny_cache):
    def build(*overrides: str) -> FitConfig:
        model = [f"model.{name}={json.dumps(value)}" for name, value in SMALL["future-frame"].items()]
        settings = [*model, "model.size_px=[48, 64]", *TRAINING, *overrides]
        return tiny_config(tiny_root, tiny_cache, method="future-frame", overrides=settings)

    return build


@pytest.fixture
def flow_weights(tmp_path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "spynet.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in SpyNet().state_dict().items()}, path)
    return path


def test_what_the_flow_loss_needs_is_missed_before_a_video_is_read(configure, tmp_path, monkeypatch):
    monkeypatch.setattr(fit_module, "load_normal_footage", None)
    run = RunFolder(tmp_path / "run")
    settings = ["model.loss.flow=2", f"model.flow.weights={tmp_path / 'nowhere.pth'}"]
    with pytest.raises(ConfigError, match=r"spynet: there is no file .*nowhere\.pth\. Get spynet_2021"):
        fit(configure(*settings), run=run)
    assert not run.config.exists()


def test_a_bundle_scores_without_the_flow_network(configure, flow_weights, tiny_root, tmp_path):
    config = configure("model.loss.flow=2", f"model.flow.weights={flow_weights}")
    bundle = fit(config, run=RunFolder(tmp_path / "run"))
    assert {name.partition(".")[0] for name in bundle.weights} == {"generator", "discriminator"}
    flow_weights.unlink()
    judged = judge_run(tmp_path / "run", "folder", tiny_root, command="")
    assert set(judged.evaluation.parts) == {"intensity", "gradient", "motion", "intensity_box"}
    # Its score is a PSNR, so its paper's protocol is told, which here is the min-max of that score.
    metrics = judged.evaluation.metrics
    assert metrics["paper_protocol_auc"] == pytest.approx(metrics["micro_auc_minmax"])


def test_a_bundle_names_no_file_of_the_machine_that_made_it(configure, flow_weights, tmp_path):
    run, other = RunFolder(tmp_path / "run"), RunFolder(tmp_path / "other")
    header = fit(configure("training.epochs=1", f"model.flow.weights={flow_weights}"), run=run).header
    without = fit(configure("training.epochs=1"), run=other).header
    for file in run.bundle.iterdir():
        assert str(flow_weights).encode() not in file.read_bytes()
    assert header.model["flow"] == {"network": "spynet", "scale": 0.5, "iterations": 4}
    # Whoever had the weights elsewhere, or fetched them, made the same.
    assert settings_sha256(header) == settings_sha256(without)
    changed = without.model_copy(update={"model": without.model | {"residual": True}})
    assert settings_sha256(changed) != settings_sha256(without)


def test_a_run_goes_on_with_its_weights_elsewhere_and_ends_without(configure, flow_weights, tmp_path):
    run = RunFolder(tmp_path / "run")
    settings = ["model.loss.flow=2", f"model.flow.weights={flow_weights}"]
    with pytest.raises(KeyboardInterrupt):
        fit(configure(*settings), run=run, progress=Stop(after=3))
    moved = flow_weights.rename(tmp_path / "elsewhere.safetensors")
    with pytest.raises(ConfigError, match="there is no file"):
        fit(configure(*settings), run=run, resume=True)
    settings[1] = f"model.flow.weights={moved}"
    bundle = fit(configure(*settings), run=run, resume=True)
    moved.unlink()
    again = fit(configure(*settings), run=run, resume=True)
    assert bundle.weights.keys() == again.weights.keys()
    assert all(np.array_equal(bundle.weights[name], again.weights[name]) for name in again.weights)


def test_frames_that_nothing_predicts_have_the_score_of_the_first_that_is(configure, tiny_root, tmp_path):
    fit(configure("training.epochs=1"), run=RunFolder(tmp_path / "run"))
    for video in judge_run(tmp_path / "run", "folder", tiny_root, command="").evaluation.videos:
        assert (video.raw_T[:5] == video.raw_T[4]).all()
        assert video.raw_T[5] != video.raw_T[4]
        assert (video.parts["intensity"][:5] == video.parts["intensity"][4]).all()


def test_the_card_says_what_was_watched(configure, tmp_path):
    bundle = fit(configure("training.epochs=1"), run=RunFolder(tmp_path / "run"))
    assert "| best -PSNR on held-out video, dB | -" in bundle.card


def test_a_discriminator_that_nobody_asks_stays_as_it_was(configure, tmp_path):
    before = fit_module.build_method(configure()).state_dict()
    bundle = fit(configure("model.loss.adversarial=0"), run=RunFolder(tmp_path / "run"))
    changed = {
        name.partition(".")[0] for name in before if not np.array_equal(bundle.weights[name], before[name])
    }
    assert changed == {"generator"}


@pytest.mark.parametrize("preset", ["residual", "one-frame"])
def test_a_variant_is_named_and_has_no_paper_protocol(configure, tiny_root, tmp_path, preset):
    config = configure().model_copy(update={"preset": preset})
    bundle = fit(config, run=RunFolder(tmp_path / "run"))
    assert "(variant: adds to the last frame" in bundle.card
    judged = judge_run(tmp_path / "run", "folder", tiny_root, command="")
    assert judged.evaluation.metrics["paper_protocol_auc"] is None
