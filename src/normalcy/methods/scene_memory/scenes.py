"""Which scene a camera shows, and what of a frame is not its background.

Letters: S scenes, T frames, H and W height and width of the thumbnails.
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from normalcy.errors import FallbackWarning
from normalcy.methods.scene_memory.arrays import Arrays
from normalcy.methods.scene_memory.settings import THUMB_PX, SceneMemoryConfig

FloatArray = npt.NDArray[np.float32]
UInt8Array = npt.NDArray[np.uint8]

_MAD_TO_DEVIATION = 1.4826
_LEAST_DEVIATION = 3.0
_MOST_THUMBS = 400
_MEDIAN_OF_NORMAL = 0.6745
_STRANGE = 3.0
_NEIGHBOURS_PX = 3
_FOLLOW_SECONDS = 0.95
_MOST_SCENES = 16
_CHECK_SECONDS, _CHECKS = 2.0, 3  # a camera that shows another scene so often in a row has turned to it
_REACH_CELLS = 3
FOREGROUND = 2.0
"""Usual deviations from the background that make foreground."""

_FAR = 8.0


def thumbnail(image_HW3: UInt8Array) -> UInt8Array:
    """The picture in squares of 4 pixels."""
    height, width = image_HW3.shape[:2]
    small = cv2.resize(image_HW3, (width // THUMB_PX, height // THUMB_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


class Scenes(Arrays):
    """Backgrounds of the scenes that normal footage shows, each with how far its pixels usually stray."""

    background_SHW3: FloatArray
    deviation_SHW: FloatArray

    def __init__(self, config: SceneMemoryConfig, *, count: int = 1) -> None:
        self.config = config
        height, width = config.thumb_px
        self.background_SHW3 = np.zeros((count, height, width, 3), np.float32)
        self.deviation_SHW = np.full((count, height, width), _LEAST_DEVIATION, np.float32)

    @property
    def count(self) -> int:
        """How many scenes there are."""
        return len(self.background_SHW3)

    def survey(self, videos: Sequence[npt.NDArray[np.uint8]]) -> None:
        """Tells the scenes apart from thumbnails of each stretch of footage, each uint8 (T, H, W, 3).

        There are no more than 16: what comes after is of the scene that it is most alike.
        """
        groups: list[list[UInt8Array]] = []
        means: list[FloatArray] = []
        for thumbs_THW3 in videos:
            median_HW3 = np.median(thumbs_THW3, axis=0).astype(np.float32)
            away = [_difference(median_HW3, known) for known in means]
            if away and (min(away) <= self.config.scene_difference or len(groups) == _MOST_SCENES):
                groups[int(np.argmin(away))].append(thumbs_THW3)
            else:
                groups.append([thumbs_THW3])
                means.append(median_HW3)
        found = [_background(np.concatenate(group)) for group in groups]
        self.background_SHW3 = np.stack([background for background, _ in found])
        self.deviation_SHW = np.stack([deviation for _, deviation in found])

    def unknown(self, videos: Sequence[npt.NDArray[np.uint8]]) -> "Scenes":
        """The scenes of footage, as in `survey`, that are like none of these; so many as there is room for.

        Warns where some were left out.
        """
        found = Scenes(self.config)
        found.survey(videos)
        new = [
            place
            for place, background_HW3 in enumerate(found.background_SHW3)
            if min(_difference(background_HW3, known) for known in self.background_SHW3)
            > self.config.scene_difference
        ]
        room = max(0, _MOST_SCENES - self.count)
        if len(new) > room:
            message = f"{len(new) - room} scenes are taken for those most like them: there is room for {_MOST_SCENES}"
            warnings.warn(message, FallbackWarning, stacklevel=2)
        new = new[:room]
        found.background_SHW3, found.deviation_SHW = found.background_SHW3[new], found.deviation_SHW[new]
        return found

    def nearest(self, thumb_HW3: UInt8Array) -> int:
        """The scene whose background is most alike."""
        away = [_difference(thumb_HW3.astype(np.float32), known) for known in self.background_SHW3]
        return int(np.argmin(away))


def foreground_cells(strange_HW: FloatArray, grid_RC: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Cells that are not background, and their neighbours: thin things leave much of a cell free."""
    capped_HW = np.minimum(strange_HW, _FAR)
    strange_RC = cv2.resize(capped_HW, grid_RC[::-1], interpolation=cv2.INTER_AREA)
    kernel = np.ones((_REACH_CELLS, _REACH_CELLS), np.uint8)
    return np.asarray(cv2.dilate((strange_RC >= FOREGROUND).astype(np.uint8), kernel), np.bool_)


class Comparison(NamedTuple):
    """A frame against the background. Brightness of the whole picture is light, noise all over it is the camera's.

    Attributes:
        image_HW3: The thumbnail in the background's light.
        strange_HW: How many usual deviations each pixel lies from the background.
        new_HW: The same, 0 for what was found there when watching began and has not changed since, such as a parked
            car: only what came meanwhile can be left behind.
    """

    image_HW3: FloatArray
    strange_HW: FloatArray
    new_HW: FloatArray


