import math

import numpy as np
import pytest
import torch

from normalcy.layers.score_fusion import ScoreFusion

TERMS = ("error", "motion", "spare")
WEIGHTS = {"error": 1.0, "motion": 0.5}


def fusion(kind: str = "z-scores", weights: dict[str, float] = WEIGHTS) -> ScoreFusion:
    return ScoreFusion(kind, weights=weights, terms=TERMS)


def normal_parts(count: int = 400) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {"error": rng.lognormal(-7, 0.3, count), "motion": rng.lognormal(1, 2, count)}


def as_tensors(parts) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(values, dtype=torch.float32)[:, None] for name, values in parts.items()}


def test_the_weighted_sum_by_hand_whatever_was_observed():
    parts = {"error": torch.tensor([[2.0, 4.0]]), "motion": torch.tensor([[10.0, 0.0]])}
    fuse = fusion("weighted")
    for _ in range(2):
        assert fuse(parts).tolist() == [[7.0, 4.0]]
        assert fuse.level("error").item() == fuse.level("motion").item() == 1.0
        fuse.observe(normal_parts())


def test_z_scores_by_hand():
    fuse = fusion()
    fuse.observe({"error": np.exp([1.0, 3.0]), "motion": np.exp([-2.0, -2.0, 4.0, 4.0])})
    parts = {"error": torch.tensor([[math.exp(4.0)]]), "motion": torch.tensor([[math.exp(-5.0)]])}
    assert fuse(parts).item() == pytest.approx(1.0 * (4 - 2) / 1 + 0.5 * (-5 - 1) / 3, abs=1e-5)
    assert fuse.level("error").item() == pytest.approx(math.exp(2.0))
    assert fuse.level("motion").item() == pytest.approx(math.e)


def test_before_anything_was_observed_z_scores_are_logarithms():
    parts = {"error": torch.tensor([[math.e]]), "motion": torch.tensor([[1.0]])}
    assert fusion()(parts).item() == pytest.approx(1.0)


def test_normal_video_scores_zero_on_average_and_each_term_counts_alike():
    parts = normal_parts()
    fuse = fusion(weights={"error": 1.0, "motion": 1.0})
    fuse.observe(parts)
    tensors = as_tensors(parts)
    assert fuse(tensors).mean().item() == pytest.approx(0.0, abs=1e-4)
    for name in WEIGHTS:
        alone = ScoreFusion("z-scores", weights={name: 1.0}, terms=TERMS)
        alone.load_state_dict(fuse.state_dict())
        assert alone(tensors).std(correction=0).item() == pytest.approx(1.0, abs=1e-4)


def test_scale_and_power_of_a_term_do_not_matter():
    parts = normal_parts()
    other = {"error": 1000 * parts["error"], "motion": np.sqrt(parts["motion"])}
    scores = []
    for each in (parts, other):
        fuse = fusion()
        fuse.observe(each)
        scores.append(fuse(as_tensors(each)))
    torch.testing.assert_close(*scores, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("values", [np.zeros(5), np.full(5, 1e-30), np.full(5, 3.0)])
def test_terms_that_are_zero_or_never_change_keep_scores_and_levels_finite(values):
    fuse = fusion()
    fuse.observe({"error": values, "motion": values})
    assert fuse.level("error").item() == pytest.approx(max(values[0], 1e-12), rel=1e-4)
    for part in (0.0, 1e-30, 3.0, 1e6):
        parts = {name: torch.full((2, 1), part) for name in WEIGHTS}
        assert torch.isfinite(fuse(parts)).all()


def test_one_grey_level_in_one_place_of_a_large_clip_still_counts():
    least = (2 / 255) ** 2 / (16 * 224 * 224)
    terms = [{name: torch.full((1, 1), part) for name in WEIGHTS} for part in (0.0, least, 2 * least)]
    none, one, two = (fusion()(each).item() for each in terms)
    assert none < one
    assert two - one == pytest.approx(sum(WEIGHTS.values()) * math.log(2), rel=1e-4)


def test_the_order_of_the_weights_does_not_matter_to_what_is_saved():
    parts = normal_parts()
    fuse, turned = fusion(), fusion(weights=dict(reversed(WEIGHTS.items())))
    fuse.observe(parts)
    turned.load_state_dict(fuse.state_dict())
    torch.testing.assert_close(fuse(as_tensors(parts)), turned(as_tensors(parts)), atol=1e-6, rtol=1e-6)
    for name in WEIGHTS:
        assert torch.equal(fuse.level(name), turned.level(name))


def test_what_was_observed_serves_other_weights_later():
    parts = normal_parts() | {"spare": np.exp([5.0, 7.0])}
    fuse, other = fusion(), fusion(weights={"spare": 2.0})
    fuse.observe(parts)
    other.load_state_dict(fuse.state_dict())
    assert other({"spare": torch.tensor([[math.exp(8.0)]])}).item() == pytest.approx(4.0, abs=1e-4)
    assert fuse.state_dict().keys() == {"centre_P", "spread_P"}


def test_the_score_rises_with_every_term():
    fuse = fusion()
    fuse.observe(normal_parts())
    parts = {name: torch.ones(1, 1, requires_grad=True) for name in WEIGHTS}
    fuse(parts).sum().backward()
    assert all(part.grad.item() > 0 for part in parts.values())
