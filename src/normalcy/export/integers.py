"""Rounding a graph to 8-bit integers, as far as its scores allow.

Post-training quantisation by NNCF. What comes after the last layer with weights stays as it is, for that is the score.
Where scores suffer more than is allowed, layers go back to floating point, those first that help most, as long as it
helps.
"""

import contextlib
import io
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any, TypeAlias

import numpy as np

from normalcy.errors import MissingPackage
from normalcy.layers.openvino_import import refuse_telemetry
from normalcy.methods.runtime import Arrays
from normalcy.progress import Progress

Onnx: TypeAlias = Any
"""An `onnx.ModelProto`."""

# Products of short sequences, as in attention, cost as much to be rounded as they save.
_EXACT = ("Gemm", "MatMul")
_WEIGHTED = ("Conv", "ConvTranspose")
_MOST_TRIALS = 16


@dataclass(frozen=True, eq=False)
class Rounded:
    """A graph in integers.

    Attributes:
        model: The graph.
        loss: How much its scores suffer, as they were judged.
        loss_in_full: The same with every layer in integers.
        layers: How many layers are in integers.
        kept: Layers that went back to floating point.
    """

    model: Onnx
    loss: float
    loss_in_full: float
    layers: int
    kept: tuple[str, ...] = ()


def rounded(
    model: Onnx,
    samples: Sequence[Arrays],
    *,
    judge: Callable[[Onnx], float],
    limit: float,
    known: Collection[str] = (),
    progress: Progress | None = None,
) -> Rounded:
    """Rounds weights and what goes into layers with weights.

    Args:
        model: In 32 bits.
        samples: Inputs of batches of 1, as normal video gives them.
        judge: How much a graph's scores suffer, 0 not at all; called once, and some twenty times more where that is
            too much.
        limit: What is tolerated of it.
        known: Layers that went back when it was rounded for another backend: tried before any are looked for.
        progress: Called with what is being done, how much is done and how much there is.

    Raises:
        MissingPackage: NNCF is not installed.
    """
    if not _learned(model):
        return Rounded(model, 0.0, 0.0, layers=0)
    full = _quantised(model, samples)
    makers = {name: node for node in full.graph.node for name in node.output}
    layers = [node.name for node in full.graph.node if _takes_rounded(node, makers)]
    loss = in_full = judge(full)
    if loss <= limit:
        return Rounded(full, loss, in_full, layers=len(layers))
    search = _Search(model, full, layers, in_full, judge=judge, limit=limit, progress=progress)
    if back := [name for name in layers if known and next(_layer_names(model, [name])) in known]:
        found = search.with_back([back])
        if found.loss <= limit:
            return found
    return search.run()


class _Search:
    """Looks for the layers that should go back: each group by itself first, then the best of them together."""

    def __init__(
        self,
        model: Onnx,
        full: Onnx,
        layers: Sequence[str],
        in_full: float,
        *,
        judge: Callable[[Onnx], float],
        limit: float,
        progress: Progress | None,
    ) -> None:
        self._model, self._full, self._limit = model, full, limit
        self._layers, self._in_full = layers, in_full
        self._judge, self._progress = judge, progress
        self._done = self._most = 0

    def run(self) -> Rounded:
        """With as few groups of layers back as the limit asks for; the best that was found where it is out of reach."""
        trials = _groups(self._layers)
        self._most = len(trials) + len(trials).bit_length()
        losses = [self._loss(restored(self._full, self._model, names)) for names in trials]
        sensitive = [trials[place] for place in np.argsort(losses, kind="stable")]
        best = Rounded(self._full, self._in_full, self._in_full, layers=len(self._layers))
        # The more go back, the less is lost: halves lead to the fewest that are enough.
        fewest, most = 1, len(sensitive)
        while fewest <= most:
            count = (fewest + most) // 2
            found = self.with_back(sensitive[:count])
            if found.loss <= self._limit:
                best, most = found, count - 1
            else:
                best, fewest = min(best, found, key=lambda each: each.loss), count + 1
        self._tell(self._most)
        return best

    def with_back(self, groups: Sequence[Sequence[str]]) -> Rounded:
        """The graph with these layers in floating point, judged."""
        kept = [name for names in groups for name in names]
        found = restored(self._full, self._model, kept)
        named = tuple(_layer_names(self._model, kept))
        left = len(self._layers) - len(kept)
        return Rounded(found, self._loss(found), self._in_full, layers=left, kept=named)

    def _loss(self, model: Onnx) -> float:
        self._tell(self._done)
        self._done += 1
        return self._judge(model)

    def _tell(self, done: int) -> None:
        if self._progress:
            self._progress("looking for the most sensitive layers", done, self._most)


def _layer_names(model: Onnx, nodes: Collection[str]) -> Iterator[str]:
    """Names of layers as the method has them, as far as their weights still tell."""
    weights = {each.name for each in model.graph.initializer}
    for node in model.graph.node:
        if node.name in nodes:
            named = next((name for name in node.input if name in weights and "." in name), "")
            parts = [part for part in named.split(".") if not part.startswith(("weight", "bias"))]
            yield ".".join(parts) or node.name


