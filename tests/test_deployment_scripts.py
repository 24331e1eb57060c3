"""The scripts that measure exports, on a tiny run."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

# Of a busy machine: exporters that are traced take their time.
pytestmark = pytest.mark.timeout(300)

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def measured(tiny_run, tiny_root, tmp_path_factory):
    out = tmp_path_factory.mktemp("deployment")
    words = [str(tiny_run.path), "--data", "folder", "--root", str(tiny_root), "--out", str(out)]
    words += ["--only", "openvino-fp32", "openvino-int8", "--every", "1", "--rounds", "1"]
    script("deployment").main([*words, "--work", str(out / "work")])
    script("deployment").main([*words, "--work", str(out / "work")])
    return out


def test_every_export_is_compared_on_labelled_clips(measured):
    data = json.loads((measured / "parity.json").read_text())
    (found,) = data["bundles"]
    assert found["dataset"] == "folder"
    assert found["method"] == "stae"
    assert found["command"].startswith("python benchmarks/deployment.py")
    assert "--only openvino-fp32 openvino-int8 --every 1" in found["command"]
    assert str(measured) not in found["command"]
    exact, rounded = found["exports"]["openvino-fp32"], found["exports"]["openvino-int8"]
    assert exact["relative"] < 1e-3
    assert exact["auc"] == pytest.approx(found["auc_torch"], abs=1e-6)
    assert rounded["relative"] > 0
    assert rounded["auc_difference"] == pytest.approx(rounded["auc"] - found["auc_torch"])
    assert rounded["bytes"] > 0


def test_integers_are_judged_by_labels_where_asked(tiny_run, tiny_root, tmp_path):
    words = [str(tiny_run.path), "--data", "folder", "--root", str(tiny_root), "--out", str(tmp_path)]
    words += ["--only", "openvino-int8", "--every", "1", "--no-bench"]
    script("deployment").main([*words, "--labelled"])
    (found,) = json.loads((tmp_path / "parity.json").read_text())["bundles"]
    rounding = found["exports"]["openvino-int8"]["rounding"]["clip"]
    assert (rounding["judged_by"], rounding["limit"]) == ("AUC", 0.005)


def test_every_export_is_timed_against_plain_torch(measured):
    (found,) = json.loads((measured / "bench.json").read_text())["bundles"]
    assert list(found["backends"]) == ["torch-eager", "torch", "openvino-fp32", "openvino-int8"]
    assert found["backends"]["torch-eager"]["times_as_fast"]["1"] == 1


def test_operations_and_the_peak(measured, tiny_run, monkeypatch):
    arithmetic = script("arithmetic")
    monkeypatch.setattr(arithmetic, "SIDE", 64)
    monkeypatch.setattr(arithmetic, "COPIED_BYTES", 1 << 16)
    out = measured / "arithmetic.json"
    arithmetic.main([str(tiny_run.path), "--bench", str(measured / "bench.json"), "--out", str(out)])
    found = json.loads(out.read_text())
    assert list(found["peak_gigaoperations_per_second"]) == ["fp32", "bf16", "int8"]
    (method,) = found["methods"]
    assert method["operations_a_clip"] > 10_000
    assert found["gigabytes_per_second"] > 0
    moved, at_bandwidth = method["numbers_moved_a_clip"], method["milliseconds_at_bandwidth"]
    assert at_bandwidth["fp32"] == pytest.approx(4 * moved / found["gigabytes_per_second"] / 1e6, abs=0.01)
    assert set(method["backends"]) == {"torch-eager", "torch", "openvino-fp32", "openvino-int8"}


def test_numbers_that_move():
    import torch

    arithmetic = script("arithmetic")
    x, weight = torch.rand(3, 4), torch.rand(4, 5)
    with torch.no_grad(), arithmetic.Traffic() as traffic:
        (x.T.T @ weight).relu_()
    # Both factors and the product, then what is read and written in place.
    assert traffic.numbers == 12 + 20 + 15 + 15 + 15
