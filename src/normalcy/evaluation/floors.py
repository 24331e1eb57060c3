"""The noise floor: what a protocol gives to scores that know nothing.

Letters: T frames of a video.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from normalcy.evaluation.frame_metrics import BoolArray
from normalcy.evaluation.protocols import METRIC_NOTES, evaluate_frames
from normalcy.scoring.smoothing import smooth

Float64Array = npt.NDArray[np.float64]

NOISE_METHOD = "noise"
"""Name of the noise floor in results and tables."""

FLOOR_METHODS = (NOISE_METHOD, "flow-magnitude")
"""What every method must beat, in the order of the tables: knowing nothing, and plain motion."""


@dataclass(frozen=True, eq=False)
class _NoiseVideo:
    name: str
    raw_T: Float64Array
    smoothed_T: Float64Array
    label_T: BoolArray


def noise_draw(
    label_T_by_video: Mapping[str, BoolArray],
    *,
    seed: int,
    smoothing_alpha: float,
    paper_protocol: str | None = None,
) -> dict[str, float | None]:
    """The whole protocol on one draw of Gaussian noise; a paper's protocol reads its squares as frame errors.

    Args:
        label_T_by_video: Labels of the test videos by name.
        seed: Of the noise.
        smoothing_alpha: As for the methods beside it.
        paper_protocol: As for the method beside it.
    """
    generator = np.random.default_rng(seed)
    videos = [_noise(name, label_T, generator, smoothing_alpha) for name, label_T in label_T_by_video.items()]
    errors = [np.square(video.raw_T) for video in videos]
    return evaluate_frames(videos, paper_protocol=paper_protocol, paper_error_T_by_video=errors)


def noise_floor(
    label_T_by_video: Mapping[str, BoolArray],
    *,
    smoothing_alpha: float,
    draws: int = 20,
    seed: int = 0,
    paper_protocol: str | None = None,
) -> dict[str, float | None]:
    """Mean of each metric over several draws of noise; None where the metric has no value.

    Args:
        label_T_by_video: Labels of the test videos by name.
        smoothing_alpha: As for the methods beside it.
        draws: How many, with seeds from `seed` upwards.
        seed: Of the first draw.
        paper_protocol: As for the method beside it.
    """
    drawn = [
        noise_draw(
            label_T_by_video,
            seed=seed + draw,
            smoothing_alpha=smoothing_alpha,
            paper_protocol=paper_protocol,
        )
        for draw in range(draws)
    ]
    return {name: _mean([metrics[name] for metrics in drawn]) for name in METRIC_NOTES}


def _noise(name: str, label_T: BoolArray, generator: np.random.Generator, alpha: float) -> _NoiseVideo:
    raw_T = generator.standard_normal(len(label_T))
    return _NoiseVideo(name, raw_T, smooth(raw_T, alpha=alpha), label_T)


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
