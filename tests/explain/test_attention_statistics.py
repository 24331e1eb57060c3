"""What attention patterns are like: values worked by hand."""

import itertools
import math

import numpy as np
import pytest

from normalcy.explain.attention.comparison import Videos, cohens_d, compare, compare_all
from normalcy.explain.attention.enhancement import attention_score, enhancement, feature_quality, quality_maps
from normalcy.explain.attention.focus import frame_focus
from normalcy.explain.attention.statistics import (
    AttentionStatistics,
    attention_statistics,
    cosine,
    statistics_by_clip,
    statistics_by_head,
)

WALKING = np.array(
    [
        [0.45, 0.35, 0.12, 0.05, 0.02, 0.01, 0, 0],
        [0.25, 0.40, 0.25, 0.08, 0.02, 0, 0, 0],
        [0.08, 0.25, 0.40, 0.25, 0.02, 0, 0, 0],
        [0.02, 0.08, 0.25, 0.40, 0.25, 0, 0, 0],
        [0, 0.02, 0.08, 0.25, 0.40, 0.25, 0.02, 0],
        [0, 0, 0.02, 0.08, 0.25, 0.40, 0.25, 0.08],
        [0, 0, 0, 0.02, 0.08, 0.25, 0.40, 0.25],
        [0, 0, 0, 0, 0.02, 0.12, 0.35, 0.45],
    ]
)
RUNNING = np.array(
    [
        [0.32, 0.18, 0.15, 0.12, 0.08, 0.07, 0.05, 0.03],
        [0.15, 0.28, 0.16, 0.13, 0.11, 0.09, 0.05, 0.03],
        [0.12, 0.14, 0.25, 0.18, 0.12, 0.10, 0.06, 0.03],
        [0.08, 0.11, 0.16, 0.22, 0.17, 0.13, 0.08, 0.05],
        [0.06, 0.09, 0.12, 0.15, 0.20, 0.16, 0.12, 0.10],
        [0.05, 0.07, 0.10, 0.12, 0.15, 0.18, 0.17, 0.16],
        [0.04, 0.05, 0.08, 0.10, 0.13, 0.16, 0.22, 0.22],
        [0.03, 0.04, 0.06, 0.08, 0.11, 0.14, 0.24, 0.30],
    ]
)


def test_walking_by_hand():
    found = attention_statistics(WALKING)
    assert found.self_attention == pytest.approx((2 * 0.45 + 6 * 0.40) / 8)
    assert found.local == pytest.approx((2 * 0.35 + 6 * 0.50) / 8)
    # Three or more apart: .05 + .02 + .01 in the first row, .02 in each of six others, nothing in the third.
    assert found.long_range == pytest.approx((0.08 + 6 * 0.02) / 8)
    rows = [[each for each in row if each] for row in WALKING.tolist()]
    entropy = [-sum(p * math.log(p) for p in row) for row in rows]
    assert found.entropy == pytest.approx(sum(entropy) / 8)
    assert found.consistency == pytest.approx(_mean_cosine(WALKING.tolist()))


def test_running_by_hand():
    found = attention_statistics(RUNNING)
    assert found.self_attention == pytest.approx((0.32 + 0.28 + 0.25 + 0.22 + 0.20 + 0.18 + 0.22 + 0.30) / 8)
    local = (0.18, 0.15 + 0.16, 0.14 + 0.18, 0.16 + 0.17, 0.15 + 0.16, 0.15 + 0.17, 0.16 + 0.22, 0.24)
    assert found.local == pytest.approx(sum(local) / 8)
    far = (
        0.12 + 0.08 + 0.07 + 0.05 + 0.03,
        0.11 + 0.09 + 0.05 + 0.03,
        0.10 + 0.06 + 0.03,
        0.08 + 0.08 + 0.05,
        0.06 + 0.09 + 0.10,
        0.05 + 0.07 + 0.10,
        0.04 + 0.05 + 0.08 + 0.10,
        0.03 + 0.04 + 0.06 + 0.08 + 0.11,
    )
    assert found.long_range == pytest.approx(sum(far) / 8)
    entropy = [-sum(p * math.log(p) for p in row) for row in RUNNING.tolist()]
    assert found.entropy == pytest.approx(sum(entropy) / 8)
    assert found.consistency == pytest.approx(_mean_cosine(RUNNING.tolist()))


