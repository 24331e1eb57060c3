"""Regions of a picture: what a clip's scores come to within one of them.

Letters: T scored frames of a clip, H height, W width.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from normalcy.live.config.regions import Point, RegionConfig
from normalcy.scoring.types import ClipScores

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class WatchedRegion:
    """A part of the picture that alarms by itself.

    Attributes:
        name: Of the region; empty for the whole picture.
        mask_HW: Which pixels of the map belong to it; None for all.
        false_alarms_per_day, threshold: Of its own; None takes the camera's.
    """

    name: str
    mask_HW: BoolArray | None = None
    false_alarms_per_day: float | None = None
    threshold: float | None = None


def watched_regions(regions: Sequence[RegionConfig], *, size_px: tuple[int, int]) -> list[WatchedRegion]:
    """What is watched: the regions to watch, or the whole picture where there is none, without what is ignored."""
    ignored = [region for region in regions if region.mode == "ignore"]
    watched = [region for region in regions if region.mode == "watch"]
    kept_HW = np.ones(size_px, np.bool_)
    for region in ignored:
        kept_HW &= ~polygon_mask(region.polygon, size_px=size_px)
    if not watched:
        return [WatchedRegion("", kept_HW if ignored else None)]
    return [
        WatchedRegion(
            region.name,
            polygon_mask(region.polygon, size_px=size_px) & kept_HW,
            region.false_alarms_per_day,
            region.threshold,
        )
        for region in watched
    ]


def polygon_mask(polygon: Sequence[Point], *, size_px: tuple[int, int]) -> BoolArray:
    """Pixels of a picture that a polygon covers; corners are parts of its width and height."""
    height, width = size_px
    corners = [(round(x * width - 0.5), round(y * height - 0.5)) for x, y in polygon]
    mask_HW = np.zeros(size_px, np.uint8)
    cv2.fillPoly(mask_HW, [np.array(corners, np.int32)], 1)
    return mask_HW.astype(np.bool_)


def scores_within(scores: ClipScores, region: WatchedRegion, *, ordinary: float) -> ClipScores:
    """What a clip's scores are within a region.

    A frame whose map is highest in the region keeps its score; one whose map is highest elsewhere has as much of it
    above the ordinary as the map is high in the region. So thresholds mean in a region what they mean in the whole
    picture.

    Args:
        scores: Of the whole picture.
        region: Which part.
        ordinary: A score that normal video often reaches; up to there a score says nothing of a place.
    """
    if region.mask_HW is None:
        return scores
    told_THW = np.nan_to_num(scores.map_THW, posinf=0)
    map_THW = np.where(region.mask_HW, told_THW, np.float32(0))
    peak_T, inside_T = told_THW.max(axis=(1, 2)), map_THW.max(axis=(1, 2))
    share_T = np.where(peak_T > 0, inside_T / np.where(peak_T > 0, peak_T, 1), 1).astype(np.float32)
    above_T = np.maximum(scores.score_T - np.float32(ordinary), 0)
    score_T = np.minimum(scores.score_T, np.float32(ordinary)) + above_T * share_T
    return ClipScores(score_T.astype(np.float32), map_THW, scores.parts)