def _groups(names: Sequence[str]) -> list[list[str]]:
    """Neighbouring layers together, so that there are not too many to be tried."""
    size = -(-len(names) // _MOST_TRIALS) if names else 1
    return [list(names[first : first + size]) for first in range(0, len(names), size)]


def _quantised(model: Onnx, samples: Sequence[Arrays]) -> Onnx:
    if not find_spec("nncf"):
        raise MissingPackage(
            "rounding needs NNCF, which is not installed", hint="pip install 'normalcy[export]'"
        )
    with quiet_nncf() as nncf:
        from nncf.quantization.advanced_parameters import QuantizationParameters

        exact = nncf.IgnoredScope(names=sorted(exact_nodes(model)), validate=False)
        return nncf.quantize(
            model,
            nncf.Dataset([dict(sample) for sample in samples]),
            subset_size=len(samples),
            ignored_scope=exact,
            # ONNX Runtime knows no zero points by channel.
            advanced_parameters=nncf.AdvancedQuantizationParameters(
                activations_quantization_params=QuantizationParameters(per_channel=False)
            ),
        )


@contextlib.contextmanager
def quiet_nncf() -> Iterator[Any]:
    """NNCF without its bars and notices."""
    refuse_telemetry()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        import nncf

        logger = logging.getLogger("nncf")
        level = logger.level
        logger.setLevel(logging.ERROR)
        try:
            yield nncf
        finally:
            logger.setLevel(level)


def exact_nodes(model: Onnx) -> Collection[str]:
    """Nodes that are never rounded: those that no layer with weights follows, and filters.

    What makes one channel of one channel is a filter, as of a frequency split, and no layer that has learned anything.
    """
    graph, learned = model.graph, _learned(model)
    makers = {name: node for node in graph.node for name in node.output}
    before: set[str] = set()
    waiting = list(learned)
    while waiting:
        node = waiting.pop()
        for name in node.input:
            maker = makers.get(name)
            if maker is not None and maker.name not in before:
                before.add(maker.name)
                waiting.append(maker)
    rounded_names = before | {node.name for node in learned}
    kinds = (*_WEIGHTED, *_EXACT)
    filters = {node.name for node in graph.node if node.op_type in kinds and node not in learned}
    return {node.name for node in graph.node if node.name not in rounded_names} | filters


def _learned(model: Onnx) -> list[Any]:
    """Layers with weights that were learned."""
    weights = {
        each.name for each in model.graph.initializer if len(each.dims) > 1 and tuple(each.dims[:2]) != (1, 1)
    }
    return [
        node
        for node in model.graph.node
        if node.op_type in _WEIGHTED and any(name in weights for name in node.input)
    ]


def restored(quantised: Onnx, model: Onnx, names: Collection[str]) -> Onnx:
    """The rounded graph with some of its layers in floating point again, weights included.

    Args:
        quantised: With pairs of `QuantizeLinear` and `DequantizeLinear` before layers.
        model: As it was before.
        names: Of the layers.
    """
    import onnx

    result = onnx.ModelProto()
    result.CopyFrom(quantised)
    plain = {node.name: node for node in model.graph.node}
    makers = {name: node for node in result.graph.node for name in node.output}
    known = {each.name: each for each in result.graph.initializer}
    for node in result.graph.node:
        if node.name not in names:
            continue
        before = plain[node.name]
        for place, name in enumerate(node.input):
            node.input[place] = _unrounded(name, makers)
        for place, name in enumerate(before.input):
            original = next((each for each in model.graph.initializer if each.name == name), None)
            if original is not None:
                node.input[place] = f"{name}.plain"
                if f"{name}.plain" not in known:
                    added = result.graph.initializer.add()
                    added.CopyFrom(original)
                    added.name = f"{name}.plain"
                    known[added.name] = added
    _pass_over_idle(result.graph)
    _drop_unused(result.graph)
    return result


def _pass_over_idle(graph: Any) -> None:
    """Takes pairs of rounding and back out of the way that lead to no rounded layer any more."""
    makers = {name: node for node in graph.node for name in node.output}
    users: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    layers = {node.name for node in graph.node if _takes_rounded(node, makers)}

    @cache
    def leads_to_layer(name: str) -> bool:
        return any(
            node.name in layers
            if node.op_type in (*_WEIGHTED, *_EXACT)
            else any(map(leads_to_layer, node.output))
            for node in users.get(name, ())
        )

    for node in graph.node:
        if node.op_type != "DequantizeLinear" or leads_to_layer(node.output[0]):
            continue
        if (before := _unrounded(node.output[0], makers)) != node.output[0]:
            for user in users.get(node.output[0], ()):
                for place, name in enumerate(user.input):
                    if name == node.output[0]:
                        user.input[place] = before


def _drop_unused(graph: Any) -> None:
    """Nodes and weights that nothing reads any more."""
    results = {each.name for each in graph.output}
    while True:
        read = results | {name for node in graph.node for name in node.input}
        unread = [node for node in graph.node if not read & set(node.output)]
        if not unread:
            break
        for node in unread:
            graph.node.remove(node)
    for each in [each for each in graph.initializer if each.name not in read]:
        graph.initializer.remove(each)


def _unrounded(name: str, makers: dict[str, Any]) -> str:
    """What a tensor was before it was rounded."""
    last = makers.get(name)
    if last is None or last.op_type != "DequantizeLinear":
        return name
    first = makers.get(last.input[0])
    return str(first.input[0]) if first is not None and first.op_type == "QuantizeLinear" else name


def _takes_rounded(node: Any, makers: Mapping[str, Any]) -> bool:
    """Whether it is a layer in integers."""
    return node.op_type in _WEIGHTED and any(
        name in makers and makers[name].op_type == "DequantizeLinear" for name in node.input
    )
