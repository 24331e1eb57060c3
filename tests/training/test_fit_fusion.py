"""Fitting a score that is made of several terms, each in units of held-out normal video, from end to end."""

import json

import numpy as np
import pytest
import torch
import yaml

from normalcy.config import read_yaml
from normalcy.methods.ocr_gan_video import METHOD
from normalcy.run_folder import RunFolder
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.model import TorchModel
from normalcy.scoring.pipeline import SourceScorer
from normalcy.training import fit as fit_module
from normalcy.training.calibrate import normal_parts
from normalcy.training.card import model_card
from normalcy.training.config import FitConfig, resumed_config
from normalcy.training.data import load_normal_footage
from normalcy.training.fit import build_method, fit
from small_methods import SMALL
from tiny_scene import tiny_config

WEIGHTS = SMALL["ocr-gan-video"]["score_weights"]
SMALL_MODEL = [
    f"model.{name}={json.dumps(value)}"
    for name, value in SMALL["ocr-gan-video"].items()
    if name != "score_weights"
]
TOLD: list[str] = []
"""What the fit of the fixture said it was doing."""
TRAINING = ["training.epochs=2", "training.clips_per_epoch=8", "training.precision=float32"]


@pytest.fixture(scope="module")
def configure(tiny_root, tiny_cache):
    def build(*overrides: str, **weights: float) -> FitConfig:
        # The preset's own terms stay unless they are weighed with 0.
        preset = METHOD.presets["compact"].model["score_weights"]
        chosen = f"model.score_weights={json.dumps(dict.fromkeys(preset, 0.0) | (weights or WEIGHTS))}"
        overrides = (*SMALL_MODEL, *TRAINING, chosen, *overrides)
        return tiny_config(tiny_root, tiny_cache, method="ocr-gan-video", overrides=overrides)

    return build


@pytest.fixture(scope="module")
def fitted(configure, tmp_path_factory) -> tuple[RunFolder, Bundle]:
    """A run, read only, and the bundle that it made."""
    run = RunFolder(tmp_path_factory.mktemp("fused"))
    return run, fit(configure(), run=run, progress=lambda what, *_: TOLD.append(what))


@pytest.fixture(scope="module")
def footage(configure):
    config = configure()
    return load_normal_footage(config.data, spec=build_method(config).clip, seed=config.seed)


def own_scores(bundle: Bundle, span) -> list[float]:
    scorer = SourceScorer(
        bundle.scoring_model(), settings=bundle.header.scoring, calibration=None, source_id=span.name
    )
    return [each.raw for each in scorer.run(span.frames()) if each.own]


