"""Pixel masks: from pictures, from numpy files, and the frame labels that follow from them.

Letters: T frames of a video, H height, W width.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from normalcy.datasets.base import BoolArray
from normalcy.errors import LabelError
from normalcy.video.reader import list_pictures

# JPEG smears the edge of a mask into values that are neither inside nor outside.
MASK_SUFFIXES = frozenset({".png", ".bmp", ".tif", ".tiff"})


def read_mask(path: Path) -> BoolArray:
    """Mask from a picture, bool (H, W), True where the picture is not black; LabelError when unreadable."""
    # Decoding from memory also works where the path has characters that OpenCV cannot open.
    encoded = np.fromfile(path, dtype=np.uint8)
    mask_HW = cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE) if len(encoded) else None
    if mask_HW is None:
        raise LabelError("cannot be read as a picture", where=path, hint="Copy or download this mask again")
    filled: BoolArray = np.asarray(mask_HW) != 0
    return filled


def list_masks(folder: Path, *, frame_count: int) -> list[Path]:
    """Mask pictures of a video, one per frame in natural order; LabelError when the number differs."""
    paths = [path for path in list_pictures(folder) if path.suffix.lower() in MASK_SUFFIXES]
    if len(paths) != frame_count:
        raise LabelError(
            f"{len(paths)} masks for a video of {frame_count} frames",
            where=folder,
            hint="There must be one mask (png, bmp or tif) for each frame; black where all is normal",
        )
    return paths


def read_masks(paths: Iterable[Path]) -> Iterator[BoolArray]:
    """Masks one at a time, bool (H, W)."""
    return (read_mask(path) for path in paths)


def masks_to_labels(masks: Iterable[BoolArray]) -> BoolArray:
    """Frame labels, bool (T,): a frame is abnormal when its mask is not empty."""
    return np.fromiter((bool(mask_HW.any()) for mask_HW in masks), dtype=np.bool_)


def load_label_array(path: Path, *, ndim: int | tuple[int, ...]) -> npt.NDArray[np.generic]:
    """A `.npy` file of labels (T,) or masks (T, H, W), memory-mapped and never unpickled.

    Raises:
        LabelError: Not such a file, of other dimensions, or not of numbers.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise LabelError("cannot be read as a .npy file of numbers", where=path) from error
    allowed = (ndim,) if isinstance(ndim, int) else ndim
    if array.ndim not in allowed or array.dtype.kind not in "buif":
        raise LabelError(
            f"holds {array.dtype} of shape {array.shape}",
            where=path,
            hint=f"Expected numbers with {' or '.join(map(str, allowed))} dimensions",
        )
    labels: npt.NDArray[np.generic] = array
    return labels


def nonzero(array: npt.NDArray[np.generic]) -> BoolArray:
    """True where a label or mask is not 0."""
    return np.asarray(array != 0, dtype=np.bool_)
