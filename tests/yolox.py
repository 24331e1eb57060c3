"""A detector in the form of YOLOX's export that sees bright squares: for tests, nothing is learned.

Letters: H height, W width.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

STRIDES = (8, 16, 32)
FOUND = 0.9


def bright_squares(path: Path, *, size_px: tuple[int, int], side_px: float = 16.0, channel: int = 0) -> Path:
    """Writes a detector that predicts a square of that side around each cell of 8 pixels that is bright in a channel.

    Channel 0 of its input is blue. Cells of the coarser grids predict nothing.
    """
    height, width = size_px
    fine, coarse = (
        (height // STRIDES[0]) * (width // STRIDES[0]),
        sum((height // stride) * (width // stride) for stride in STRIDES[1:]),
    )
    box = np.tile(np.float32([0.5, 0.5, np.log(side_px / 8), np.log(side_px / 8)]), (1, fine, 1))
    constants = {
        "begin": np.array([channel]),
        "end": np.array([channel + 1]),
        "axis": np.array([1]),
        "flat": np.array([1, fine, 1]),
        "threshold": np.float32([200]),
        "sure": np.float32([FOUND]),
        "box": box,
        "class": np.ones((1, fine, 2), np.float32),
        "nothing": np.zeros((1, coarse, 7), np.float32),
    }
    nodes = [
        helper.make_node("Slice", ["images", "begin", "end", "axis"], ["chosen"]),
        helper.make_node("AveragePool", ["chosen"], ["mean"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Reshape", ["mean", "flat"], ["means"]),
        helper.make_node("Greater", ["means", "threshold"], ["is_bright"]),
        helper.make_node("Cast", ["is_bright"], ["bright"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["bright", "sure"], ["object"]),
        helper.make_node("Concat", ["box", "object", "class"], ["fine"], axis=2),
        helper.make_node("Concat", ["fine", "nothing"], ["output"], axis=1),
    ]
    return _write(path, nodes, constants, given=[1, 3, height, width], made=[1, fine + coarse, 7])


def another_model(path: Path) -> Path:
    """Writes a model that is no detector: it gives back what it takes."""
    nodes = [helper.make_node("Identity", ["images"], ["output"])]
    return _write(path, nodes, {}, given=[1, 3, 32, 32], made=[1, 3, 32, 32])


def _write(path: Path, nodes: list, constants: dict, *, given: list[int], made: list[int]) -> Path:
    graph = helper.make_graph(
        nodes,
        "detector",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, given)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, made)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path