def _mean_cosine(rows: list[list[float]]) -> float:
    def length(row: list[float]) -> float:
        return math.sqrt(sum(each * each for each in row))

    pairs = list(itertools.pairwise(rows))
    cosines = [
        sum(a * b for a, b in zip(*pair, strict=True)) / (length(pair[0]) * length(pair[1])) for pair in pairs
    ]
    return sum(cosines) / len(cosines)


def test_even_attention():
    found = attention_statistics(np.full((6, 6), 1 / 6))
    assert found.entropy == pytest.approx(math.log(6))
    assert found.consistency == pytest.approx(1)
    # Of 36 pairs 10 are neighbours, 12 further than two apart.
    assert found[:3] == pytest.approx((6 / 36, 10 / 36, 12 / 36))


def test_by_head_and_by_clip_are_means_of_what_each_matrix_is_like():
    weights = np.stack([np.stack([WALKING[None], RUNNING[None]]), np.stack([RUNNING[None], RUNNING[None]])])
    assert weights.shape == (2, 2, 1, 8, 8)
    walking, running = np.array(attention_statistics(WALKING)), np.array(attention_statistics(RUNNING))
    overall, heads = statistics_by_head(weights)
    assert overall == pytest.approx((walking + 3 * running) / 4)
    assert heads[0] == pytest.approx((walking + running) / 2)
    assert heads[1] == pytest.approx(running)
    clips = statistics_by_clip(weights)
    assert clips[0] == pytest.approx((walking + running) / 2)
    assert clips[1] == pytest.approx(running)


@pytest.mark.parametrize("shape", [(8,), (1, 1), (3, 4), (2, 3, 3)])
def test_what_is_no_matrix_of_attention(shape):
    with pytest.raises(ValueError, match="expected"):
        attention_statistics(np.ones(shape))


def test_the_cosine_with_nothing_is_nothing():
    assert cosine(np.zeros(3), np.ones(3)) == 0


def test_focus():
    first, *_, last = frame_focus(WALKING, top=2)
    assert first.attended == ((0, 0.45), (1, 0.35))
    assert first.reading == "local focus"  # .47 go to the next two, .45 to itself
    assert last.attended == ((7, 0.45), (6, 0.35))
    far = np.eye(8)[::-1]
    away, near = ["long-range"] * 3, ["local focus"] * 2
    assert [each.reading for each in frame_focus(far)] == [*away, *near, *away]
    assert frame_focus(np.eye(4))[2].reading == "self-focus"


def test_features_that_turn_by_a_right_angle_each_frame():
    features = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])[:, :, None]
    found = feature_quality(features)
    assert found.mean == pytest.approx(1 / 6)
    assert found.spread == pytest.approx(math.sqrt(3 / 6 - 1 / 36))
    assert found.consistency == pytest.approx(0)
    # Differences are -1, 1, -1, -1: their mean is -.5, their variance .75.
    assert found.smoothness == pytest.approx(1 / 1.75)


def test_what_attention_does_is_the_difference():
    before, after = np.array([[[0.0]], [[2.0]]]), np.array([[[1.0]], [[1.0]]])
    found = enhancement(before, after)
    assert found.change.mean == pytest.approx(0)
    assert found.change.spread == pytest.approx(-1)
    assert found.change.consistency == pytest.approx(
        1
    )  # nothing agrees with the first frame, which is nothing


def test_quality_by_place():
    steady, turning = [[1.0, 0.0]] * 3, [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]
    features = np.array([steady, turning]).transpose(1, 2, 0)
    consistency, smoothness = quality_maps(features, (1, 2))
    assert consistency.tolist() == [[1, 0]]
    assert smoothness == pytest.approx(np.array([[1, 1 / 1.75]]))


def test_features_of_a_single_frame_have_no_quality():
    with pytest.raises(ValueError, match="features of 1 frames"):
        feature_quality(np.ones((1, 2, 2)))


def test_the_attention_score():
    score = attention_score(entropy=np.array(1.5), consistency=np.array(0.9), features=np.array(0.7))
    assert score == pytest.approx(1.5 - 0.9 + 0.3)


def _clips(values, like=0.5):
    return [AttentionStatistics(value, like, like, like, like) for value in values]


