"""Region- and track-based detection criteria: is each abnormal thing found, at how many false regions a frame.

Bharathkumar Ramachandra and Michael Jones, "Street Scene: A new dataset and evaluation protocol for video anomaly
detection", WACV 2020, https://arxiv.org/abs/1902.05872.

At a threshold, the connected parts of a map (8 neighbours) at or above it are its regions, each as the box around it;
parts of less than a two-thousandth of the picture are none. A true region is found where a region of the same frame
overlaps it with an intersection over union of at least beta; a region that overlaps no true one so is false. A track is
found where at least alpha of its regions are. Sweeping the threshold gives the share that is found against false
regions per frame; the criterion is the area under that curve from 0 to 1.

What the true regions are, and which are of one track, the dataset says, or else the masks (`true_regions`).

Letters: H height, W width, N and M boxes, K thresholds.
"""

import tempfile
import weakref
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from normalcy.datasets.base import BoolArray, FloatArray, TrueRegions
from normalcy.evaluation.pixel_metrics import fit_map
from normalcy.evaluation.true_regions import FollowedMasks, overlaps, regions

BETA, ALPHA = 0.1, 0.1
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
        self._followed = FollowedMasks()
        self._tracks: dict[tuple[int, int], int] = {}
        self._video = 0

    def begin_video(self) -> None:
        """The next frame is of another video: no track goes on."""
        self._followed = FollowedMasks()
        self._video += 1

    def update(
        self, map_HW: FloatArray, mask_HW: BoolArray, *, index: int, known: TrueRegions | None = None
    ) -> None:
        """Takes in one frame.

        Args:
            map_HW: Anomaly map, finite and at least 0, of any size.
            mask_HW: True where abnormal.
            index: Place of the frame in its video.
            known: What is abnormal in it; read off the mask without.

        Raises:
            InputError: When the map holds NaN, infinite or negative values.
            LabelError: When the mask is not bool (H, W).
        """
        height, width = mask_HW.shape
        fitted_HW = fit_map(map_HW, mask_HW)
        if height > KEPT_HEIGHT_PX:
            size = (max(1, round(width * KEPT_HEIGHT_PX / height)), KEPT_HEIGHT_PX)
            fitted_HW = np.asarray(cv2.resize(fitted_HW, size, interpolation=cv2.INTER_AREA), np.float32)
        true = self._followed.regions(mask_HW, index=index) if known is None else known
        tracks = tuple(
            self._tracks.setdefault((self._video, track), len(self._tracks)) for track in true.tracks
        )
        bits_HW = (fitted_HW.view(np.uint32) >> 16).astype(np.uint16)
        self._frames.append(_Kept(self._file.tell(), fitted_HW.shape, true.boxes_N4, tracks))
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
