"""The bundle: written whole or not at all, read without running anything from it."""

import dataclasses
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from normalcy.errors import BundleError, DiskFull
from normalcy.methods import METHODS, method_definition
from normalcy.run_folder import writing_to
from normalcy.scoring import bundle as bundle_module
from normalcy.scoring.bundle import FORMAT_VERSION, Bundle, BundleHeader, FitRecord
from normalcy.scoring.calibration import fit_calibration
from normalcy.scoring.settings import ScoringSettings
from small_methods import SMALL, small

RECORD = FitRecord(
    data="folder",
    preset="small",
    seed=3,
    fitted_at="2026-01-02T03:04:05+00:00",
    fit_seconds=1.5,
    fitted_frames=60,
    held_out_frames=30,
    held_out_videos=("yard/monday", "Tür"),
    training={"epochs": 3, "stopped_by": "epochs", "best_validation_loss": 0.25},
)
CALIBRATION = fit_calibration([torch.linspace(0, 3, 50).sin().numpy()], frames_per_second=10)


def bundle_of(name: str = "stae", *, seed: int = 0, card: str = "# Größe\n") -> Bundle:
    method = small(name, seed=seed)
    header = BundleHeader(
        method=name,
        model=method_definition(name).config.model_validate(SMALL[name]).model_dump(mode="json"),
        scoring=ScoringSettings(hop_frames=2, smoothing_alpha=0.25),
        frames_per_second=9.75,
        map_scale=(0.125, 3.5),
        fit=RECORD,
    )
    return Bundle(header, CALIBRATION, method.arrays(), card)


@pytest.fixture
def saved(tmp_path):
    bundle_of().save(tmp_path / "bundle")
    return tmp_path / "bundle"


@pytest.mark.parametrize("name", list(METHODS))
def test_what_is_saved_is_what_is_loaded(name, tmp_path):
    bundle = bundle_of(name)
    bundle.save(tmp_path / "bundle")
    loaded = Bundle.load(tmp_path / "bundle")
    assert loaded.header == bundle.header
    assert loaded.calibration == bundle.calibration
    assert loaded.card == bundle.card
    assert sorted(loaded.weights) == sorted(bundle.weights)
    for key, tensor in bundle.weights.items():
        assert loaded.weights[key].dtype == tensor.dtype
        np.testing.assert_array_equal(loaded.weights[key], tensor)
    for key, array in loaded.method().arrays().items():
        np.testing.assert_array_equal(array, bundle.weights[key])


def test_every_type_of_weight_survives(tmp_path):
    types = (np.float32, np.float64, np.float16, np.int64, np.uint8, np.bool_)
    weights = {dtype.__name__: np.array([[0, 1], [2, 3]]).astype(dtype) for dtype in types}
    weights["view"] = np.arange(6.0).reshape(2, 3).T
    weights["scalar"] = np.array(0.25)
    dataclasses.replace(bundle_of(), weights=weights).save(tmp_path / "bundle")
    loaded = Bundle.load(tmp_path / "bundle").weights
    for name, tensor in weights.items():
        assert loaded[name].dtype == tensor.dtype
        assert loaded[name].shape == tensor.shape
        np.testing.assert_array_equal(loaded[name], tensor)


def test_a_run_folder_stands_for_its_bundle(saved):
    assert Bundle.load(saved.parent).header == Bundle.load(saved).header


def test_a_bundle_can_be_read_by_whoever_can_read_other_files(saved):
    plain = saved.parent / "plain"
    plain.touch()
    assert len(list(saved.iterdir())) == 4
    for path in saved.iterdir():
        assert path.stat().st_mode == plain.stat().st_mode
    assert saved.stat().st_mode & 0o777 == 0o755


def test_a_card_may_be_missing(saved):
    (saved / "card.md").unlink()
    assert Bundle.load(saved).card == ""


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_saving_again_replaces_all_of_it(saved):
    (saved / "model.onnx").write_text("of the old weights")
    bundle_of(seed=9, card="new").save(saved)
    assert Bundle.load(saved).card == "new"
    assert not (saved / "model.onnx").exists()
    assert sorted(path.name for path in saved.parent.iterdir()) == [".bundle.lock", "bundle"]


