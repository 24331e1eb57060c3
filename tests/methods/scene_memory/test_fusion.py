"""How the streams become one score."""

import math

import numpy as np
import pytest

from normalcy.methods.scene_memory.fusion import StreamFusion
from normalcy.methods.scene_memory.settings import STREAMS

LOGISTIC = math.pi / math.sqrt(3)
RENEWS = dict.fromkeys(STREAMS, 0.5)


def surprise(deviations: float) -> float:
    return math.log1p(math.exp(LOGISTIC * deviations))


def score(fusion: StreamFusion, **deviations: float) -> float:
    return float(fusion.fused({name: np.float32(value) for name, value in deviations.items()}))


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("deviations", [-2.0, 0.0, 3.0])
def test_one_stream_alone_is_its_surprise(name, deviations):
    expected = surprise(deviations)
    assert score(StreamFusion(RENEWS), **{name: deviations}) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("pair", [("speed", "appearance"), ("dwell", "stillness")])
def test_witnesses_of_the_same_thing_are_one_by_stouffers_method(pair):
    fusion = StreamFusion(RENEWS)
    found = score(fusion, **dict(zip(pair, (1.5, 2.5), strict=True)))
    assert found == pytest.approx(surprise(4 / math.sqrt(2)), rel=1e-5)
    # What one says for it, the other takes back by speaking against it.
    assert score(fusion, **dict(zip(pair, (2, -2), strict=True))) == pytest.approx(surprise(0), rel=1e-5)


def test_all_that_are_no_witnesses_of_the_same_thing_are_added_in_cubes():
    deviations = {"speed": 1.0, "velocity": -0.5, "appearance": 0.5, "residual": 2.0, "shape": 0.0}
    deviations |= {"dwell": 3.0, "stillness": -1.0}
    groups = [1.5 / math.sqrt(2), -0.5, 2.0, 0.0, 2.0 / math.sqrt(2)]
    expected = np.cbrt(sum(surprise(value) ** 3 for value in groups))
    assert score(StreamFusion(RENEWS), **deviations) == pytest.approx(expected, rel=1e-5)


def test_one_that_speaks_is_not_hidden_by_others_that_do_not():
    fusion = StreamFusion(RENEWS)
    quiet = dict.fromkeys(STREAMS, 0.0)
    alone, among = score(fusion, velocity=4.0), score(fusion, **(quiet | {"velocity": 4.0}))
    assert alone < among < 1.01 * alone


@pytest.mark.parametrize("seconds", [30.0, 3600.0])
def test_little_held_out_video_cannot_tell_how_rare_something_is(seconds):
    """Beyond one in as many as there were pieces of evidence, surprise grows as its logarithm."""
    fusion = StreamFusion({"velocity": 0.4, "shape": 2.0})
    fusion.held_out_seconds.fill(seconds)
    for name, renews_seconds in (("velocity", 0.4), ("shape", 2.0)):
        known = math.log1p(seconds / renews_seconds)
        assert score(fusion, **{name: (known + 10) / LOGISTIC}) == pytest.approx(
            known + math.log1p(10), abs=1e-3
        )
        assert score(fusion, **{name: 0.5 * known / LOGISTIC}) == pytest.approx(
            surprise(0.5 * known / LOGISTIC), rel=1e-4
        )


def test_deviations_are_of_the_logarithm_on_held_out_video():
    fusion = StreamFusion(RENEWS)
    normal = np.exp(np.random.default_rng(0).normal(3, 0.5, 10_000))
    fusion.observe({"shape": normal}, seconds=1000.0)
    assert fusion.held_out_seconds == 1000
    np.testing.assert_allclose(fusion.deviation("shape", np.exp([2.5, 3.0, 4.0])), [-1, 0, 2], atol=0.05)


def test_less_than_a_little_of_the_usual_is_as_good_as_nothing():
    fusion = StreamFusion(RENEWS)
    assert fusion.deviation("dwell", 0.0) == fusion.deviation("dwell", 0.2)


def test_a_stream_that_never_spoke_is_not_believed_at_its_first_word():
    """Its deviation on held-out video was nothing: a twentieth of the logarithm is taken for it."""
    fusion = StreamFusion(RENEWS)
    fusion.observe({"stillness": np.zeros(100)}, seconds=10.0)
    assert fusion.deviation("stillness", 0.3 * math.exp(0.05)) == pytest.approx(1, rel=1e-3)


def test_arrays_are_fused_place_by_place():
    fusion = StreamFusion(RENEWS)
    maps = {
        name: np.random.default_rng(n).normal(size=(2, 3)).astype(np.float32)
        for n, name in enumerate(STREAMS)
    }
    fused_RC = fusion.fused(maps)
    assert fused_RC.dtype == np.float32
    for place in np.ndindex(2, 3):
        expected = score(fusion, **{name: float(map_RC[place]) for name, map_RC in maps.items()})
        assert fused_RC[place] == pytest.approx(expected, rel=1e-4)
