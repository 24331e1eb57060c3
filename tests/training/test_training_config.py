"""Settings of a fit: preset, then file, then the command line, each key checked at every depth."""

from pathlib import Path

import pytest

from normalcy.config import build_config, read_yaml, to_yaml
from normalcy.errors import ConfigError, RunFolderExists
from normalcy.methods import METHODS, method_definition
from normalcy.training.config import FitConfig, resolve_config, resumed_config

DATA = {"name": "folder", "root": "videos"}


def resolved(method="stae", *, file=None, overrides=(), **options) -> FitConfig:
    return resolve_config(method, data=DATA, file=file, overrides=overrides, **options)


@pytest.fixture
def settings(tmp_path):
    def write(text: str) -> Path:
        (tmp_path / "my.yaml").write_text(text)
        return tmp_path / "my.yaml"

    return write


def test_the_first_preset_is_the_default():
    config = resolved()
    assert (config.method, config.preset, config.seed) == ("stae", "paper", 0)
    assert config.model["size_px"] == [227, 227]
    assert config.training.clips_per_epoch == 480
    assert config.training.learning_rate_end == 0.05
    assert config.data.root == Path("videos")


@pytest.mark.parametrize("method", list(METHODS))
def test_every_preset_resolves_and_is_written_whole(method, tmp_path):
    for preset in method_definition(method).presets:
        config = resolved(method, preset=preset)
        (tmp_path / "config.yaml").write_text(to_yaml(config))
        assert build_config(FitConfig, read_yaml(tmp_path / "config.yaml")) == config
        assert set(config.model) == set(method_definition(method).config.model_fields)


def test_a_resolved_config_is_its_own_file(tmp_path):
    config = resolved(preset="small", overrides=["training.epochs=7", "seed=4"])
    (tmp_path / "config.yaml").write_text(to_yaml(config))
    assert resolved(file=tmp_path / "config.yaml") == config


def test_file_goes_over_preset_and_set_over_file(settings):
    file = settings(
        "preset: small\nseed: 5\ntraining: {epochs: 3, patience_epochs: 2}\nmodel: {score_span: frame}"
    )
    config = resolved(file=file, overrides=["training.epochs=4", "model.frame_score.name=box-maximum"])
    assert (config.preset, config.seed) == ("small", 5)
    assert (config.training.epochs, config.training.patience_epochs) == (4, 2)
    assert config.model["size_px"] == [67, 99]
    assert config.model["score_span"] == "frame"
    assert config.model["frame_score"]["name"] == "box-maximum"


def test_the_named_preset_goes_over_that_of_the_file_and_of_set(settings):
    file = settings("preset: paper\n")
    assert resolved(file=file, overrides=["preset=small"]).model["size_px"] == [67, 99]
    assert resolved(file=file, overrides=["preset=small"]).preset == "small"
    assert resolved(file=file, overrides=["preset=small"], preset="paper").model["size_px"] == [227, 227]


def test_the_dataset_that_is_asked_for_goes_over_that_of_the_file(settings):
    file = settings("data: {name: avenue, root: /elsewhere, held_out_fraction: 0.3}\n")
    data = resolved(file=file, overrides=["data.cache=/fast"]).data
    assert (data.name, data.root, data.held_out_fraction) == ("folder", Path("videos"), 0.3)
    assert data.cache == Path("/fast")


