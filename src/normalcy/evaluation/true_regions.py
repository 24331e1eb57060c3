"""What is abnormal in each frame of a video, read off its masks: boxes, and which of them are of one thing.

The connected parts of a mask (8 neighbours) are the things. In successive frames those are one whose boxes overlap,
each joined to the one that it overlaps most. What is hidden in part may fall into several. Parts of less than a
2,000th of the picture are none, as in maps, unless there is no larger: slivers beside a thing are not things.

Letters: H height, W width, N and M boxes, each left, top, right, bottom in parts of the picture.
"""

import cv2
import numpy as np
import numpy.typing as npt

from normalcy.datasets.base import BoolArray, FloatArray, TrueRegions

LEAST_AREA = 0.0005
"""Of a region, as a part of the picture."""


class FollowedMasks:
    """The masks of one video, in order."""

    def __init__(self) -> None:
        self._before: TrueRegions | None = None
        self._index = 0
        self._tracks = 0

    def regions(self, mask_HW: BoolArray, *, index: int) -> TrueRegions:
        """What the next mask shows; a frame that was left out ends all tracks."""
        boxes_N4 = regions(mask_HW)
        if not len(boxes_N4):
            boxes_N4 = regions(mask_HW, least_area=0.0)
        before = self._before if index == self._index + 1 else None
        tracks = _joined(boxes_N4, before) if before else [None] * len(boxes_N4)
        found = TrueRegions(boxes_N4, tuple(self._new() if track is None else track for track in tracks))
        self._before, self._index = found, index
        return found

    def _new(self) -> int:
        self._tracks += 1
        return self._tracks


def _joined(boxes_N4: FloatArray, before: TrueRegions) -> list[int | None]:
    """The track that each box goes on; None for a new one."""
    tracks: list[int | None] = [None] * len(boxes_N4)
    overlap_NM = overlaps(boxes_N4, before.boxes_N4)
    for flat in np.argsort(-overlap_NM, axis=None, kind="stable"):
        box, old = divmod(int(flat), overlap_NM.shape[1])
        if overlap_NM[box, old] > 0 and tracks[box] is None and before.tracks[old] not in tracks:
            tracks[box] = before.tracks[old]
    return tracks


def regions(mask_HW: BoolArray, *, least_area: float = LEAST_AREA) -> FloatArray:
    """Boxes around the connected parts of a mask: (N, 4) left, top, right, bottom in parts of the picture.

    >>> regions(np.array([[1, 0, 0, 0], [1, 0, 0, 1]], bool)).tolist()
    [[0.0, 0.0, 0.25, 1.0], [0.75, 0.5, 1.0, 1.0]]
    """
    height, width = mask_HW.shape
    count, _, found_M5, _ = cv2.connectedComponentsWithStats(mask_HW.view(np.uint8), connectivity=8)
    parts_N5 = np.asarray(found_M5)[1:count]
    parts_N5 = parts_N5[parts_N5[:, cv2.CC_STAT_AREA] >= least_area * height * width]
    left, top, wide, high = (parts_N5[:, place].astype(np.float32) for place in range(4))
    boxes_N4 = np.stack([left / width, top / height, (left + wide) / width, (top + high) / height], axis=1)
    return np.asarray(boxes_N4, np.float32)


def overlaps(first_N4: FloatArray, second_M4: FloatArray) -> npt.NDArray[np.float64]:
    """Intersection over union of each box with each other: (N, M).

    >>> half = np.array([[0.0, 0.0, 0.5, 1.0]], np.float32)
    >>> overlaps(half, np.array([[0.25, 0.0, 0.75, 1.0]], np.float32)).round(4).tolist()
    [[0.3333]]
    """
    a_N14, b_1M4 = first_N4[:, None].astype(np.float64), second_M4[None].astype(np.float64)
    sides = np.minimum(a_N14[..., 2:], b_1M4[..., 2:]) - np.maximum(a_N14[..., :2], b_1M4[..., :2])
    shared = np.clip(sides, 0, None).prod(axis=-1)
    areas = [(boxes[..., 2:] - boxes[..., :2]).prod(axis=-1) for boxes in (a_N14, b_1M4)]
    union = areas[0] + areas[1] - shared
    found: npt.NDArray[np.float64] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return found
