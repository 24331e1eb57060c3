"""From features of whole videos to class probabilities, and the temperature that makes these honest.

Letters: V views, T frames, D values of a feature vector, N videos, K classes.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from normalcy.methods.base import Classifying
from normalcy.methods.contract import ClipSpec
from normalcy.scoring.settings import ScoringSettings
from normalcy.scoring.track import ScoreTrack
from normalcy.scoring.types import Clip, FrameStamp
from normalcy.training.features.store import Seen
from normalcy.training.sequences import windows

FloatArray = npt.NDArray[np.float64]

_LEAST_TEMPERATURE, _MOST_TEMPERATURE = 0.1, 10.0


def video_logits(method: Classifying, seen: Seen, *, views: int = 1) -> list[Tensor]:
    """Logits of each window of a video in each view, (K,); windows overlap by half.

    Args:
        method: Trained.
        seen: The video.
        views: How many of its views; 1 for the video as it is.
    """
    length = method.sequence_frames
    found = []
    with torch.inference_mode():
        for features_TD in seen.features_VTD[:views]:
            for start, end in windows(len(features_TD), length=length, hop=max(1, length // 2)):
                features_1TD = torch.from_numpy(features_TD[start:end].astype(np.float32))[None]
                there_1T = torch.ones(features_1TD.shape[:2], dtype=torch.bool)
                found.append(method.classifier(features_1TD, there_1T).logits_BK[0])
    return found


def video_probabilities(method: Classifying, seen: Seen, *, views: int = 1) -> FloatArray:
    """Probability of each class, (K,): the mean over windows and views."""
    logits = torch.stack(video_logits(method, seen, views=views))
    return np.asarray((logits / method.temperature).softmax(dim=-1).mean(dim=0).numpy(), np.float64)


def fit_temperature(method: Classifying, held_out: Sequence[tuple[Seen, int]]) -> float:
    """What logits must be divided by for the likelihood of held-out videos to be highest; the method takes it.

    Chuan Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, https://arxiv.org/abs/1706.04599

    Args:
        method: Trained.
        held_out: Videos that it was not trained on, each with the place of its class.
    """
    logits = [torch.stack(video_logits(method, seen)).double() for seen, _ in held_out]

    def surprise(log_temperature: float) -> float:
        scale = float(np.exp(log_temperature))
        p_N = [
            (each / scale).softmax(dim=-1).mean(dim=0)[target]
            for each, (_, target) in zip(logits, held_out, strict=True)
        ]
        return -float(torch.stack(p_N).clamp_min(1e-12).log().mean())

    found = minimize_scalar(
        surprise, bounds=(np.log(_LEAST_TEMPERATURE), np.log(_MOST_TEMPERATURE)), method="bounded"
    )
    temperature = float(np.exp(found.x))
    method.temperature.fill_(temperature)
    return temperature


def smoothed_scores(
    method: Classifying, seen: Seen, *, spec: ClipSpec, settings: ScoringSettings, name: str
) -> Iterator[float]:
    """Smoothed scores of a video's frames as a camera's would be, from features that were kept.

    Args:
        method: Trained; it knows cameras.
        seen: The video.
        spec: The clip that the method reads.
        settings: Smoothing.
        name: Of the video.
    """
    camera = method.camera(name)
    track = ScoreTrack(spec, source_id=name, settings=settings, calibration=None)
    stamps = [
        FrameStamp(int(index), float(seconds))
        for index, seconds in zip(seen.index_T, seen.pts_seconds_T, strict=True)
    ]
    settled = -1
    for start in range(0, len(stamps) - spec.length_frames + 1, spec.length_frames):
        some = tuple(stamps[start : start + spec.length_frames])
        features_TD = seen.features_VTD[0, start : start + spec.length_frames].astype(np.float32)
        due = tuple(_between(settled, some))
        settled = some[-1].index
        nothing = np.empty((spec.length_frames, 0, 0, 0), np.uint8)
        found = camera.scores(some, {"features_TD": features_TD})
        for verdict in track.update(Clip(nothing, some, due, name), found).frames:
            yield verdict.smoothed


def _between(settled: int, stamps: Sequence[FrameStamp]) -> Iterator[FrameStamp]:
    """All frames after the last that was settled; those between two that were looked at have a time between."""
    first, last = stamps[0], stamps[-1]
    frames = last.index - first.index
    each = (last.pts_seconds - first.pts_seconds) / frames if frames else 0.0
    for index in range(settled + 1, last.index + 1):
        yield FrameStamp(index, first.pts_seconds + (index - first.index) * each)