def fail_at(monkeypatch, place: str):
    """Makes saving break off at a place, as a full disk or Ctrl-C would."""

    def fail(*args, **kwargs):
        raise KeyboardInterrupt

    def fail_into_place(self, target):
        is_new = target.name == "bundle" and not self.name.endswith("-old")
        return fail() if is_new else rename(self, target)

    rename = Path.rename
    patches = {
        "weights": ("safetensors.numpy.save", fail),
        "yaml": ("normalcy.scoring.bundle.to_yaml", fail),
        "calibration": ("normalcy.scoring.bundle.json.dumps", fail),
        "rename": ("pathlib.Path.rename", fail_into_place),
    }
    monkeypatch.setattr(*patches[place])


@pytest.mark.parametrize("place", ["weights", "yaml", "calibration", "rename"])
def test_a_crash_leaves_the_old_bundle_whole_and_no_rubbish(saved, monkeypatch, place):
    before = everything(saved.parent)
    with monkeypatch.context() as patch:
        fail_at(patch, place)
        with pytest.raises(KeyboardInterrupt):
            bundle_of(seed=9).save(saved)
    (saved.parent / ".bundle.lock").unlink(missing_ok=True)
    assert everything(saved.parent) == before
    assert [path.name for path in saved.parent.iterdir()] == ["bundle"]
    Bundle.load(saved)


@pytest.mark.parametrize("place", ["weights", "calibration", "rename"])
def test_a_crash_leaves_nothing_where_nothing_was(tmp_path, monkeypatch, place):
    with monkeypatch.context() as patch:
        fail_at(patch, place)
        with pytest.raises(KeyboardInterrupt):
            bundle_of().save(tmp_path / "run" / "bundle")
    assert list((tmp_path / "run").iterdir()) == []


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    def full(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DiskFull), writing_to(tmp_path):
        bundle_of().save(tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def refused(path: Path, *patterns: str) -> None:
    with pytest.raises(BundleError) as caught:
        Bundle.load(path).method()
    text = str(caught.value)
    assert "\n" not in text
    for pattern in patterns:
        assert pattern in text


@pytest.mark.parametrize("name", ["model.safetensors", "method.yaml", "calibration.json"])
def test_a_missing_file_is_named(saved, name):
    (saved / name).unlink()
    refused(saved, str(saved), f"is not a bundle, it lacks {name}")


def test_an_empty_and_a_missing_folder_are_named(tmp_path):
    refused(tmp_path, "lacks method.yaml, model.safetensors, calibration.json", "normalcy fit")
    refused(tmp_path / "gone", f"{tmp_path / 'gone'}: there is no such folder")


def test_a_file_of_the_bundle_is_no_bundle(saved):
    refused(saved / "model.safetensors", "is not a bundle")


@pytest.mark.parametrize("version", ["2", "0", "'1'", "null"])
def test_another_format_version_is_named(saved, version):
    text = (saved / "method.yaml").read_text()
    assert f"format_version: {FORMAT_VERSION}\n" in text
    (saved / "method.yaml").write_text(
        text.replace(f"format_version: {FORMAT_VERSION}", f"format_version: {version}")
    )
    shown = {"null": "None", "'1'": "1"}.get(version, version)
    refused(saved, f"has format version {shown}, this normalcy reads {FORMAT_VERSION}", "Fit it again")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("format_version: 1\nmethod: [", "not valid YAML"),
        ("", "format version None"),
        ("- 1\n", "holds a list"),
        ("format_version: 1\n", "'method' is missing"),
        ("!!python/object/apply:os.system ['true']\n", "not valid YAML"),
    ],
)
def test_a_damaged_header_is_named(saved, text, said):
    (saved / "method.yaml").write_text(text)
    refused(saved, str(saved), said)


