"""Rounding to integers: what is left exact, and which layers go back."""

from collections import Counter

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from normalcy.errors import MissingPackage
from normalcy.export.integers import exact_nodes, restored, rounded
from normalcy.export.onnx_graph import compress_weights, to_onnx
from normalcy.methods.plan import GraphPlan
from normalcy.scoring.backends.onnxruntime_graph import OnnxRuntimeGraph

SHAPE = (1, 1, 16, 16)


class Network(nn.Module):
    """A filter that was not learned, two learned layers, and a score."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.register_buffer("kernel", torch.ones(1, 1, 3, 3) / 9)
        self.first, self.second = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 1, 3, padding=1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        low = nn.functional.conv2d(x, self.kernel, padding=1)
        made = self.second(torch.relu(self.first(low)))
        error = (made - x).square()
        return error.mean(dim=(1, 2, 3)), nn.functional.conv2d(error, self.kernel, padding=1)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    sample = torch.rand(2, *SHAPE[1:])
    path = tmp_path_factory.mktemp("graph") / "graph.onnx"
    plan = GraphPlan("graph", Network(), {"x": sample}, ("score", "map"))
    assert to_onnx(plan, path) == "torch.export"
    return onnx.load(path)


@pytest.fixture(scope="module")
def samples():
    random = np.random.default_rng(0)
    return [{"x": random.random(SHAPE, np.float32)} for _ in range(8)]


def run(model, sample):
    graph = OnnxRuntimeGraph(model.SerializeToString(), inputs=("x",), outputs=("score", "map"))
    return graph(sample)


def kinds(model) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def learned(model) -> list[str]:
    return [
        node.name
        for node in model.graph.node
        if node.op_type == "Conv" and any("first" in name or "second" in name for name in node.input)
    ]


def test_filters_and_what_follows_the_last_layer_stay_exact(model):
    exact = exact_nodes(model)
    convolutions = [node.name for node in model.graph.node if node.op_type == "Conv"]
    assert len(convolutions) == 4
    assert sorted(name for name in convolutions if name not in exact) == sorted(learned(model))
    last = model.graph.node[-1].name
    assert last in exact


def test_layers_are_rounded_where_nothing_suffers(model, samples):
    found = rounded(model, samples, judge=lambda _: 0.0, limit=0.01)
    assert found.kept == ()
    assert found.layers == 2
    assert kinds(found.model)["QuantizeLinear"] > 0
    for sample in samples:
        exact, own = run(model, sample), run(found.model, sample)
        np.testing.assert_allclose(own["score"], exact["score"], rtol=0.05)
        assert (own["score"] != exact["score"]).all()


def test_the_layer_that_helps_most_goes_back_first(model, samples):
    first, second = learned(model)

    def judge(candidate) -> float:
        # As if the second layer were to blame for nearly all of it.
        losses = {first: 0.01, second: 0.5}
        rounders = {
            name
            for node in candidate.graph.node
            if node.op_type == "DequantizeLinear"
            for name in node.output
        }
        still = [
            node.name for node in candidate.graph.node if node.name in losses and node.input[0] in rounders
        ]
        return sum(losses[name] for name in still)

    found = rounded(model, samples, judge=judge, limit=0.1)
    assert found.kept == ("second",)
    assert found.layers == 1
    assert found.loss == pytest.approx(0.01)
    assert found.loss_in_full == pytest.approx(0.51)


def test_the_best_is_taken_where_the_limit_is_out_of_reach(model, samples):
    losses = iter([1.0, 0.9, 0.8, 0.7, 0.75])
    found = rounded(model, samples, judge=lambda _: next(losses), limit=0.1)
    # In full, each layer alone, the better of them first, both.
    assert (found.loss, found.loss_in_full) == (0.7, 1.0)
    assert found.kept == ("second",)
    assert found.layers == 1


class _Deep(nn.Module):
    """Six learned layers and a score."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(1, 4, 3), *(nn.Conv2d(4, 4, 1) for _ in range(5)))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        made = self.layers(x)
        return made.mean(dim=(1, 2, 3)), made


def test_as_few_layers_go_back_as_are_enough(samples, tmp_path):
    path = tmp_path / "graph.onnx"
    to_onnx(GraphPlan("graph", _Deep(), {"x": torch.rand(2, *SHAPE[1:])}, ("score", "map")), path)
    # In full; each layer alone, the last helps most; then three of them back, which is enough, one, two.
    losses = [1.0, 0.95, 0.94, 0.93, 0.92, 0.91, 0.9, 0.08, 0.5, 0.09]
    left, told = iter(losses), []
    found = rounded(
        onnx.load(path),
        samples,
        judge=lambda _: next(left),
        limit=0.1,
        progress=lambda what, done, most: told.append((what, done, most)),
    )
    assert next(left, None) is None
    assert (found.loss, found.kept, found.layers) == (0.09, ("layers.4", "layers.5"), 4)
    assert [done for _, done, _ in told] == [*range(9), 9]
    assert {(what, most) for what, _, most in told} == {("looking for the most sensitive layers", 9)}


