"""What is published of exports keeps what is promised of them."""

import json
from pathlib import Path

import pytest

# It was taught fights, and its AUC on Ped2 is next to chance: what integers move there says little.
BEYOND = {("cnn-lstm", "openvino-int8"): 0.01, ("cnn-lstm", "onnxruntime-int8"): 0.04}
RESULTS = Path(__file__).resolve().parent.parent / "results"
METHODS = {"cnn-lstm", "flow-magnitude", "future-frame", "ocr-gan-video", "scene-memory", "stae"}


def bundles(name: str) -> list[dict]:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))["bundles"]


def test_every_method_was_compared_and_the_slow_ones_were_timed():
    assert {each["method"] for each in bundles("parity")} == METHODS
    timed = {each["method"] for each in bundles("bench")}
    assert {"cnn-lstm", "future-frame", "ocr-gan-video", "stae"} <= timed <= METHODS


@pytest.mark.parametrize("bundle", bundles("parity"), ids=lambda each: each["method"])
def test_exports_say_what_torch_says(bundle):
    for name, found in bundle["exports"].items():
        if name.endswith("fp32"):
            assert found["relative"] <= 1e-3, name
        assert abs(found["auc_difference"]) <= BEYOND.get((bundle["method"], name), 0.005), name


def test_integers_are_four_times_as_fast_where_arithmetic_is_the_bound():
    (bundle,) = (each for each in bundles("bench") if each["method"] == "future-frame")
    assert bundle["backends"]["openvino-int8"]["times_as_fast"]["1"] >= 4
