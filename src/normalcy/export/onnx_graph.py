"""From a graph of a method to ONNX."""

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from normalcy.errors import ConfigError
from normalcy.methods.plan import GraphPlan
from normalcy.scoring.backends.onnxruntime_graph import OnnxRuntimeGraph

OPSET = 20
MOST_ITEMS = 1024
TOLERANCE = 1e-3
LEAST_CORRELATION = 0.99
_LEAST_SIZE = 1e-6
_ANY_SIZE = 2**31

Exporter = Literal["torch.export", "TorchScript"]


def to_onnx(plan: GraphPlan, path: Path) -> Exporter:
    """Writes a graph whose batch is free and whose other sizes are fixed; returns what made it.

    Torch's older exporter is asked where the newer one does not know an operation. What comes out is run beside the
    graph itself, with one item, two and three: an exporter that knows an operation may still get it wrong.

    Raises:
        ConfigError: Neither can.
    """
    module = copy.deepcopy(plan.module).eval()
    makers = {"torch.export": _by_export, "TorchScript": _by_script}
    failures = []
    for name, make in makers.items():
        try:
            with torch.no_grad(), _quietly():
                make(module, plan, path)
                _require_same(module, plan, path)
            return name  # type: ignore[return-value]
        except Exception as error:  # neither has a common base of its errors
            failures.append(f"{name}: {' '.join(str(error).split())[:160]}")
    raise ConfigError(f"the graph {plan.name} cannot be exported: {'; '.join(failures)}")


class Unfaithful(Exception):
    """What was exported does not say what the graph says."""


def _require_same(module: nn.Module, plan: GraphPlan, path: Path) -> None:
    graph = OnnxRuntimeGraph(path, inputs=tuple(plan.inputs), outputs=plan.outputs)
    for items in ([0], [0, 1], [1, 0, 1]):
        inputs = {name: sample[items] for name, sample in plan.inputs.items()}
        expected = module(*inputs.values())
        found = graph({name: sample.numpy() for name, sample in inputs.items()})
        for name, tensor in zip(plan.outputs, expected, strict=True):
            if plan.in_integers:
                _require_alike(found[name], tensor.numpy(), name)
                continue
            away, size = _difference(found[name], tensor.numpy())
            if away > TOLERANCE * size:
                raise Unfaithful(f"{name} is off by {away:.3g} of {size:.3g}")


def _require_alike(found: npt.NDArray[Any], expected: npt.NDArray[Any], name: str) -> None:
    """Integers that are rounded the other way move what follows: as a whole it must say the same."""
    correlation = float(np.corrcoef(found.ravel(), expected.ravel())[0, 1])
    if not correlation > LEAST_CORRELATION:
        raise Unfaithful(f"{name} correlates with {correlation:.3f}")


def _difference(found: npt.NDArray[Any], expected: npt.NDArray[Any]) -> tuple[float, float]:
    """The largest difference, and the size of the largest value; grey levels may be rounded the other way."""
    away = np.abs(found.astype(np.float64) - expected)
    size = float(np.abs(expected).max(initial=0.0))
    return float(away.max(initial=0.0)), max(size, 1 / TOLERANCE if found.dtype == np.uint8 else _LEAST_SIZE)


def _by_export(module: nn.Module, plan: GraphPlan, path: Path) -> None:
    batch = torch.export.Dim("batch", min=1, max=MOST_ITEMS)
    program = torch.onnx.export(
        module,
        tuple(plan.inputs.values()),
        dynamo=True,
        # By place: the names are the graph's own.
        dynamic_shapes=tuple({0: batch} for _ in plan.inputs),
        input_names=list(plan.inputs),
        output_names=list(plan.outputs),
        opset_version=OPSET,
        verbose=False,
    )
    assert program is not None
    _fold_weights(program.model)
    program.save(path)


def _fold_weights(model: Any) -> None:
    """Computes what depends on weights alone, such as weights that are laid out anew: rounding looks for plain ones."""
    from onnxscript import optimizer

    optimizer.fold_constants(model, input_size_limit=_ANY_SIZE, output_size_limit=_ANY_SIZE)
    optimizer.remove_unused_nodes(model)


def _by_script(module: nn.Module, plan: GraphPlan, path: Path) -> None:
    names = (*plan.inputs, *plan.outputs)
    torch.onnx.export(
        module,
        tuple(plan.inputs.values()),
        str(path),
        dynamo=False,
        dynamic_axes={name: {0: "batch"} for name in names},
        input_names=list(plan.inputs),
        output_names=list(plan.outputs),
        opset_version=17,
    )


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keeps the exporters' talk about their own future from users."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def compress_weights(path: Path, kind: Literal["fp16", "bf16"]) -> None:
    """Stores the weights in 16 bits; they are widened where they are used: half the file, sums as exact."""
    import onnx

    model = onnx.load(path)
    half = onnx.TensorProto.FLOAT16 if kind == "fp16" else onnx.TensorProto.BFLOAT16
    casts = []
    for place, tensor in enumerate(model.graph.initializer):
        if tensor.data_type != onnx.TensorProto.FLOAT or len(tensor.dims) < 2:
            continue
        name = f"{tensor.name}.{kind}"
        casts.append(onnx.helper.make_node("Cast", [name], [tensor.name], to=onnx.TensorProto.FLOAT))
        model.graph.initializer[place].CopyFrom(_narrow(tensor, half, name))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, path)


def _narrow(tensor: Any, kind: int, name: str) -> Any:
    import onnx

    values = onnx.numpy_helper.to_array(tensor)
    narrow = values.astype(onnx.helper.tensor_dtype_to_np_dtype(kind))
    return onnx.numpy_helper.from_array(narrow, name)
