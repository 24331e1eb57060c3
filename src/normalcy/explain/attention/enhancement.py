"""What attention does to the features: before and after, as a whole and place by place.

Letters: B clips, T frames, D features, P places.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from normalcy.explain.attention.statistics import AttentionStatistics, FloatArray, cosine


class FeatureQuality(NamedTuple):
    """What the features of a clip are like.

    Attributes:
        mean: Of all values.
        spread: Their standard deviation.
        consistency: Mean cosine of the features of successive frames, each frame as one vector.
        smoothness: 1 / (1 + v), v the variance of the differences between successive frames: 1 where they do not vary.
    """

    mean: float
    spread: float
    consistency: float
    smoothness: float


class Enhancement(NamedTuple):
    """Features before and after attention, and how they changed."""

    before: FeatureQuality
    after: FeatureQuality
    change: FeatureQuality


def feature_quality(features_TDP: FloatArray) -> FeatureQuality:
    """Of the features of at least 2 frames.

    >>> [round(value, 6) for value in feature_quality(np.ones((3, 2, 1)))]
    [1.0, 0.0, 1.0, 1.0]
    """
    features_TDP = np.asarray(features_TDP, np.float64)
    if len(features_TDP) < 2:
        raise ValueError(f"features of {len(features_TDP)} frames, expected at least 2")
    frames_TX = features_TDP.reshape(len(features_TDP), -1)
    return FeatureQuality(
        float(features_TDP.mean()),
        float(features_TDP.std()),
        float(cosine(frames_TX[:-1], frames_TX[1:]).mean()),
        float(1 / (1 + np.diff(frames_TX, axis=0).var())),
    )


def enhancement(before_TDP: FloatArray, after_TDP: FloatArray) -> Enhancement:
    """What attention made of the features."""
    before, after = feature_quality(before_TDP), feature_quality(after_TDP)
    return Enhancement(before, after, FeatureQuality(*(b - a for a, b in zip(before, after, strict=True))))


def quality_maps(features_TDP: FloatArray, grid: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """Consistency and smoothness of each place, as (rows, columns) each.

    Args:
        features_TDP: Of at least 2 frames.
        grid: Rows and columns of places.
    """
    features_TDP = np.asarray(features_TDP, np.float64)
    consistency_P = cosine(features_TDP[:-1], features_TDP[1:], axis=1).mean(axis=0)
    smoothness_P = 1 / (1 + np.diff(features_TDP, axis=0).var(axis=(0, 1)))
    return consistency_P.reshape(grid), smoothness_P.reshape(grid)


def attention_score(*, entropy: FloatArray, consistency: FloatArray, features: FloatArray) -> FloatArray:
    """How odd a pattern of attention is: entropy - consistency + (1 - consistency of the features)."""
    score: FloatArray = entropy - consistency + (1 - features)
    return score


def attention_scores(statistics: Sequence[AttentionStatistics], after_BTDP: FloatArray) -> list[float]:
    """Of each clip, from what its pattern is like and the features that came out."""
    return [
        float(
            attention_score(
                entropy=np.array(found.entropy),
                consistency=np.array(found.consistency),
                features=np.array(feature_quality(after_TDP).consistency),
            )
        )
        for found, after_TDP in zip(statistics, after_BTDP, strict=True)
    ]
