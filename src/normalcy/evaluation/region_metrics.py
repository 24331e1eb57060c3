"""Region- and track-based detection criteria: is each abnormal thing found, at how many false regions a frame.

Bharathkumar Ramachandra and Michael Jones, "Street Scene: A new dataset and evaluation protocol for video anomaly
detection", WACV 2020, https://arxiv.org/abs/1902.05872.

At a threshold, the connected parts of a map (8 neighbours) at or above it are its regions, each as the box around it;
parts of less than a two-thousandth of the picture are none. A true region is found where a region of the same frame
overlaps it with an intersection over union of at least beta; a region that overlaps no true one so is false. A track is
found where at least alpha of its regions are. Sweeping the threshold gives the share that is found against false
regions per frame; the criterion is the area under that curve from 0 to 1.

True regions are the connected parts of the masks; in successive frames they are of one track where their boxes overlap,
each joined to the one that it overlaps most.

Letters: H height, W width, N boxes, each left, top, right, bottom in parts of the picture, K thresholds.
"""

import tempfile
import weakref
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from normalcy.evaluation.pixel_metrics import fit_map

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float32]

BETA, ALPHA = 0.1, 0.1
LEAST_AREA = 0.0005
KEPT_HEIGHT_PX = 96
PEAK_LEVELS, LOWER_LEVELS = 64, 16


class RegionAucs(NamedTuple):
    """Both criteria.

    Attributes:
        rbdc: Of regions.
        tbdc: Of tracks.
    """

    rbdc: float
    tbdc: float


@dataclass(frozen=True, eq=False)
class _Kept:
    """A frame: where its map lies in the file, and what is true of it."""

    place: int
    shape: tuple[int, int]
    boxes_N4: FloatArray
    tracks: tuple[int, ...]


