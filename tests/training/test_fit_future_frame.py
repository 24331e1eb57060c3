"""Fitting future frame prediction from end to end: what only training needs comes first and stays outside."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from normalcy.errors import ConfigError
from normalcy.layers.spynet import SpyNet
from normalcy.run_folder import RunFolder
from normalcy.scoring.bundle import Bundle
from normalcy.training import fit as fit_module
from normalcy.training.config import FitConfig
from normalcy.training.fit import fit
from normalcy.workflows.judge import judge_run, settings_sha256
from small_methods import SMALL
from tiny_scene import tiny_config

TRAINING = ["training.epochs=2", "training.clips_per_epoch=8", "training.precision=float32"]


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
    assert metrics["paper_protocol_auc"] == metrics["micro_auc_minmax"] is not None


def test_where_the_weights_lie_makes_no_other_settings(configure, flow_weights, tmp_path):
    moved = flow_weights.rename(tmp_path / "elsewhere.safetensors")

    def sha(path: Path, **changes: object) -> str:
        header = Bundle.load(run.bundle).header
        model = header.model | {"flow": header.model["flow"] | {"weights": str(path)}} | changes
        return settings_sha256(header.model_copy(update={"model": model}))

    run = RunFolder(tmp_path / "run")
    fit(configure("training.epochs=1"), run=run)
    assert sha(flow_weights) == sha(moved)
    assert sha(moved) != sha(moved, residual=True)


def test_a_discriminator_that_nobody_asks_stays_as_it_was(configure, tmp_path):
    before = fit_module.build_method(configure()).state_dict()
    bundle = fit(configure("model.loss.adversarial=0"), run=RunFolder(tmp_path / "run"))
    changed = {
        name.partition(".")[0] for name in before if not torch.equal(bundle.weights[name], before[name])
    }
    assert changed == {"generator"}


@pytest.mark.parametrize("preset", ["residual", "one-frame"])
def test_a_variant_is_named_and_has_no_paper_protocol(configure, tiny_root, tmp_path, preset):
    config = configure().model_copy(update={"preset": preset})
    bundle = fit(config, run=RunFolder(tmp_path / "run"))
    assert "(variant: adds to the last frame" in bundle.card
    judged = judge_run(tmp_path / "run", "folder", tiny_root, command="")
    assert judged.evaluation.metrics["paper_protocol_auc"] is None
