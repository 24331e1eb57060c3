"""What is asked of ONNX Runtime."""

import sys
import types
from pathlib import Path

import pytest

from normalcy.errors import ConfigError, FallbackWarning
from normalcy.scoring.backends import onnxruntime_graph
from normalcy.scoring.backends.onnxruntime_graph import (
    CPU,
    CUDA,
    TENSORRT,
    OnnxRuntimeGraph,
    _engine_folder,
    _providers,
)

ALL = (TENSORRT, CUDA, CPU)


@pytest.mark.parametrize("target", [None, "cpu", "edge"])
def test_without_a_gpu_asked_for_the_processor_runs_it(target):
    assert _providers(target, "fp32", ALL, engines=None) == [CPU]


@pytest.mark.parametrize("available", [ALL, ALL[::-1]])
def test_tensorrt_is_asked_before_cuda_and_cuda_before_the_processor(available):
    first, second, last = _providers("gpu", "fp32", available, engines=None)
    assert (first[0], second[0], last) == ALL
    assert _providers("gpu", "fp32", (CUDA, CPU), engines=None) == [(CUDA, {"use_tf32": "0"}), CPU]


@pytest.mark.parametrize(
    ("precision", "may"),
    [
        ("fp32", {}),
        ("fp16", {"trt_fp16_enable": True}),
        ("bf16", {"trt_bf16_enable": True}),
        ("int8", {"trt_int8_enable": True}),
    ],
)
def test_tensorrt_may_compute_in_what_was_asked_for(precision, may):
    (_, options), (_, of_cuda), _ = _providers("gpu", precision, ALL, engines=Path("engines"))
    assert options == may | {"trt_engine_cache_enable": True, "trt_engine_cache_path": "engines"}
    assert of_cuda == {"use_tf32": "0"}


def test_a_runtime_without_a_gpu_is_refused():
    with pytest.raises(ConfigError, match="neither TensorRT nor CUDA"):
        _providers("gpu", "fp16", (CPU,), engines=None)


def test_files_with_other_weights_have_engines_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(onnxruntime_graph, "ENGINES", tmp_path / "engines")
    file = tmp_path / "clip.onnx"
    file.write_bytes(b"one")
    first = _engine_folder(file)
    assert first == _engine_folder(b"one")
    assert first != _engine_folder(b"other")
    assert first.parent == tmp_path / "engines"
    assert first.is_dir()
    monkeypatch.setattr(onnxruntime_graph, "ENGINES", file / "engines")
    assert _engine_folder(b"one") is None


class Session:
    """Of a runtime whose GPU is not there."""

    def __init__(self, source, options, providers):
        self.source, self.options, self.asked = source, options, providers

    def get_providers(self):
        return [CPU]


@pytest.fixture
def runtime(monkeypatch, tmp_path):
    class Options(types.SimpleNamespace):
        def add_session_config_entry(self, name, value):
            setattr(self, name, value)

    found = types.SimpleNamespace(
        SessionOptions=Options, InferenceSession=Session, get_available_providers=lambda: list(ALL)
    )
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setitem(sys.modules, "onnxruntime", found)
    monkeypatch.setattr(onnxruntime_graph, "ENGINES", tmp_path)


def test_a_gpu_that_does_not_answer_is_told(runtime):
    with pytest.warns(FallbackWarning, match="cannot use TensorrtExecutionProvider here, it takes CPU"):
        graph = OnnxRuntimeGraph(b"", inputs=(), outputs=(), target="gpu")
    assert graph.providers == (CPU,)


@pytest.mark.parametrize(
    ("target", "is_exact", "in_floats"), [("gpu", True, False), ("gpu", False, True), ("cpu", False, True)]
)
@pytest.mark.filterwarnings("ignore:ONNX Runtime cannot use")
def test_what_overflows_on_the_processor_runs_in_floats_there(
    target, is_exact, in_floats, runtime, monkeypatch
):
    """Also where a GPU was asked for and does not answer."""
    monkeypatch.setattr(onnxruntime_graph, "adds_integers_exactly", lambda: is_exact)
    session = OnnxRuntimeGraph(b"", inputs=(), outputs=(), target=target)._session
    assert hasattr(session.options, "session.disable_quant_qdq") is in_floats
    if in_floats:
        assert session.asked == [CPU]


@pytest.mark.parametrize(("target", "set_to"), [(None, None), ("cpu", None), ("edge", False)])
def test_at_the_edge_no_memory_is_planned_ahead(target, set_to, runtime):
    options = OnnxRuntimeGraph(b"", inputs=(), outputs=(), target=target)._session.options
    assert getattr(options, "enable_mem_pattern", None) is set_to
