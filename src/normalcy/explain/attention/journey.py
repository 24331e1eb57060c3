"""All that attention did with a clip, as plain data and pictures' worth of arrays.

Letters: A heads, T frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from normalcy.explain.attention.enhancement import Enhancement, attention_scores, enhancement, quality_maps
from normalcy.explain.attention.focus import FrameFocus, frame_focus
from normalcy.explain.attention.statistics import (
    AttentionStatistics,
    FloatArray,
    entropy_of_rows,
    statistics_by_head,
)
from normalcy.explain.attention.watch import Attended


@dataclass(frozen=True, eq=False)
class AttentionJourney:
    """One attention of a method, on one clip.

    Attributes:
        name: Where in the method.
        overall: Of all heads and places.
        heads: Of each head.
        mean_TT: Mean of all weights.
        head_ATT: Mean of the places, by head.
        focus: What each frame attends to, by the mean of all weights.
        enhancement: What attention made of the features.
        entropy_RC: How widely each place attends, in nats.
        consistency_RC: Of the features that come out, by place.
        smoothness_RC: Likewise.
        score: How odd the pattern is, see `attention_score`.
    """

    name: str
    overall: AttentionStatistics
    heads: Sequence[AttentionStatistics]
    mean_TT: FloatArray
    head_ATT: FloatArray
    focus: Sequence[FrameFocus]
    enhancement: Enhancement
    entropy_RC: FloatArray
    consistency_RC: FloatArray
    smoothness_RC: FloatArray
    score: float


def journey(attended: Attended, *, clip: int = 0) -> AttentionJourney:
    """What one attention did with one clip of the batch."""
    weights_1APTT = np.asarray(attended.weights_BAPTT[clip : clip + 1], np.float64)
    overall, heads = statistics_by_head(weights_1APTT)
    made = enhancement(attended.before_BTDP[clip], attended.after_BTDP[clip])
    consistency_RC, smoothness_RC = quality_maps(attended.after_BTDP[clip], attended.grid)
    head_ATT = weights_1APTT[0].mean(axis=1)
    mean_TT = head_ATT.mean(axis=0)
    (score,) = attention_scores([overall], attended.after_BTDP[clip : clip + 1])
    return AttentionJourney(
        attended.name,
        overall,
        heads,
        mean_TT,
        head_ATT,
        frame_focus(mean_TT),
        made,
        entropy_of_rows(weights_1APTT[0]).mean(axis=(0, 2)).reshape(attended.grid),
        consistency_RC,
        smoothness_RC,
        score,
    )
