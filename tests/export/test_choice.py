"""Which backend scores, and what is said of those that cannot."""

import dataclasses

import numpy as np
import pytest

from normalcy.errors import BundleError, ConfigError, FallbackWarning, MissingPackage
from normalcy.scoring.backends.choice import open_backend
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.calibration import fit_calibration
from small_exports import change

BACKENDS = ("onnxruntime", "openvino")


def test_what_was_not_exported_is_named(exported):
    bundle, _ = exported("stae", with_footage=False)
    with pytest.raises(BundleError, match="not exported as onnxruntime, but as openvino-fp32"):
        open_backend(bundle, "onnxruntime")
    with pytest.raises(ConfigError, match="unknown backend 'abacus'"):
        open_backend(bundle, "abacus")


def test_the_fastest_is_measured_once(exported, tmp_path, monkeypatch):
    bundle, _ = exported("stae", with_footage=False)
    cache = tmp_path / "cache" / "backends.json"
    first = open_backend(bundle, "auto", cache=cache)
    assert first.name in ("torch", "openvino-fp32")
    monkeypatch.setattr(
        "normalcy.scoring.backends.fastest.milliseconds", lambda _: pytest.fail("measured again")
    )
    assert open_backend(bundle, "auto", cache=cache).name == first.name


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_file_that_no_runtime_can_run_is_named(backend, exported):
    bundle, record = exported("stae", backend, with_footage=False)
    file = record.file(bundle.path, "clip")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(BundleError, match=r"clip.*cannot run it.*makes it again"):
        open_backend(bundle, backend)


def test_what_openvino_cannot_compile_is_named(exported, monkeypatch):
    from normalcy.scoring.backends import openvino_graph

    bundle, _ = exported("stae", with_footage=False)
    monkeypatch.setattr(openvino_graph, "_settings", lambda *_: {"NUM_STREAMS": "some"})
    with pytest.raises(BundleError, match=r"clip\.xml: OpenVINO cannot run it"):
        open_backend(bundle, "openvino")


def test_auto_passes_over_what_cannot_be_opened(exported, tmp_path):
    bundle, record = exported("stae", with_footage=False)
    record.file(bundle.path, "clip").write_bytes(b"<net")
    with pytest.warns(FallbackWarning, match="openvino-fp32 is left out: .*cannot run it"):
        assert open_backend(bundle, "auto", cache=tmp_path / "c.json").name == "torch"


def test_auto_passes_over_what_was_the_fastest_and_can_no_longer_be_opened(exported, tmp_path, monkeypatch):
    bundle, record = exported("stae", with_footage=False)
    cache = tmp_path / "c.json"
    times = {"torch": 2.0, "openvino-fp32": 1.0}
    monkeypatch.setattr(
        "normalcy.scoring.backends.fastest.milliseconds",
        lambda models: {name: times[name] for name in models},
    )
    assert open_backend(bundle, "auto", cache=cache).name == "openvino-fp32"
    record.file(bundle.path, "clip").write_bytes(b"<net")
    with pytest.warns(FallbackWarning, match="openvino-fp32 is left out"):
        assert open_backend(bundle, "auto", cache=cache).name == "torch"
    monkeypatch.setattr(
        "normalcy.scoring.backends.fastest.milliseconds", lambda _: pytest.fail("measured again")
    )
    assert open_backend(bundle, "auto", cache=cache).name == "torch"


def test_where_nothing_can_be_opened_auto_says_why(exported, tmp_path, monkeypatch):
    bundle, record = exported("stae", with_footage=False)
    record.file(bundle.path, "clip").write_bytes(b"<net")
    monkeypatch.setattr("normalcy.scoring.backends.choice.available", lambda _: ("openvino-fp32",))
    with pytest.raises(BundleError, match="cannot run it"):
        open_backend(bundle, "auto", cache=tmp_path / "c.json")


def test_an_export_by_another_normalcy_is_told(exported):
    bundle, _ = exported("stae", with_footage=False)
    change(bundle, lambda entry: entry["versions"].update(normalcy="0.0.1"))
    with pytest.warns(FallbackWarning, match=r"openvino-fp32 was exported by normalcy 0\.0\.1; this is"):
        open_backend(Bundle.load(bundle.path), "openvino")


