"""Exports of bundles whose thresholds or weights change, before, while and after they are made."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from normalcy.errors import BundleError, FallbackWarning
from normalcy.export import export
from normalcy.scoring.backends.choice import available, open_backend
from normalcy.scoring.bundle import Bundle, bundle_lock
from normalcy.scoring.calibration import fit_calibration
from small_exports import change


def test_an_export_with_other_alarms_gets_a_calibration_of_its_own(exported, monkeypatch):
    monkeypatch.setattr("normalcy.export.parity.MOST_RATIO", 0.0)
    bundle, record = exported("stae")
    assert record.recalibrated
    assert record.difference.same_alarms is False
    opened = open_backend(bundle, "openvino")
    assert opened.bundle.calibration != bundle.calibration
    assert open_backend(bundle, "torch").bundle.calibration == bundle.calibration


def test_another_scene_sets_no_thresholds(exported, monkeypatch, tmp_path):
    monkeypatch.setattr("normalcy.export.parity.MOST_RATIO", 0.0)
    bundle, record = exported("stae", precision="bf16", is_own=False)
    assert (record.recalibrated, record.difference.same_alarms, record.difference.own_video) == (
        False,
        False,
        False,
    )
    assert not (bundle.path / "exports" / record.name / "calibration.json").exists()
    assert open_backend(bundle, "auto", cache=tmp_path / "c.json").name == "torch"


@pytest.mark.parametrize("changes", [{"calibration"}, {"scoring"}])
def test_alarms_that_were_compared_at_other_thresholds_are_forgotten(exported, changes, monkeypatch):
    bundle, _ = exported("stae", precision="bf16")
    change(bundle, lambda entry: entry["difference"].update(same_alarms=True, alarms_per_day=1.0))
    bundle = Bundle.load(bundle.path)
    bundle.save(bundle.path)
    assert Bundle.load(bundle.path).exports[0].difference.same_alarms is True
    with pytest.warns(FallbackWarning, match="others now than openvino-bf16 was compared at"):
        _changed(bundle, *changes).save(bundle.path)
    found = Bundle.load(bundle.path).exports[0].difference
    assert (found.same_alarms, found.alarms_per_day) == (None, None)
    assert found.rank_correlation > 0.9


def _changed(bundle, what):
    if what == "calibration":
        return dataclasses.replace(
            bundle, calibration=fit_calibration([np.arange(60.0)], frames_per_second=10)
        )
    scoring = bundle.header.scoring.model_copy(update={"threshold": 0.5})
    return dataclasses.replace(bundle, header=bundle.header.model_copy(update={"scoring": scoring}))


@pytest.fixture
def meanwhile(monkeypatch):
    """Does something while a graph is being exported."""

    def run(act):
        write = export.write_graph

        def acting(*args):
            act()
            return write(*args)

        monkeypatch.setattr(export, "write_graph", acting)

    return run


def test_an_export_outlasts_a_bundle_that_is_replaced(exported, meanwhile):
    bundle, _ = exported("scene-memory", with_footage=False)
    name = "streams.speed.usual.usual_SR"
    learned = dataclasses.replace(bundle, weights={**bundle.weights, name: bundle.weights[name] + 1})
    meanwhile(lambda: learned.save(bundle.path))
    after, _ = exported("scene-memory", "onnxruntime", with_footage=False)
    assert [each.name for each in after.exports] == ["openvino-fp32", "onnxruntime-fp32"]
    np.testing.assert_array_equal(after.weights[name], learned.weights[name])
    assert available(after) == ("torch", "openvino-fp32", "onnxruntime-fp32")


def test_alarms_are_not_known_of_an_export_during_which_thresholds_moved(exported, meanwhile):
    bundle, _ = exported("stae", with_footage=False)
    other = _changed(bundle, "scoring")
    meanwhile(lambda: other.save(bundle.path))
    with pytest.warns(FallbackWarning, match="thresholds have changed while openvino-bf16 was made"):
        after, record = exported("stae", precision="bf16")
    assert record.difference == after.exports[-1].difference
    assert (record.difference.same_alarms, record.difference.rank_correlation > 0.9) == (None, True)


def test_an_export_of_what_is_no_longer_there_is_not_entered(exported, meanwhile, tmp_path):
    bundle, _ = exported("stae", with_footage=False)
    before = sorted(path.name for path in tmp_path.iterdir())
    name = "encoder.first.conv.weight"
    other = dataclasses.replace(
        bundle, weights={**bundle.weights, name: bundle.weights[name] + 1}, exports=()
    )
    meanwhile(lambda: other.save(bundle.path))
    with (
        pytest.warns(FallbackWarning, match="openvino-fp32; export it again"),
        pytest.raises(BundleError, match="has changed while onnxruntime-fp32 was made of it"),
    ):
        exported("stae", "onnxruntime", with_footage=False)
    assert Bundle.load(bundle.path).exports == ()
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_save_takes_exports_along_that_it_did_not_know(exported):
    bundle, _ = exported("stae", with_footage=False)
    exported("stae", "onnxruntime", with_footage=False)
    assert len(bundle.exports) == 1
    bundle.save(bundle.path)
    assert [each.name for each in Bundle.load(bundle.path).exports] == ["openvino-fp32", "onnxruntime-fp32"]


def test_an_export_waits_for_a_bundle_that_is_being_replaced(exported):
    bundle, _ = exported("stae", with_footage=False)
    with ThreadPoolExecutor(1) as pool:
        with bundle_lock(bundle.path):
            waiting = pool.submit(bundle.save, bundle.path)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.3)
        waiting.result(timeout=10)
