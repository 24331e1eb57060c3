# ruff: noqa: N802  (shape suffixes on properties)
"""What the evaluators read of a scored video; `normalcy.scoring.record.ScoredVideo` has all of it.

Letters: T frames of a video.
"""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from normalcy.errors import LabelError

BoolArray = npt.NDArray[np.bool_]


class LabelledScores(Protocol):
    """Frame scores with their labels."""

    @property
    def name(self) -> str:
        """Name of the video."""

    @property
    def raw_T(self) -> npt.NDArray[np.floating]:
        """Scores of the method."""

    @property
    def smoothed_T(self) -> npt.NDArray[np.floating]:
        """Causally smoothed scores."""

    @property
    def label_T(self) -> BoolArray | None:
        """True where abnormal, None where unknown."""


class TimedScores(LabelledScores, Protocol):
    """The same with the time of each frame."""

    @property
    def pts_seconds_T(self) -> npt.NDArray[np.float64]:
        """Presentation times, ascending."""


def labels_of(video: LabelledScores) -> BoolArray:
    """The labels of a video.

    Raises:
        LabelError: When it has none.
    """
    if video.label_T is None:
        raise LabelError(
            "has no labels", where=f"video {video.name}", hint="score it instead, or give it labels"
        )
    return video.label_T