class Background:
    """The background that one camera shows at present: of its scene, and moving slowly with the light.

    Args:
        scenes: All of them.
        scene: Which it begins as.
        trusts_first: Whether what the first frame shows has been there for long.

    Attributes:
        scene: Which.
        deviation_HW: How far pixels of it usually stray, in grey levels.
    """

    def __init__(self, scenes: Scenes, scene: int, *, trusts_first: bool = True) -> None:
        self.scene = scene
        self._scenes, self._trusts_first = scenes, trusts_first
        self._unchecked_seconds, self._elsewhere = 0.0, 0
        self._seconds = scenes.config.dwell.background_seconds
        self._background_HW3 = scenes.background_SHW3[scene].copy()
        self.deviation_HW = scenes.deviation_SHW[scene]
        self._found: _Found | None = None

    def has_left(self, thumb_HW3: UInt8Array, *, seconds: float) -> bool:
        """Whether the camera has been showing another of the scenes for a while."""
        self._unchecked_seconds += seconds
        if self._scenes.count == 1 or self._unchecked_seconds < _CHECK_SECONDS:
            return False
        self._unchecked_seconds = 0.0
        self._elsewhere = self._elsewhere + 1 if self._scenes.nearest(thumb_HW3) != self.scene else 0
        return self._elsewhere >= _CHECKS

    def compare(self, thumb_HW3: UInt8Array, *, seconds: float) -> Comparison:
        """Compares a frame with the background, which then follows a little."""
        image_HW3 = thumb_HW3.astype(np.float32)
        image_HW3 /= _gain(image_HW3, self._background_HW3)
        strange_HW = self._strange(image_HW3, self._background_HW3)
        if self._found is None:
            self._found = _Found(image_HW3.copy(), (strange_HW > _STRANGE) & self._trusts_first)
        self._found.follow(image_HW3, self._strange(image_HW3, self._found.image_HW3), seconds=seconds)
        reach_HW1 = self.deviation_HW[..., None]
        away_HW3 = np.clip(image_HW3 - self._background_HW3, -reach_HW1, reach_HW1)
        self._background_HW3 += away_HW3 * min(1.0, seconds / self._seconds)
        # The largest of three channels strays by more than one; twice as much is noise that training has not seen.
        noise = float(np.median(strange_HW)) / (2 * _MEDIAN_OF_NORMAL)
        strange_HW /= max(1.0, noise)
        return Comparison(image_HW3, strange_HW, np.where(self._found.held_HW, np.float32(0), strange_HW))

    def _strange(self, image_HW3: FloatArray, known_HW3: FloatArray) -> FloatArray:
        return np.asarray(largest_channel(np.abs(image_HW3 - known_HW3)) / self.deviation_HW, np.float32)


@dataclass
class _Found:
    """The first frame, and which of its pixels are still as they were found, unlike the scene's background."""

    image_HW3: FloatArray
    held_HW: npt.NDArray[np.bool_]

    def follow(self, image_HW3: FloatArray, strange_HW: FloatArray, *, seconds: float) -> None:
        """Lets go of what has changed; among neighbours, for noise changes single pixels in every frame."""
        self.held_HW &= cv2.blur(strange_HW, (_NEIGHBOURS_PX, _NEIGHBOURS_PX)) <= _STRANGE
        self.image_HW3 += (1 - math.exp(-seconds / _FOLLOW_SECONDS)) * (image_HW3 - self.image_HW3)


def largest_channel(image_HW3: FloatArray) -> FloatArray:
    """The largest of three channels; along the last axis NumPy would take ten times as long."""
    return np.maximum(np.maximum(image_HW3[..., 0], image_HW3[..., 1]), image_HW3[..., 2])


def _difference(image_HW3: FloatArray, known_HW3: FloatArray) -> float:
    """Grey levels by which most pixels differ, light apart."""
    away_HW = largest_channel(np.abs(image_HW3 / _gain(image_HW3, known_HW3) - known_HW3))
    return float(np.quantile(away_HW, 0.6))


def _gain(image_HW3: FloatArray, known_HW3: FloatArray) -> np.float32:
    return np.float32(np.clip(np.median((image_HW3 + 1) / (known_HW3 + 1)), 0.2, 5.0))


def _background(thumbs_THW3: UInt8Array) -> tuple[FloatArray, FloatArray]:
    """Median and usual deviation of each pixel."""
    stride = -(-len(thumbs_THW3) // _MOST_THUMBS)
    images_THW3 = thumbs_THW3[::stride].astype(np.float32)
    median_HW3 = np.median(images_THW3, axis=0)
    deviation_HW3 = _MAD_TO_DEVIATION * np.median(np.abs(images_THW3 - median_HW3), axis=0)
    return median_HW3, np.maximum(deviation_HW3.max(axis=-1), _LEAST_DEVIATION)
