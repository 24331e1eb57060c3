"""What is published of exports keeps what is promised of them."""

import json
from pathlib import Path

import pytest

RESULTS = Path(__file__).resolve().parent.parent / "results"
METHODS = {"cnn-lstm", "flow-magnitude", "future-frame", "ocr-gan-video", "scene-memory", "stae"}


def bundles(name: str) -> list[dict]:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))["bundles"]


def test_every_method_was_compared_and_the_slow_ones_were_timed():
    assert {each["method"] for each in bundles("parity")} == METHODS
    timed = {each["method"] for each in bundles("bench")}
    assert {"cnn-lstm", "future-frame", "ocr-gan-video", "stae"} <= timed <= METHODS


@pytest.mark.parametrize("bundle", bundles("parity"), ids=lambda each: f"{each['method']}-{each['dataset']}")
def test_exports_say_what_torch_says(bundle):
    for name, found in bundle["exports"].items():
        if name.endswith("fp32"):
            assert found["relative"] <= 1e-3, name
        if bundle["method"] != "cnn-lstm" or not name.endswith("int8"):
            assert abs(found["auc_difference"]) <= 0.005, name


def test_integers_lose_nothing_where_a_classifier_knows_its_way():
    (bundle,) = (each for each in bundles("parity") if each["dataset"] == "surveillance-fight")
    for name in ("openvino-int8", "onnxruntime-int8"):
        assert bundle["exports"][name]["auc_difference"] >= -0.005, name
        assert not any(each["kept"] for each in bundle["exports"][name]["rounding"].values())


LEAST = {
    ("future-frame", "openvino-bf16"): 2.4,
    ("future-frame", "openvino-int8"): 4,
    ("stae", "openvino-int8"): 2.5,
    ("cnn-lstm", "openvino-int8"): 3,
    ("ocr-gan-video", "openvino-int8"): 2,
}
"""How many times as fast as plain eager PyTorch."""


@pytest.mark.parametrize(("method", "backend"), LEAST)
def test_exports_are_so_much_faster(method, backend):
    (bundle,) = (each for each in bundles("bench") if each["method"] == method)
    assert bundle["backends"][backend]["times_as_fast"]["1"] >= LEAST[method, backend]
