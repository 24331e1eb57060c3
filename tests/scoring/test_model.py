"""The method as a scoring model."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from normalcy.errors import ConfigError, FallbackWarning
from normalcy.methods.base import Method
from normalcy.methods.contract import ClipScores, ClipSpec, Scores
from normalcy.scoring.model import TorchModel, _compiled, scoring_device
from small_methods import small


class Seen(list[Tensor]):
    """What a method was given; a copy of the method writes into the same list."""

    def __deepcopy__(self, memo: dict[int, object]) -> "Seen":
        return self


class Mean(Method):
    """Score of the newest frame: its mean value. Remembers what it was given."""

    def __init__(self, value_range: tuple[float, float]) -> None:
        super().__init__()
        self.clip = ClipSpec(2, (2, 3), 1, scored_frames=(1,), value_range=value_range)
        self.drop = nn.Dropout(0.5)
        self.gain = nn.Parameter(torch.ones(()))
        self.seen = Seen()

    def forward(self, clip_BTCHW: Tensor) -> Scores:
        self.seen.append(clip_BTCHW)
        map_BTHW = self.drop(clip_BTCHW[:, -1:, 0]) * self.gain
        score_BT = map_BTHW.mean(dim=(2, 3))
        return Scores(score_BT, map_BTHW.abs(), {"mean": score_BT})


def clips(*levels: int) -> list[np.ndarray]:
    return [np.full((2, 1, 2, 3), level, np.uint8) for level in levels]


@pytest.mark.parametrize(
    ("value_range", "expected"), [((0, 1), (0, 0.2, 1)), ((-1, 1), (-1, -0.6, 1)), ((0, 255), (0, 51, 255))]
)
def test_pixels_come_in_the_range_of_the_method(value_range, expected):
    method = Mean(value_range)
    scores = TorchModel(method).infer(clips(0, 51, 255))
    assert [float(score.score_T[0]) for score in scores] == pytest.approx(expected, abs=1e-5)
    (seen,) = method.seen
    assert seen.dtype == torch.float32
    assert seen.shape == (3, 2, 1, 2, 3)


def test_scores_are_plain_float32_arrays_of_the_scored_frames():
    (score,) = TorchModel(Mean((0, 1))).infer(clips(255))
    for array, shape in ((score.score_T, (1,)), (score.map_THW, (1, 2, 3)), (score.parts["mean"], (1,))):
        assert isinstance(array, np.ndarray)
        assert array.dtype == np.float32
        assert array.shape == shape


def test_nothing_is_dropped_as_in_training_and_nothing_recorded_for_it():
    method = Mean((0, 1)).train()
    model = TorchModel(method)
    assert [float(s.score_T[0]) for s in model.infer(clips(*[255] * 20))] == [1.0] * 20
    assert method.training  # the model has a copy of its own
    assert not method.seen[0].requires_grad
    assert method.seen[0].is_inference()


def test_calls_know_nothing_of_each_other():
    model = TorchModel(Mean((0, 1)))
    (first,) = model.infer(clips(51))
    model.infer(clips(255, 255))
    assert float(first.score_T[0]) == pytest.approx(0.2)
    assert model.spec.length_frames == 2


class Looking(Mean):
    """One that keeps something of each camera."""

    def camera(self, source: str = "") -> object:
        return self


def test_networks_score_on_a_gpu_where_there_is_one(monkeypatch):
    assert TorchModel(Mean((0, 1)), device="cpu").device == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert scoring_device(Mean((0, 1))) == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert scoring_device(Mean((0, 1))) == "cuda"
    assert scoring_device(Looking((0, 1))) == "cpu"


def test_what_has_no_weights_stays_where_it_is(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    method = Mean((0, 1))
    del method.gain
    assert scoring_device(method) == "cpu"


def test_convolutions_keep_their_fast_kernels(monkeypatch):
    used = []
    method = Mean((0, 1))
    monkeypatch.setattr(
        Mean,
        "forward",
        lambda self, clip: (used.append(torch.backends.cudnn.enabled), Mean.scored(clip))[1],
    )
    monkeypatch.setattr(
        Mean,
        "scored",
        staticmethod(lambda clip: Scores(clip[:, -1:, 0].mean(dim=(2, 3)), clip[:, -1:, 0].abs(), {})),
        raising=False,
    )
    TorchModel(method).infer(clips(255))
    assert used == [True]


@pytest.mark.parametrize("name", ["stae", "ocr-gan-video", "future-frame", "cnn-lstm", "scene-memory"])
def test_sixteen_bits_say_nearly_the_same(name):
    method = small(name)
    spec = method.clip
    random = np.random.default_rng(0)
    shape = (spec.length_frames, spec.channels, *spec.size_px)
    clips = [random.integers(0, 256, shape, np.uint8) for _ in range(2)]
    exact, rounded = (TorchModel(method, precision=kind).infer(clips) for kind in ("fp32", "bf16"))
    for ours, theirs in zip(exact, rounded, strict=True):
        own, other = (
            each.score_T if isinstance(each, ClipScores) else np.asarray(next(iter(each.values())))
            for each in (ours, theirs)
        )
        np.testing.assert_allclose(other, own, rtol=0.1, atol=0.1)


def test_half_precision_without_a_gpu_is_refused():
    with pytest.raises(ConfigError, match="half precision needs a GPU, and torch sees none"):
        TorchModel(small("stae"), device="cpu", precision="fp16")


def test_what_torch_cannot_compile_runs_as_it_is(monkeypatch):
    def compile_(graph, **_):
        def fail(clip_BTCHW):
            raise RuntimeError("no compiler here")

        return fail

    monkeypatch.setattr(torch, "compile", compile_)
    method = small("stae")
    graph = _compiled(method.graph)
    clip_BTCHW = torch.rand(1, 4, 1, 35, 43)
    with pytest.warns(FallbackWarning, match="no compiler here"):
        found = graph(clip_BTCHW)
    assert torch.equal(found.scores.score_BT, method(clip_BTCHW).score_BT)
    assert torch.equal(graph(clip_BTCHW).scores.score_BT, found.scores.score_BT)


def test_what_torch_compiles_is_used(monkeypatch):
    asked = {}

    def compile_(graph, **options):
        asked.update(options)
        return lambda clip_BTCHW: "compiled"

    monkeypatch.setattr(torch, "compile", compile_)
    assert _compiled(small("stae").graph)(None) == "compiled"
    assert asked == {"mode": "reduce-overhead"}