def random_clip() -> torch.Tensor:
    return torch.rand((2, 6, 1, 16, 24), generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_the_statistics_are_those_of_the_held_out_video_and_of_no_other(fitted, footage):
    method = fitted[1].method()
    (held_out,) = footage.held_out
    model = TorchModel(method)
    found = normal_parts([(model, [held_out])], settings=fitted[1].header.scoring)
    seen = normal_parts([(model, footage.fitted)], settings=fitted[1].header.scoring)
    assert len(found["reconstruction"]) == 30 - 5
    for name in method.parts:
        place = method.fuse.places[name]
        log = np.log(found[name])
        assert method.fuse.centre_P[place].item() == pytest.approx(log.mean(), abs=1e-3)
        assert method.fuse.spread_P[place].item() == pytest.approx(log.std(), abs=1e-3)
    of_fitted, of_held_out = (
        [
            statistic
            for name in method.parts
            for statistic in (np.log(parts[name]).mean(), np.log(parts[name]).std())
        ]
        for parts in (seen, found)
    )
    assert np.abs(np.subtract(of_fitted, of_held_out)).max() > 0.1
    assert (method.fuse.centre_P != 0).all()
    assert (method.fuse.spread_P != 1).all()


@pytest.mark.usefixtures("fitted")
def test_it_is_told_that_the_parts_are_measured_before_calibrating():
    stages = list(dict.fromkeys(what.split()[0] for what in TOLD))
    assert stages == ["reading", "training", "training,", "measuring", "calibrating"]


def test_the_card_tells_what_else_the_held_out_video_did(fitted):
    _, bundle = fitted
    also = "The same held-out video also {}, so the rate leans a little to the optimistic side."
    both = "chose the checkpoint and gave the terms of the score their units"
    kept = {"last": "gave the terms of the score their units", "best": both}
    for keep, words in kept.items():
        fit_record = bundle.header.fit.model_copy(
            update={"training": bundle.header.fit.training | {"kept": keep}}
        )
        header = bundle.header.model_copy(update={"fit": fit_record})
        assert also.format(words) in model_card(header, bundle.calibration, fuses_parts=True)
    assert also.format(kept[bundle.header.fit.training["kept"]]) in bundle.card


def test_held_out_video_scores_zero_on_average_and_is_what_was_calibrated_on(fitted, footage):
    scores = own_scores(fitted[1], footage.held_out[0])
    assert np.mean(scores) == pytest.approx(0.0, abs=1e-3)
    assert np.std(scores) > 0.1
    assert fitted[1].calibration.frames == 30


def test_the_bundle_loads_and_scores_as_the_fit_did(fitted):
    run, made = fitted
    loaded, clip = Bundle.load(run.path), random_clip()
    assert loaded.header == made.header
    one, other = made.method().eval()(clip), loaded.method().eval()(clip)
    assert torch.equal(one.score_BT, other.score_BT)
    assert torch.equal(one.map_BTHW, other.map_BTHW)


def test_the_order_of_the_terms_survives_from_the_settings_to_the_bundle(fitted, configure):
    run, config = fitted[0], configure()
    order = list(config.model["score_weights"])
    assert config.model["score_weights"].items() >= WEIGHTS.items()
    for path in (run.config, run.bundle / "method.yaml"):
        assert list(read_yaml(path)["model"]["score_weights"]) == order
    assert list(Bundle.load(run.path).method().config.score_weights) == order


def test_a_header_in_another_order_scores_the_same(fitted, tmp_path):
    fitted[1].save(tmp_path / "bundle")
    path = tmp_path / "bundle" / "method.yaml"
    header = read_yaml(path)
    header["model"]["score_weights"] = dict(reversed(header["model"]["score_weights"].items()))
    path.write_text(yaml.safe_dump(header, sort_keys=False))
    turned = Bundle.load(tmp_path / "bundle").method()
    assert list(turned.config.score_weights) == list(header["model"]["score_weights"])
    clip = random_clip()
    torch.testing.assert_close(turned.eval()(clip).score_BT, fitted[1].method().eval()(clip).score_BT)


def test_how_terms_are_fused_can_change_without_training_again(fitted, configure, tmp_path, monkeypatch):
    """Other terms, in another number and order: the checkpoint still fits."""
    run = RunFolder(tmp_path / "run")
    before = fit(configure(), run=run)
    epochs = before.header.fit.training["epochs"]
    other = configure(
        attention=0.5, reconstruction=1.0, feature=0.0, displacement=0.0, reconstruction_low=1.0
    )
    assert resumed_config(other, run.config) == other
    after = fit(other, run=run, resume=True)
    assert after.header.fit.training["epochs"] == epochs
    assert after.weights.keys() == before.weights.keys()
    for name, weight in before.weights.items():
        assert np.array_equal(weight, after.weights[name]) or name.startswith("fuse."), name
    held_out = own_scores(after, footage_of(other).held_out[0])
    assert np.mean(held_out) == pytest.approx(0.0, abs=1e-3)
    assert not torch.equal(*(bundle.method().eval()(random_clip()).score_BT for bundle in (before, after)))

    plain = configure("model.score_fusion=weighted")
    monkeypatch.setattr(fit_module, "normal_parts", None)  # a weighted sum observes nothing
    weighted = fit(plain, run=run, resume=True)
    fuse = weighted.method().fuse
    assert not fuse.centre_P.any()
    assert (fuse.spread_P == 1).all()
    scores = weighted.method().eval()(random_clip())
    expected = sum(weight * scores.parts[name] for name, weight in WEIGHTS.items())
    torch.testing.assert_close(scores.score_BT, expected)


def footage_of(config: FitConfig):
    return load_normal_footage(config.data, spec=build_method(config).clip, seed=config.seed)


def test_the_same_seed_gives_the_same_statistics(fitted, configure, tmp_path):
    again = fit(configure(), run=RunFolder(tmp_path / "run"))
    for name, weight in fitted[1].weights.items():
        assert np.array_equal(weight, again.weights[name]), name