def test_sets_that_differ_in_one_number():
    first, second = _clips(np.linspace(0, 1, 30)), _clips(np.linspace(2, 3, 30))
    differs, *same = compare(first, second)
    assert differs.name == "self_attention"
    assert differs.difference == pytest.approx(2)
    assert differs.superiority == 1
    assert differs.p < 1e-6
    assert differs.verdict == "higher in the second"
    assert differs.differs
    assert not any(each.differs for each in same)
    assert compare(second, first)[0].verdict == "lower in the second"
    assert {each.verdict for each in same} == {"no difference that chance would not make"}
    assert {each.superiority for each in same} == {0.5}


def test_a_sure_difference_that_is_too_small_to_matter():
    draws = np.random.default_rng(0).normal(size=4000)
    (differs, *_) = compare(_clips(draws), _clips(draws + 0.15))
    assert differs.p < 0.05
    assert differs.effect < 0.2
    assert differs.verdict == "a difference, but too small to matter"
    assert not differs.differs


def test_sets_without_spread_that_never_meet():
    (differs, *_) = compare(_clips([1.0] * 20), _clips([2.0] * 20))
    assert differs.effect is None
    assert differs.superiority == 1
    assert differs.verdict == "higher in the second"


def test_few_clips_are_not_judged():
    (differs, *_) = compare(_clips([0, 1]), _clips([5, 6]))
    assert differs.p is None
    assert differs.verdict.startswith("too few clips")
    assert not differs.differs
    with pytest.raises(ValueError, match="0 clips"):
        compare([], _clips([1]))


def _by_video(shift, *, of_video=1.0, videos=8, seed=0):
    """Two sets of four clips each of every video; videos differ by much, and the second set by `shift` within each."""
    rng = np.random.default_rng(seed)
    names = [f"v{number}" for number in range(videos) for _ in range(4)]
    base = np.repeat(of_video * np.arange(videos), 4)
    first = _clips(base + rng.normal(0, 0.05, base.shape))
    return first, _clips(base + shift + rng.normal(0, 0.05, base.shape)), Videos(names, names)


def test_a_difference_within_every_video():
    first, second, videos = _by_video(0.5)
    (differs, *_) = compare(first, second, videos=videos)
    assert differs.p > 0.05  # lost among the videos
    assert differs.p_by_video == pytest.approx(5 * 2 / 2**8)  # eight of eight, one of five tests
    assert 0.2 < differs.effect < 0.3
    assert differs.differs
    (by_clip, *_) = compare(first, second)
    assert by_clip.p_by_video is None
    assert not by_clip.differs


def test_videos_that_differ_are_no_difference_of_kinds():
    # The first set is of the first videos for the most part, the second of the last; within a video they are alike.
    rng = np.random.default_rng(1)
    names = [f"v{number}" for number in range(8)]
    first = [name for number, name in enumerate(names) for _ in range(8 - number)]
    second = [name for number, name in enumerate(names) for _ in range(1 + number)]

    def values(of):
        return _clips([names.index(name) + rng.normal(0, 0.05) for name in of])

    (differs, *_) = compare(values(first), values(second), videos=Videos(first, second))
    assert differs.p < 0.01
    assert differs.p_by_video > 0.05
    assert differs.verdict == "no difference that chance would not make"


def test_few_videos_are_not_judged():
    first, second, videos = _by_video(0.5, videos=5)
    (differs, *_) = compare(first, second, videos=videos)
    assert differs.p_by_video is None
    assert differs.verdict.startswith("too few videos")
    assert not differs.differs


def test_all_attentions_of_a_fit_are_adjusted_together():
    sets = {name: _by_video(0.5, seed=seed)[:2] for seed, name in enumerate("ab")}
    videos = _by_video(0.5)[2]
    found = compare_all(sets, videos=videos)
    assert found["a"][0].p_by_video == pytest.approx(10 * 2 / 2**8)
    assert [each.name for each in found["b"]] == list(AttentionStatistics._fields)


def test_effect_size():
    assert cohens_d(np.array([1.0]), np.array([2.0])) is None
    assert cohens_d(np.array([1.0, 1.0]), np.array([1.0, 1.0])) is None
    # Both vary by 1 around means 2 apart.
    assert cohens_d(np.array([0.0, 1.0, 2.0]), np.array([2.0, 3.0, 4.0])) == pytest.approx(2)