def test_a_header_in_another_encoding_is_named(saved):
    (saved / "method.yaml").write_bytes(b"\xff\xfe\x00m")
    refused(saved, "not valid YAML")


def test_an_unknown_key_of_a_header_is_named(saved):
    with (saved / "method.yaml").open("a") as file:
        file.write("mapscale: [0, 1]\n")
    refused(saved, "unknown key 'mapscale', did you mean 'map_scale'?")


@pytest.mark.parametrize(
    "content", ["", "{", "[1]", "{}", "null", "\xff", '{"kind": "empirical"}', "NaN"], ids=repr
)
def test_a_damaged_calibration_is_named(saved, content):
    (saved / "calibration.json").write_bytes(content.encode("latin-1"))
    refused(saved, "calibration.json")


def test_a_calibration_that_contradicts_itself_is_refused(saved):
    path = saved / "calibration.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"rate_per_day": 1.0}))
    refused(saved, "rate_per_day")


@pytest.mark.parametrize("cut", [0, 4, 100, -1])
def test_cut_weights_are_named(saved, cut):
    path = saved / "model.safetensors"
    path.write_bytes(path.read_bytes()[:cut])
    refused(saved, str(saved), "model.safetensors is damaged")


class Bomb:
    """Unpickling it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("how", ["pickle", "torch"])
def test_a_pickle_is_never_loaded(saved, how):
    trace = saved.parent / "it ran"
    with (saved / "model.safetensors").open("wb") as file:
        if how == "pickle":
            pickle.dump({"weight": Bomb(trace)}, file)
        else:
            torch.save({"weight": Bomb(trace)}, file)
    refused(saved, "model.safetensors is damaged")
    assert not trace.exists()


def change_weights(saved: Path, change) -> None:
    weights = load_file(saved / "model.safetensors")
    change(weights)
    save_file(weights, saved / "model.safetensors")


def test_weights_of_other_shapes_are_named_with_both_shapes(saved):
    change_weights(saved, lambda weights: weights.update({"deviation": torch.zeros(3)}))
    refused(saved, "1 weights do not fit method.yaml: deviation is (3,), expected ()", "model.safetensors")


def test_missing_and_unknown_weights_are_named(saved):
    def rename(weights):
        weights["divation"] = weights.pop("deviation")

    change_weights(saved, rename)
    refused(saved, "2 weights do not fit", "deviation is missing; divation is unknown")


def test_weights_of_another_method_are_counted_not_listed(tmp_path):
    bundle = bundle_of()
    with pytest.raises(BundleError, match="weights do not fit") as caught:
        dataclasses.replace(bundle, weights={"x": torch.zeros(1)}).method()
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"method": "stay"}, "there is no method 'stay'. Did you mean 'stae'?"),
        ({"model": {"size_pix": [35, 43]}}, "unknown key 'size_pix', did you mean 'size_px'?"),
    ],
)
def test_a_method_that_this_version_does_not_know_is_a_bundle_error(change, said):
    bundle = bundle_of()
    header = bundle.header.model_copy(update=change)
    with pytest.raises(BundleError, match=r"method\.yaml: does not fit this normalcy") as caught:
        dataclasses.replace(bundle, header=header).scoring_model()
    assert said in str(caught.value)


def test_a_reader_sees_the_old_or_the_new_never_half(saved, monkeypatch):
    """Whatever a save has done so far, what lies under the bundle's name is complete."""
    seen = []
    move, remove = Path.rename, shutil.rmtree

    def watched(call):
        def wrapper(*args, **kwargs):
            if saved.exists():
                seen.append(Bundle.load(saved).card)
            return call(*args, **kwargs)

        return wrapper

    monkeypatch.setattr(Path, "rename", watched(move))
    monkeypatch.setattr(bundle_module.shutil, "rmtree", watched(remove))
    monkeypatch.setattr(bundle_module, "to_yaml", watched(bundle_module.to_yaml))
    bundle_of(card="new").save(saved)
    assert set(seen) == {"# Größe\n", "new"}
