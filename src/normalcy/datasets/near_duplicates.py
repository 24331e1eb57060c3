"""Videos that show the same: clips cut from one recording must not be learned from and judged at once.

A few frames of each video become perceptual hashes: the signs of the lowest frequencies of a small grey picture
(Christoph Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010). Cameras that stand still
keep most of these signs from frame to frame, so that clips of one recording are found although people moved.

Letters: V videos, T frames, N frames of all later videos, B bits, H height, W width.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from normalcy.datasets.base import LabelledVideo
from normalcy.datasets.cache import content_hash
from normalcy.errors import VideoError
from normalcy.progress import Progress
from normalcy.run_folder import write_json
from normalcy.video.reader import ReadOptions, decoder_version, open_video

HASHED_FRAMES = 6
"""Frames of a video that are hashed, at even distances; of a shorter one, some more than once."""

ALIKE_BITS = 16
"""Of 64: videos whose frames differ in no more, in the middle, show the same."""

_PICTURE_PX = 32
_LOW_FREQUENCIES = 8
_FORMAT_VERSION = 1


def picture_hash(image_HW: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """64 bits of a grey picture, of any size: which of its lowest frequencies lie above their median."""
    small_HW = cv2.resize(image_HW, (_PICTURE_PX, _PICTURE_PX), interpolation=cv2.INTER_AREA)
    lowest = cv2.dct(small_HW.astype(np.float32))[:_LOW_FREQUENCIES, :_LOW_FREQUENCIES].ravel()
    return np.asarray(lowest > np.median(lowest[1:]), np.bool_)


def video_hash(video: LabelledVideo) -> npt.NDArray[np.bool_]:
    """Hashes of a few frames, (T, 64).

    Raises:
        VideoError: It cannot be read.
    """
    options = ReadOptions(size_px=(2 * _PICTURE_PX, 2 * _PICTURE_PX), grey=True, fps=video.fps)
    with open_video(video.path, options) as reader:
        hashes = [picture_hash(frame.image_HWC[..., 0]) for frame in reader]
    chosen = np.linspace(0, len(hashes) - 1, HASHED_FRAMES).round().astype(int)
    return np.stack([hashes[place] for place in chosen])


def same_scene(
    videos: Sequence[LabelledVideo], *, cache: Path | None = None, progress: Progress | None = None
) -> list[str]:
    """For each video, the name of the first one that shows the same; its own where none does.

    What shows the same as a third shows the same. A video that cannot be read shows nothing that another shows.

    Args:
        videos: Of any number.
        cache: Folder that hashes are kept in, by what is in the video.
        progress: Called with what is being done, how much is done and how much there is.
    """
    from scipy.cluster.hierarchy import DisjointSet  # datasets are listed without it

    hashes: list[npt.NDArray[np.bool_] | None] = []
    for number, video in enumerate(videos):
        if progress:
            progress("comparing videos", number, len(videos))
        hashes.append(_kept_hash(video, cache))
    if progress:
        progress("comparing videos", len(videos), len(videos))
    alike = DisjointSet(range(len(videos)))
    known = [place for place, each in enumerate(hashes) if each is not None]
    for first, second in _alike_pairs([each for each in hashes if each is not None]):
        alike.merge(known[first], known[second])
    return [videos[min(alike.subset(place))].name for place in range(len(videos))]


def _alike_pairs(hashes: Sequence[npt.NDArray[np.bool_]]) -> list[tuple[int, int]]:
    """Pairs that show the same: for the middle frame of either, some frame of the other is alike."""
    if not hashes:
        return []
    sign_VTB = 2 * np.stack(hashes).astype(np.float32) - 1
    videos, frames, bits = sign_VTB.shape
    pairs = []
    for first in range(videos - 1):
        away_TN = (bits - sign_VTB[first] @ sign_VTB[first + 1 :].reshape(-1, bits).T) / 2
        away_TVT = away_TN.reshape(frames, -1, frames)
        middle_V = np.maximum(
            np.median(away_TVT.min(axis=2), axis=0), np.median(away_TVT.min(axis=0), axis=1)
        )
        pairs += [(first, first + 1 + int(other)) for other in np.flatnonzero(middle_V <= ALIKE_BITS)]
    return pairs


def _kept_hash(video: LabelledVideo, cache: Path | None) -> npt.NDArray[np.bool_] | None:
    try:
        if cache is None:
            return video_hash(video)
        about = {"format_version": _FORMAT_VERSION, "decoder": decoder_version(), "frames": HASHED_FRAMES}
        path = cache / f"{content_hash(video.path)}.json"
        kept = _read(path, about)
        if kept is None:
            kept = video_hash(video)
            hexadecimal = [np.packbits(bits).tobytes().hex() for bits in kept]
            write_json(path, {**about, "hashes": hexadecimal})
        return kept
    except VideoError:
        return None


def _read(path: Path, about: dict[str, object]) -> npt.NDArray[np.bool_] | None:
    """Hashes that were kept; None where there are none, or of another kind."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        rows = [np.frombuffer(bytes.fromhex(each), np.uint8) for each in found.pop("hashes")]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return np.unpackbits(np.stack(rows), axis=1).astype(np.bool_) if found == about and rows else None
