"""What a pattern of attention is like, in five numbers.

Letters: B clips, A heads, P places, T frames; row i of a (T, T) matrix says how frame i attends to all frames.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]

LONG_RANGE_FRAMES = 2
"""Frames further apart than this are far."""


class AttentionStatistics(NamedTuple):
    """Of one matrix, or the mean over many.

    The first three are what a frame gives on average to itself, to its neighbours, and to what is more than two frames
    away; with what it gives to frames exactly two away they add up to what a row adds up to.

    Attributes:
        self_attention: Mean of the diagonal.
        local: Mean over frames of what they give to the frame before and the frame after.
        long_range: Mean over frames of what they give to frames more than two away.
        entropy: Mean over frames of the entropy of what they give, in nats: 0 where it all goes to one frame, the
            logarithm of T where it is spread evenly.
        consistency: Mean cosine of the rows of successive frames: 1 where all attend alike.
    """

    self_attention: float
    local: float
    long_range: float
    entropy: float
    consistency: float


def attention_statistics(weights_TT: FloatArray) -> AttentionStatistics:
    """Of one matrix of at least 2 frames, as it is: rows that do not quite add up to 1 are taken so.

    >>> attention_statistics(np.eye(4))
    AttentionStatistics(self_attention=1.0, local=0.0, long_range=0.0, entropy=0.0, consistency=0.0)
    """
    weights_TT = np.asarray(weights_TT, np.float64)
    _require_square(weights_TT)
    return AttentionStatistics(*(float(value) for value in _by_matrix(weights_TT)))


def statistics_by_head(weights_BAPTT: FloatArray) -> tuple[AttentionStatistics, list[AttentionStatistics]]:
    """Of all matrices together, and of those of each head: means of what the matrices are like, not of the matrices."""
    found_5BAP = np.stack(_by_matrix(np.asarray(weights_BAPTT, np.float64)))
    by_head = found_5BAP.mean(axis=(1, 3))
    overall = AttentionStatistics(*(float(value) for value in by_head.mean(axis=1)))
    return overall, [AttentionStatistics(*(float(value) for value in each)) for each in by_head.T]


def statistics_by_clip(weights_BAPTT: FloatArray) -> list[AttentionStatistics]:
    """Of each clip, over heads and places."""
    found_5BAP = np.stack(_by_matrix(np.asarray(weights_BAPTT, np.float64)))
    return [AttentionStatistics(*(float(value) for value in each)) for each in found_5BAP.mean(axis=(2, 3)).T]


def entropy_of_rows(weights_TT: FloatArray) -> FloatArray:
    """In nats, (..., T); a weight of 0 adds nothing.

    >>> entropy_of_rows(np.full((1, 4), 0.25)).round(4).tolist()
    [1.3863]
    """
    positive = np.where(weights_TT > 0, weights_TT, 1.0)
    entropy: FloatArray = -(weights_TT * np.log(positive)).sum(axis=-1)
    return entropy


def cosine(first: FloatArray, second: FloatArray, *, axis: int = -1) -> FloatArray:
    """Cosine of the angle between vectors along an axis; 0 where one of them is nothing.

    >>> float(cosine(np.array([1.0, 0.0]), np.array([1.0, 1.0])).round(4))
    0.7071
    """
    product = (first * second).sum(axis=axis)
    length = np.linalg.norm(first, axis=axis) * np.linalg.norm(second, axis=axis)
    found: FloatArray = np.divide(product, length, out=np.zeros_like(product), where=length > 0)
    return found


def _by_matrix(weights_TT: FloatArray) -> list[FloatArray]:
    """The five numbers of each of any number of matrices (..., T, T)."""
    frames = weights_TT.shape[-1]
    apart_TT = np.abs(np.arange(frames)[:, None] - np.arange(frames)[None])

    def given(mask_TT: npt.NDArray[np.bool_]) -> FloatArray:
        out: FloatArray = (weights_TT * mask_TT).sum(axis=-1).mean(axis=-1)
        return out

    return [
        given(apart_TT == 0),
        given(apart_TT == 1),
        given(apart_TT > LONG_RANGE_FRAMES),
        entropy_of_rows(weights_TT).mean(axis=-1),
        cosine(weights_TT[..., :-1, :], weights_TT[..., 1:, :]).mean(axis=-1),
    ]


def _require_square(weights_TT: FloatArray) -> None:
    if weights_TT.ndim != 2 or weights_TT.shape[0] != weights_TT.shape[1] or len(weights_TT) < 2:
        raise ValueError(f"weights of shape {weights_TT.shape}, expected (T, T) with at least 2 frames")
