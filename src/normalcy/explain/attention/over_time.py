"""How attention goes over a whole video: which of its frames are attended to, and how odd the pattern is.

Letters: T frames of a clip, F frames of the video, A heads.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from normalcy.explain.attention.enhancement import attention_scores
from normalcy.explain.attention.statistics import FloatArray, statistics_by_clip
from normalcy.explain.attention.watch import Attended, watch_attention
from normalcy.methods.base import Method
from normalcy.scoring.window import ClipWindow
from normalcy.video.frame import Frame


@dataclass(frozen=True, eq=False)
class AttentionOverTime:
    """One attention of a method over a video.

    Attributes:
        name: Where in the method.
        seconds_F: Time of each frame.
        received_AF: What each frame receives from the frames of its clips, by head, in even shares: 1 where attention
            is spread evenly, 0 where nobody looks; NaN where no clip holds the frame.
        score_F: Attention score of the clips that hold the frame, on average.
    """

    name: str
    seconds_F: FloatArray
    received_AF: FloatArray
    score_F: FloatArray


def attention_over_time(
    method: Method, frames: Iterable[Frame], *, hop_frames: int = 1
) -> list[AttentionOverTime]:
    """Goes through a video clip by clip.

    Args:
        method: In evaluation mode; it scores clips.
        frames: Of one video, at the method's size.
        hop_frames: From clip to clip. With 1 each frame is at every place of a clip once, so that attention that hangs
            on the place alone comes out even.

    Returns:
        One for each attention of `Method.main_attention`; empty where no clip fits into the video.
    """
    window = ClipWindow(method.clip, hop_frames=hop_frames)
    places: dict[int, int] = {}
    seconds, sums = list[float](), dict[str, _Sums]()
    for frame in frames:
        places[frame.index] = len(seconds)
        seconds.append(frame.pts_seconds)
        if (clip := window.push(frame)) is None:
            continue
        held = [places[stamp.index] for stamp in clip.stamps]
        clip_BTCHW = method.clip.in_range(torch.from_numpy(clip.clip_TCHW[None]))
        for attended in watch_attention(method, clip_BTCHW):
            if attended.name.startswith(method.main_attention):
                sums.setdefault(attended.name, _Sums()).add(attended, held)
    seconds_F = np.array(seconds)
    return [AttentionOverTime(name, seconds_F, *each.means(len(seconds))) for name, each in sums.items()]


class _Sums:
    """Adds up what clips say of the frames that they hold."""

    def __init__(self) -> None:
        self._held: list[tuple[list[int], FloatArray, float]] = []

    def add(self, attended: Attended, held: list[int]) -> None:
        received_AT = attended.weights_BAPTT[0].mean(axis=(1, 2)) * len(held)
        (score,) = attention_scores(statistics_by_clip(attended.weights_BAPTT), attended.after_BTDP)
        self._held.append((held, received_AT, score))

    def means(self, frames: int) -> tuple[FloatArray, FloatArray]:
        heads = len(self._held[0][1])
        received_AF, score_F, count_F = np.zeros((heads, frames)), np.zeros(frames), np.zeros(frames)
        for held, received_AT, score in self._held:
            received_AF[:, held] += received_AT
            score_F[held] += score
            count_F[held] += 1
        with np.errstate(invalid="ignore"):
            return received_AF / count_F, score_F / count_F
