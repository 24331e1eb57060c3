"""What is published of exports keeps what is promised of them."""

import json
from pathlib import Path

import pytest

RESULTS = Path(__file__).resolve().parent.parent / "results"
METHODS = {"cnn-lstm", "flow-magnitude", "future-frame", "ocr-gan-video", "scene-memory", "stae"}


def bundles(name: str) -> list[dict]:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))["bundles"]


def test_every_method_was_compared_and_timed():
    assert {each["method"] for each in bundles("parity")} == METHODS
    assert {each["method"] for each in bundles("bench")} == METHODS


@pytest.mark.parametrize("bundle", bundles("parity"), ids=lambda each: each["method"])
def test_exports_say_what_torch_says(bundle):
    for name, found in bundle["exports"].items():
        if name.endswith("fp32"):
            assert found["relative"] <= 1e-3, name
        assert abs(found["auc_difference"]) <= 0.005, name


def times(method: str, backend: str) -> float:
    (bundle,) = (each for each in bundles("bench") if each["method"] == method)
    return bundle["backends"][backend]["times_as_fast"]["1"]


@pytest.mark.parametrize(
    ("method", "backend", "least"),
    [
        ("future-frame", "openvino-int8", 4.0),
        ("stae", "openvino-int8", 2.5),
        ("cnn-lstm", "openvino-bf16", 3.0),
    ],
)
def test_exports_are_as_fast_as_is_said(method, backend, least):
    assert times(method, backend) >= least