def test_what_went_back_for_another_backend_is_tried_first(model, samples):
    losses = iter([1.0, 0.05])
    found = rounded(model, samples, judge=lambda _: next(losses), limit=0.1, known={"second", "elsewhere"})
    assert (found.loss, found.loss_in_full, found.kept, found.layers) == (0.05, 1.0, ("second",), 1)
    # Where that is not enough, others are looked for: each alone, then the better of them.
    losses = iter([1.0, 0.5, 0.2, 0.3, 0.05])
    found = rounded(model, samples, judge=lambda _: next(losses), limit=0.1, known={"second"})
    assert (found.loss, found.kept) == (0.05, ("first",))


def test_restored_layers_have_their_own_weights_again(model, samples):
    full = rounded(model, samples, judge=lambda _: 0.0, limit=0.01).model
    back = restored(full, model, learned(model))
    for sample in samples:
        np.testing.assert_allclose(run(back, sample)["map"], run(model, sample)["map"], rtol=1e-4, atol=1e-6)


class _Forked(nn.Module):
    """Two learned layers side by side, what they make joined and pooled, and a third."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.left, self.right = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(1, 4, 1)
        self.last = nn.Conv2d(8, 2, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        joined = torch.cat([torch.relu(self.left(x)), torch.relu(self.right(x))], dim=1)
        made = self.last(nn.functional.max_pool2d(joined, 2))
        return made.square().mean(dim=(1, 2, 3)), made


def test_nothing_is_rounded_for_a_layer_that_is_not(samples, tmp_path):
    path = tmp_path / "graph.onnx"
    to_onnx(GraphPlan("graph", _Forked(), {"x": torch.rand(2, *SHAPE[1:])}, ("score", "map")), path)
    model = onnx.load(path)
    full = rounded(model, samples, judge=lambda _: 0.0, limit=0.01).model
    layers = [node.name for node in model.graph.node if node.op_type == "Conv"]
    assert len(layers) == 3
    last = restored(full, model, layers[2:])
    # Both that are left round the picture and their weights, and no more.
    assert kinds(last)["QuantizeLinear"] == 1
    assert len(last.graph.initializer) < len(full.graph.initializer) + 2
    back = restored(full, model, layers)
    assert kinds(back)["QuantizeLinear"] == kinds(back)["DequantizeLinear"] == 0
    assert {each.name.removesuffix(".plain") for each in back.graph.initializer} <= {
        each.name for each in model.graph.initializer
    }
    for sample in samples:
        np.testing.assert_array_equal(run(back, sample)["map"], run(model, sample)["map"])
        onnx.checker.check_model(last)


def test_without_nncf_it_says_so(model, samples, monkeypatch):
    monkeypatch.setattr("normalcy.export.integers.find_spec", lambda name: None)
    with pytest.raises(MissingPackage, match=r"normalcy\[export\]"):
        rounded(model, samples, judge=lambda _: 0.0, limit=0.01)


@pytest.mark.parametrize("kind", ["fp16", "bf16"])
def test_narrow_weights_are_widened_where_they_are_used(model, samples, tmp_path, kind):
    path = tmp_path / "graph.onnx"
    onnx.save(model, path)
    compress_weights(path, kind)
    narrow = onnx.load(path)
    assert kinds(narrow)["Cast"] == kinds(model)["Cast"] + 3  # the filter is one
    exact = run(model, samples[0])["score"]
    np.testing.assert_allclose(run(narrow, samples[0])["score"], exact, rtol=0.02)


def test_an_exporter_that_gets_it_wrong_is_not_believed(tmp_path, monkeypatch):
    sample = torch.rand(2, *SHAPE[1:])
    plan = GraphPlan("graph", Network(), {"x": sample}, ("score", "map"))
    other = GraphPlan("graph", nn.Sequential(_Twice(Network())), {"x": sample}, ("score", "map"))
    from normalcy.export import onnx_graph

    by_script = onnx_graph._by_script
    monkeypatch.setattr(
        onnx_graph, "_by_export", lambda module, plan, path: by_script(other.module.eval(), plan, path)
    )
    path = tmp_path / "graph.onnx"
    assert to_onnx(plan, path) == "TorchScript"
    np.testing.assert_allclose(
        run(onnx.load(path), {"x": sample.numpy()})["score"],
        plan.module(sample)[0].detach().numpy(),
        rtol=1e-4,
    )


class _Twice(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(2 * each for each in self.network(x))