def test_threads_are_those_of_torch_and_opencv_too(exported, monkeypatch):
    asked = []
    monkeypatch.setattr("cv2.setNumThreads", lambda count: asked.append(("opencv", count)))
    monkeypatch.setattr("torch.set_num_threads", lambda count: asked.append(("torch", count)))
    bundle, _ = exported("stae", with_footage=False)
    for name in ("torch", "openvino"):
        open_backend(bundle, name)
        assert asked == []
        opened = open_backend(bundle, name, threads=1)
        assert asked == [("opencv", 1), ("torch", 1)]
        asked.clear()
    (graph,) = (each for each in vars(opened.model).values() if hasattr(each, "_compiled"))
    assert graph._compiled.get_property("INFERENCE_NUM_THREADS") == 1


def test_auto_takes_no_export_whose_thresholds_mean_something_else(exported, tmp_path, monkeypatch):
    bundle, _ = exported("stae", precision="bf16")
    change(
        bundle,
        lambda entry: (entry["difference"].update(same_alarms=False), entry.update(recalibrated=False)),
    )
    assert open_backend(Bundle.load(bundle.path), "auto", cache=tmp_path / "c.json").name == "torch"


def test_a_missing_runtime_is_named(exported, monkeypatch):
    bundle, _ = exported("stae", with_footage=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingPackage, match="OpenVINO is not installed"):
        open_backend(bundle, "openvino")


def test_a_gpu_that_is_not_there_is_said_to_be_absent(exported, tmp_path):
    bundle, _ = exported("stae", "onnxruntime", target="gpu", with_footage=False)
    with pytest.raises(ConfigError, match="neither TensorRT nor CUDA"):
        open_backend(bundle, "onnxruntime")
    with pytest.warns(FallbackWarning, match="onnxruntime-fp32-gpu is left out: .*neither TensorRT nor CUDA"):
        assert open_backend(bundle, "auto", cache=tmp_path / "c.json").name == "torch"


def test_the_most_exact_export_of_a_backend_is_taken_by_its_name(exported):
    exported("stae", precision="bf16", with_footage=False)
    bundle, _ = exported("stae", precision="fp32", with_footage=False)
    assert [each.name for each in bundle.exports] == ["openvino-bf16", "openvino-fp32"]
    assert open_backend(bundle, "openvino").name == "openvino-fp32"
    assert open_backend(bundle, "torch-bf16").name == "torch-bf16"


def test_a_processor_that_computes_in_other_bits_is_told(exported):
    bundle, _ = exported("stae", precision="bf16", with_footage=False)
    change(bundle, lambda entry: entry.update(computed_in="f16"))
    with pytest.warns(FallbackWarning, match="where it was computed in f16; here it is"):
        open_backend(Bundle.load(bundle.path), "openvino")


def test_auto_says_where_thresholds_are_not_known_to_hold(exported, tmp_path, monkeypatch):
    bundle, _ = exported("stae", precision="bf16", with_footage=False)
    monkeypatch.setattr("normalcy.scoring.backends.choice.available", lambda _: ("openvino-bf16",))
    with pytest.warns(FallbackWarning, match="openvino-bf16 were not compared with torch's"):
        assert open_backend(bundle, "auto", cache=tmp_path / "c.json").name == "openvino-bf16"


def test_a_calibration_of_its_own_goes_with_the_one_it_replaced(exported, tmp_path, monkeypatch):
    monkeypatch.setattr("normalcy.export.parity.MOST_RATIO", 0.0)
    bundle, _ = exported("stae")
    bundle.save(tmp_path / "same")
    assert Bundle.load(tmp_path / "same").exports[0].recalibrated
    other = dataclasses.replace(bundle, calibration=fit_calibration([np.arange(60.0)], frames_per_second=10))
    with pytest.warns(FallbackWarning, match="openvino-fp32; export it again"):
        other.save(tmp_path / "other")