class RegionCriterion:
    """Takes in frame by frame; maps wait in a temporary file, 96 pixels high and 16 bits deep.

    Args:
        beta: Least intersection over union of what is found.
        alpha: Least share of the regions of a track that is found.
    """

    def __init__(self, *, beta: float = BETA, alpha: float = ALPHA) -> None:
        self._beta, self._alpha = beta, alpha
        self._frames: list[_Kept] = []
        self._peaks: list[float] = []
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as this does
        weakref.finalize(self, self._file.close)
        self._tracks = 0
        self._before: list[tuple[FloatArray, int]] = []
        self._index = -2

    def begin_video(self) -> None:
        """The next frame is of another video: no track goes on."""
        self._before, self._index = [], -2

    def update(self, map_HW: FloatArray, mask_HW: BoolArray, *, index: int) -> None:
        """Takes in one frame.

        Args:
            map_HW: Anomaly map, finite and at least 0, of any size.
            mask_HW: True where abnormal.
            index: Place of the frame in its video.

        Raises:
            InputError: When the map holds NaN, infinite or negative values.
            LabelError: When the mask is not bool (H, W).
        """
        height, width = mask_HW.shape
        fitted_HW = fit_map(map_HW, mask_HW)
        if height > KEPT_HEIGHT_PX:
            size = (max(1, round(width * KEPT_HEIGHT_PX / height)), KEPT_HEIGHT_PX)
            fitted_HW = np.asarray(cv2.resize(fitted_HW, size, interpolation=cv2.INTER_AREA), np.float32)
        boxes_N4 = regions(mask_HW, least_area=0.0)
        bits_HW = (fitted_HW.view(np.uint32) >> 16).astype(np.uint16)
        self._frames.append(
            _Kept(self._file.tell(), fitted_HW.shape, boxes_N4, self._joined(boxes_N4, index))
        )
        self._peaks.append(float(_floats(bits_HW).max()))
        self._file.write(bits_HW.tobytes())

    def aucs(self) -> RegionAucs | None:
        """Both areas; None without true regions, or without a map that says anything."""
        total = sum(len(frame.boxes_N4) for frame in self._frames)
        if not total or max(self._peaks) <= 0:
            return None
        levels_K = self._levels()
        found_XK, false_K = [], np.zeros(len(levels_K))
        owners: list[int] = []
        for frame, peak in zip(self._frames, self._peaks, strict=True):
            map_HW = self._map(frame)
            found_NK = np.zeros((len(frame.boxes_N4), len(levels_K)), np.bool_)
            for place in np.flatnonzero(levels_K <= peak):
                overlap_NM = overlaps(frame.boxes_N4, regions(map_HW >= levels_K[place]))
                hits_NM = overlap_NM >= self._beta
                found_NK[:, place] = hits_NM.any(axis=1)
                false_K[place] += int((~hits_NM.any(axis=0)).sum())
            found_XK.append(found_NK)
            owners += frame.tracks
        return self._areas(np.concatenate(found_XK), np.array(owners), false_K / len(self._frames))

    def _areas(
        self, found_XK: BoolArray, owner_X: npt.NDArray[np.int64], false_K: npt.NDArray[np.float64]
    ) -> RegionAucs:
        regions_K = found_XK.mean(axis=0)
        tracks = [found_XK[owner_X == track].mean(axis=0) >= self._alpha for track in np.unique(owner_X)]
        return RegionAucs(area_to_one(false_K, regions_K), area_to_one(false_K, np.mean(tracks, axis=0)))

    def _levels(self) -> npt.NDArray[np.float64]:
        """Thresholds from high to low: what frames peak at, then down to what half of the other pixels reach.

        Where a map says nothing, it says nothing of the thresholds either.
        """
        told = [peak for peak in self._peaks if peak > 0]
        peaks = np.quantile(told, np.linspace(1, 0, PEAK_LEVELS))
        sample = np.concatenate([self._map(frame)[::4, ::4].ravel() for frame in self._frames[::8]])
        sample = sample[(sample > 0) & (sample < peaks[-1])]
        lower = np.quantile(sample, np.linspace(1, 0.5, LOWER_LEVELS)) if sample.size else peaks[-1:]
        return np.unique(np.concatenate([peaks, lower]))[::-1]

    def _map(self, frame: _Kept) -> FloatArray:
        self._file.seek(frame.place)
        count = frame.shape[0] * frame.shape[1]
        bits = np.frombuffer(self._file.read(2 * count), np.uint16).reshape(frame.shape)
        return _floats(bits)

    def _joined(self, boxes_N4: FloatArray, index: int) -> tuple[int, ...]:
        """The track of each true region of the next frame."""
        before = self._before if index == self._index + 1 else []
        tracks = [-1] * len(boxes_N4)
        if before and len(boxes_N4):
            overlap_NM = overlaps(boxes_N4, np.stack([box for box, _ in before]))
            for flat in np.argsort(-overlap_NM, axis=None, kind="stable"):
                box, old = divmod(int(flat), len(before))
                if overlap_NM[box, old] > 0 and tracks[box] < 0 and before[old][1] not in tracks:
                    tracks[box] = before[old][1]
        for box, track in enumerate(tracks):
            if track < 0:
                tracks[box], self._tracks = self._tracks, self._tracks + 1
        self._before, self._index = list(zip(boxes_N4, tracks, strict=True)), index
        return tuple(tracks)


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


def area_to_one(false_K: npt.ArrayLike, found_K: npt.ArrayLike) -> float:
    """Area under the share that is found against false regions per frame, from 0 to 1.

    What was found at fewer false regions counts at more as well; between points the curve is straight, before the first
    it rises from nothing, and after the last it stays.

    >>> area_to_one([0.5, 2.0], [0.5, 0.5])
    0.375
    """
    order = np.argsort(np.asarray(false_K), kind="stable")
    x = np.concatenate([[0.0], np.asarray(false_K, np.float64)[order]])
    y = np.maximum.accumulate(np.concatenate([[0.0], np.asarray(found_K, np.float64)[order]]))
    inside = int((x < 1).sum())
    if inside == len(x):
        end = y[-1]
    else:
        share = (1 - x[inside - 1]) / (x[inside] - x[inside - 1])
        end = y[inside - 1] + share * (y[inside] - y[inside - 1])
    return float(np.trapezoid(np.append(y[:inside], end), np.append(x[:inside], 1.0)))


def _floats(bits_HW: npt.NDArray[np.uint16]) -> FloatArray:
    return (bits_HW.astype(np.uint32) << 16).view(np.float32)
