"""How fast, and which way, what moves around each cell moves.

Letters: H height, W width, h and w half of them, R rows and C columns of cells.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from normalcy.methods.scene_memory.arrays import Arrays
from normalcy.methods.scene_memory.settings import CELL_PX, SceneMemoryConfig

FloatArray = npt.NDArray[np.float32]
UInt8Array = npt.NDArray[np.uint8]

_HALF = 2  # flow is averaged over squares of 2 pixels before windows are laid on it
_NOISE_PX = 5
_NOISE_GREY_LEVELS = 3
_GRAINY_GREY_LEVELS = 4.0
_GRAIN_BLUR_PX = 2.0
_GRAIN_LEFT = 0.4  # of a difference, once it is smoothed
_LEAST_BACKGROUND = 0.3  # of the picture
_FAR_SPREADS = 6.0
_NEAR_PX = 9
_SWAY_PX = 0.1
_SAMPLED = 4  # every so many pixels of the flow, for what holds all over the picture
_MARGIN_PX = 48
_GRID_PX = 16
_COARSEST = 8  # pixels of the picture to one of the coarsest scale
_LEAST_PART_PX = 144
_SURVEY_WINDOW_PX = 26
_SURVEY_SPEED = 3.0  # pixels a second
_LEAST_SPEEDS = 50
_PACE_WITHOUT_MOTION = 10.0


class Movement(NamedTuple):
    """Mean velocity of what moves around each cell.

    Attributes:
        velocity_RC2: x and y, in pixels a second; 0 where too little moves.
        moving_RC: The part of the window that moves, 0 to 1.
    """

    velocity_RC2: FloatArray
    moving_RC: FloatArray


class Part(NamedTuple):
    """A part of a picture, in pixels; bottom and right are no longer in it."""

    top: int
    bottom: int
    left: int
    right: int


def changed_part(first_HW: UInt8Array, second_HW: UInt8Array, *, patch_stride: int = 3) -> Part | None:
    """The part of the picture outside of which two frames are alike but for noise; None where they are everywhere.

    It begins where patches of the flow begin at every scale, so that its flow is the whole picture's.

    >>> frame_HW = np.zeros((240, 360), np.uint8)
    >>> changed_part(frame_HW, frame_HW) is None
    True
    """
    away_HW = cv2.blur(cv2.absdiff(first_HW, second_HW), (_NOISE_PX, _NOISE_PX))
    changed_HW = np.asarray(cv2.threshold(away_HW, _NOISE_GREY_LEVELS, 1, cv2.THRESH_BINARY)[1])
    left, top, width, height = cv2.boundingRect(changed_HW)
    if width == 0:
        return None
    step = math.lcm(patch_stride * _COARSEST, _GRID_PX)
    rows = _widened(top, top + height, step=step, limit=first_HW.shape[0])
    columns = _widened(left, left + width, step=step, limit=first_HW.shape[1])
    return Part(*rows, *columns)


def _widened(start: int, end: int, *, step: int, limit: int) -> tuple[int, int]:
    """The span with a margin, as long as the coarsest flow needs, within the picture.

    It starts where patches of the whole picture start at every scale, so that the flow is as of the whole picture.
    """
    missing = max(2 * _MARGIN_PX, _LEAST_PART_PX - (end - start))
    start, end = start - missing // 2, end + missing // 2
    start = max(0, min(start, limit - _LEAST_PART_PX)) // step * step
    return start, min(limit, -(-max(end, start + _LEAST_PART_PX) // _GRID_PX) * _GRID_PX)


def is_grainy(first_HW: UInt8Array, second_HW: UInt8Array) -> bool:
    """Whether most pixels differ by far more than usual noise, each by itself: flow would follow the grain."""
    away_HW = cv2.absdiff(first_HW, second_HW)[::_SAMPLED, ::_SAMPLED]
    usual = float(np.median(away_HW))
    if usual < _GRAINY_GREY_LEVELS:
        return False
    signed_HW = cv2.subtract(first_HW, second_HW, dtype=cv2.CV_32F)
    smooth_HW = np.abs(cv2.GaussianBlur(signed_HW, (0, 0), _GRAIN_BLUR_PX))[::_SAMPLED, ::_SAMPLED]
    # What moves, and light, do not vanish in the mean over neighbours.
    return float(np.median(smooth_HW)) < _GRAIN_LEFT * usual


def _smooth(image_HW: UInt8Array) -> UInt8Array:
    return np.asarray(cv2.GaussianBlur(image_HW, (0, 0), _GRAIN_BLUR_PX), np.uint8)


def _stands_out(first_HW: UInt8Array, second_HW: UInt8Array) -> FloatArray:
    """1 where two pictures differ by far more than they do elsewhere, and around that; else 0: (h, w, 1)."""
    height, width = first_HW.shape
    away_HW = cv2.blur(cv2.absdiff(first_HW, second_HW), (_NOISE_PX, _NOISE_PX)).astype(np.float32)
    usual = np.median(away_HW)
    spread = np.median(np.abs(away_HW - usual)) + np.float32(0.5)
    far_HW = (away_HW > usual + _FAR_SPREADS * spread).astype(np.uint8)
    near_HW = cv2.dilate(far_HW, np.ones((_NEAR_PX, _NEAR_PX), np.uint8))
    half_hw = cv2.resize(near_HW, (width // _HALF, height // _HALF), interpolation=cv2.INTER_NEAREST)
    return half_hw[..., None].astype(np.float32)


def steadied(flow_hw2: FloatArray, background_HW: npt.NDArray[np.bool_]) -> FloatArray:
    """The flow without the camera's sway: what the background does, where that is more than a tenth of a pixel.

    Args:
        flow_hw2: Flow at half the size.
        background_HW: What is background, at a quarter of the size.
    """
    if np.count_nonzero(background_HW) < _LEAST_BACKGROUND * background_HW.size:
        return flow_hw2
    every = flow_hw2.shape[0] // background_HW.shape[0]
    still_N2 = flow_hw2[::every, ::every][background_HW]
    sway_2 = np.array([np.median(still_N2[:, axis]) for axis in (0, 1)])
    return flow_hw2 - sway_2 if np.hypot(*sway_2) > _SWAY_PX else flow_hw2


class Motion(Arrays):
    """Flow between two frames, and its windowed mean; windows and thresholds follow the perspective.

    The pace of a row, in pixels a second, is what nine in ten of the speeds there stay below; people near the camera
    are larger and pass it faster, so it stands for their size as well.
    """

    pace_R: FloatArray

    def __init__(self, config: SceneMemoryConfig) -> None:
        self.config = config
        self.pace_R = np.full(config.grid_RC[0], _PACE_WITHOUT_MOTION, np.float32)

    def flow(self, first_HW: UInt8Array, second_HW: UInt8Array) -> FloatArray:
        """Displacement from the first grey picture to the second, in their pixels: (h, w, 2).

        It is looked for in the part of the picture that changes, and is nothing elsewhere.
        """
        height, width = first_HW.shape
        flow_hw2 = np.zeros((height // _HALF, width // _HALF, 2), np.float32)
        if grainy := is_grainy(first_HW, second_HW):
            first_HW, second_HW = _smooth(first_HW), _smooth(second_HW)
        if changed := changed_part(first_HW, second_HW, patch_stride=self.config.flow.patch_stride):
            part = (slice(changed.top, changed.bottom), slice(changed.left, changed.right))
            half = tuple(slice(side.start // _HALF, side.stop // _HALF) for side in part)
            flow_hw2[half] = self.flow_of_all(
                np.ascontiguousarray(first_HW[part]), np.ascontiguousarray(second_HW[part])
            )
        return flow_hw2 * _stands_out(first_HW, second_HW) if grainy else flow_hw2

    def flow_of_all(self, first_HW: UInt8Array, second_HW: UInt8Array) -> FloatArray:
        """The same, looked for everywhere."""
        estimator = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        estimator.setPatchStride(self.config.flow.patch_stride)
        estimator.setGradientDescentIterations(self.config.flow.iterations)
        estimator.setVariationalRefinementIterations(self.config.flow.refinements)
        flow_HW2: FloatArray = estimator.calc(first_HW, second_HW, None)  # type: ignore[call-overload]
        height, width = first_HW.shape
        return np.asarray(
            cv2.resize(flow_HW2, (width // _HALF, height // _HALF), interpolation=cv2.INTER_AREA), np.float32
        )

    def movement(self, flow_hw2: FloatArray, seconds: float) -> Movement:
        """Mean velocity of what moves in the window around each cell; `seconds` lie between the two frames."""
        pace_R = self.pace_R
        relative_R = pace_R / pace_R.mean()
        side_px = self.config.flow.window_fraction * self.config.size_px[0]
        radius_R = np.maximum(1, np.round(side_px * relative_R / (2 * _HALF))).astype(np.int64)
        # Of the pace, but never under a pixel a second nor over eight: less is noise, more is surely movement.
        threshold_R = np.clip(np.float32(0.3) * pace_R, np.float32(1.0), np.float32(8.0))
        least = self.config.flow.moving_fraction
        return _windowed(flow_hw2 / np.float32(seconds), radius_R, threshold_R, least=least)

    def survey(self, flows: Iterable[tuple[FloatArray, float]]) -> None:
        """Takes the pace of each row from flows of normal footage, each with the seconds between its frames."""
        rows = self.config.grid_RC[0]
        radius_R = np.full(rows, round(_SURVEY_WINDOW_PX / (2 * _HALF)))
        surely_R = np.full(rows, _SURVEY_SPEED, np.float32)
        speeds: list[list[FloatArray]] = [[] for _ in range(rows)]
        for flow_hw2, seconds in flows:
            found = _windowed(flow_hw2 / np.float32(seconds), radius_R, surely_R, least=0.08)
            speed_RC = np.hypot(*np.moveaxis(found.velocity_RC2, -1, 0))
            for row in range(rows):
                speeds[row].append(speed_RC[row][speed_RC[row] > 0])
        self.pace_R[...] = _paces([np.concatenate(each) for each in speeds])


def _paces(speeds: list[FloatArray]) -> FloatArray:
    """A straight line through the 90th percentile of each row that enough moves in, flat beyond them."""
    known = [row for row, each in enumerate(speeds) if len(each) >= _LEAST_SPEEDS]
    if len(known) < 2:
        pace = np.percentile(speeds[known[0]], 90) if known else _PACE_WITHOUT_MOTION
        return np.full(len(speeds), pace, np.float32)
    high = [float(np.percentile(speeds[row], 90)) for row in known]
    line = np.polyfit(known, high, 1, w=np.sqrt([len(speeds[row]) for row in known]))
    pace_R = np.polyval(line, np.clip(np.arange(len(speeds)), known[0], known[-1]))
    # A line may leave the ground where little moves; nobody is ten times as far away as the middle.
    return np.asarray(np.maximum(pace_R, 0.1 * np.median(high)), np.float32)


def _windowed(
    velocity_hw2: FloatArray, radius_R: npt.NDArray[np.int64], threshold_R: FloatArray, *, least: float
) -> Movement:
    """Means over square windows around the cells' centres, by summed-area tables."""
    h, w = velocity_hw2.shape[:2]
    cell = CELL_PX // _HALF
    rows, columns = h // cell, w // cell
    # OpenCV takes channels apart and together some times as fast as NumPy reaches over them.
    x_hw, y_hw = cv2.split(velocity_hw2)
    moving_hw = (cv2.magnitude(x_hw, y_hw) > np.repeat(threshold_R, cell)[:, None]).astype(np.float32)
    moved_hw3 = cv2.merge([x_hw * moving_hw, y_hw * moving_hw, moving_hw])
    sums_hw3 = cv2.integral(moved_hw3, sdepth=cv2.CV_64F)
    y_R, x_C = np.arange(rows) * cell + cell // 2, np.arange(columns) * cell + cell // 2
    top_R1, bottom_R1 = (np.clip(edge, 0, h)[:, None] for edge in (y_R - radius_R, y_R + radius_R + 1))
    left_RC, right_RC = (
        np.clip(edge, 0, w) for edge in (x_C[None] - radius_R[:, None], x_C[None] + radius_R[:, None] + 1)
    )
    sum_RC3 = (
        sums_hw3[bottom_R1, right_RC]
        - sums_hw3[bottom_R1, left_RC]
        - sums_hw3[top_R1, right_RC]
        + sums_hw3[top_R1, left_RC]
    )
    moving_RC = sum_RC3[..., 2] / ((bottom_R1 - top_R1) * (right_RC - left_RC))
    enough_RC = moving_RC >= least
    velocity_RC2 = np.where(enough_RC[..., None], sum_RC3[..., :2] / np.maximum(sum_RC3[..., 2:], 1), 0)
    return Movement(velocity_RC2.astype(np.float32), moving_RC.astype(np.float32))