@pytest.mark.parametrize("text", ["", "model:\ntraining:\nscoring:\ndata:\n"])
def test_empty_sections_change_nothing(settings, text):
    assert resolved(file=settings(text)) == resolved()
    assert resolved(file=settings(text), overrides=["model.clip_len_frames=8"]).model["clip_len_frames"] == 8


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sead: 1", "unknown key 'sead', did you mean 'seed'?"),
        ("training: {epoch: 1}", "unknown key 'training.epoch', did you mean 'epochs'?"),
        ("scoring: {hop_frame: 1}", "unknown key 'scoring.hop_frame', did you mean 'hop_frames'?"),
        ("data: {cach: x}", "unknown key 'data.cach', did you mean 'cache'?"),
        ("model: {size_pix: [1, 1]}", "section model: unknown key 'size_pix', did you mean 'size_px'?"),
        ("model: {frame_score: {nam: mean}}", "unknown key 'frame_score.nam', did you mean 'name'?"),
        (
            "model: {compare_frame_scores: [{nam: mean}]}",
            "unknown key 'compare_frame_scores.0.nam', did you mean 'name'?",
        ),
        ("training: {epochs: many}", "'training.epochs' is 'many'"),
        ("training: {clip_strides: [1, 0]}", "'training.clip_strides.1' is 0"),
        ("training: {clip_strides: []}", "'training.clip_strides' is []"),
        ("training: {learning_rate: -1}", "'training.learning_rate' is -1"),
        ("data: {held_out_fraction: 1}", "'data.held_out_fraction' is 1"),
        ("seed: x", "'seed' is 'x'"),
        ("training: 5", "'training' is 5, expected `key: value` lines below it"),
        ("data: videos", "'data' is 'videos'"),
        ("model: [1]", "'model' is [1]"),
        ("method: flow-magnitude", "method is 'flow-magnitude', but 'stae' was asked for"),
        ("preset: tiny", "stae has no preset 'tiny'. Its presets: paper, small"),
        ("preset: [small]", "stae has no preset ['small']"),
    ],
)
def test_a_mistake_in_the_file_is_named(settings, text, said):
    with pytest.raises(ConfigError) as caught:
        resolved(file=settings(text))
    assert said in str(caught.value)
    if "preset" not in text:
        assert "my.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("training.epoch=1", "unknown key 'training.epoch', did you mean 'epochs'?"),
        ("model.frame_score.nam=mean", "unknown key 'frame_score.nam', did you mean 'name'?"),
        ("traning.epochs=1", "unknown key 'traning', did you mean 'training'?"),
        ("method=flow-magnitude", "method is 'flow-magnitude', but 'stae' was asked for"),
        ("preset=tiny", "stae has no preset 'tiny'"),
        ("training=5", "'training' is 5"),
        ("epochs", "Write it as section.key=value"),
    ],
)
def test_a_mistake_in_an_override_is_named(override, said):
    with pytest.raises(ConfigError) as caught:
        resolved(overrides=[override])
    assert said in str(caught.value)


def test_unknown_presets_and_methods_are_named():
    with pytest.raises(ConfigError, match=r"stae has no preset .large.\. Its presets: paper, small"):
        resolved(preset="large")
    with pytest.raises(ConfigError, match="Did you mean 'flow-magnitude'"):
        resolved("flow-magnitud")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"gone.yaml: cannot be read \(No such file"):
        resolved(file=tmp_path / "gone.yaml")


def test_a_batch_that_cannot_be_cut_in_equal_parts_is_refused():
    assert resolved(overrides=["training.batch_size=12", "training.accumulate=3"]).training.accumulate == 3
    with pytest.raises(ConfigError, match="a batch of 8 has no 3 equal parts"):
        resolved(overrides=["training.accumulate=3"])


@pytest.fixture
def earlier(tmp_path) -> Path:
    (tmp_path / "config.yaml").write_text(to_yaml(resolved()))
    return tmp_path / "config.yaml"


@pytest.mark.parametrize(
    "override",
    [
        "scoring.hop_frames=3",
        "data.root=/moved",
        "data.cache=/faster",
        "training.minutes=5",
        "training.workers=2",
        "model.frame_score.name=box-maximum",
        "model.compare_frame_scores=[]",
    ],
)
def test_a_run_goes_on_where_training_does_not_depend_on_the_change(earlier, override):
    config = resolved(overrides=[override])
    assert resumed_config(config, earlier) == config != resolved()


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("seed=1", "seed"),
        ("training.learning_rate=0.1", "training.learning_rate"),
        ("model.clip_len_frames=8", "model.clip_len_frames"),
        ("data.held_out_fraction=0.3", "data.held_out_fraction"),
        ("data.name=avenue", "data.name"),
    ],
)
def test_a_run_does_not_go_on_with_another_training(earlier, override, named):
    with pytest.raises(RunFolderExists, match=f"{earlier.parent}: holds a run with another {named}. Resume"):
        resumed_config(resolved(overrides=[override]), earlier)


def test_a_run_of_another_method_is_named(earlier):
    with pytest.raises(RunFolderExists, match=r"holds a run with another method\."):
        resumed_config(resolved("flow-magnitude"), earlier)


def test_nothing_to_go_on_with_is_a_beginning(tmp_path):
    assert resumed_config(resolved(), tmp_path / "config.yaml") == resolved()
