"""What is rounded to 8-bit integers gives the same on every processor, also where sums of their products are large."""

import numpy as np
import pytest

from normalcy.layers import openvino_import
from normalcy.scoring.backends import onnxruntime_graph
from normalcy.scoring.backends.onnxruntime_graph import OnnxRuntimeGraph
from normalcy.scoring.backends.openvino_graph import OpenVinoGraph

CHANNELS, SIDE_PX = 64, 8
LARGEST = 6.0


def rounded_sum():
    """The sum of nine neighbours over all channels, rounded as exports are; each product is the largest there is."""
    onnx = pytest.importorskip("onnx")
    helper, numpy_helper, kind = onnx.helper, onnx.numpy_helper, onnx.TensorProto.FLOAT
    arrays = {
        "weight": np.full((1, CHANNELS, 3, 3), 127, np.int8),
        "weight_step": np.float32(1 / 127),
        "weight_zero": np.int8(0),
        "step": np.float32(LARGEST / 255),
        "zero": np.uint8(0),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "step", "zero"], ["rounded"]),
        helper.make_node("DequantizeLinear", ["rounded", "step", "zero"], ["again"]),
        helper.make_node("DequantizeLinear", ["weight", "weight_step", "weight_zero"], ["weights"]),
        helper.make_node("Conv", ["again", "weights"], ["y"], pads=[0, 0, 0, 0]),
    ]
    shapes = {"x": ["N", CHANNELS, SIDE_PX, SIDE_PX], "y": ["N", 1, SIDE_PX - 2, SIDE_PX - 2]}
    given, made = (helper.make_tensor_value_info(name, kind, shape) for name, shape in shapes.items())
    constants = [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "sum", [given], [made], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def on_openvino(model, tmp_path, **settings):
    pytest.importorskip("openvino")
    path = tmp_path / "sum.onnx"
    path.write_bytes(model.SerializeToString())
    return OpenVinoGraph(path, inputs=("x",), outputs=("y",), **settings)


def on_onnxruntime(model, tmp_path, **settings):
    pytest.importorskip("onnxruntime")
    return OnnxRuntimeGraph(model.SerializeToString(), inputs=("x",), outputs=("y",), **settings)


@pytest.mark.parametrize("is_exact", [None, False])
@pytest.mark.parametrize("target", [None, "cpu", "edge"])
@pytest.mark.parametrize("opened", [on_openvino, on_onnxruntime])
def test_large_sums_do_not_overflow(opened, target, is_exact, tmp_path, monkeypatch):
    """Here, and as on a processor that is told to be without VNNI."""
    if is_exact is not None:
        for module in (openvino_import, onnxruntime_graph):
            monkeypatch.setattr(module, "adds_integers_exactly", lambda: is_exact)
    graph = opened(rounded_sum(), tmp_path, precision="int8", target=target)
    found = graph({"x": np.full((1, CHANNELS, SIDE_PX, SIDE_PX), LARGEST, np.float32)})["y"]
    np.testing.assert_allclose(found, 9 * CHANNELS * LARGEST, rtol=0.01)
