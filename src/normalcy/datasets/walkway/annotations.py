"""What is known of every frame of a video: who is where, who is abnormal, and the pixels of the abnormal.

Letters: T frames, K tracks, H height, W width, P bytes of a packed mask, 4 a box as x0, y0, x1, y1.
"""

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from normalcy.datasets.base import TrueRegions
from normalcy.errors import LabelError

BoolArray = npt.NDArray[np.bool_]
UInt8Array = npt.NDArray[np.uint8]
UInt16Array = npt.NDArray[np.uint16]
Int16Array = npt.NDArray[np.int16]


@dataclass(frozen=True)
class AbnormalSpan:
    """Neighbouring frames in which one actor is abnormal and in the picture, both ends included."""

    kind: str
    track_id: int
    first_frame: int
    last_frame: int


@dataclass(frozen=True, eq=False)
class Annotations:
    """Labels, masks, boxes and tracks of a video.

    Attributes:
        size_px: (height, width).
        track_ids_K: Identity of each track, as in identity maps.
        kinds_K: What each track is: `walker` or a kind of anomaly.
        boxes_TK4: Whole pixels, the far edges not included; around all of the actor that the picture's edges leave,
            also what somebody nearer hides; -1 where it is not in the picture.
        abnormal_TK: Whether a track is abnormal and in the picture.
        packed_TP: Visible pixels of abnormal actors, eight to a byte.
    """

    size_px: tuple[int, int]
    track_ids_K: UInt16Array
    kinds_K: tuple[str, ...]
    boxes_TK4: Int16Array
    abnormal_TK: BoolArray
    packed_TP: UInt8Array

    def labels(self) -> BoolArray:
        """Whether each frame is abnormal, (T,)."""
        return np.asarray(self.abnormal_TK.any(axis=1))

    def kinds(self) -> dict[str, BoolArray]:
        """Whether each kind of anomaly is abnormal in each frame, (T,) by kind, in order of name."""
        kind_K = np.array(self.kinds_K)
        abnormal_kinds = sorted(set(kind_K[self.abnormal_TK.any(axis=0)].tolist()))
        return {kind: np.asarray(self.abnormal_TK[:, kind_K == kind].any(axis=1)) for kind in abnormal_kinds}

    def masks(self) -> Iterator[BoolArray]:
        """Mask of each frame in order, (H, W)."""
        for packed_P in self.packed_TP:
            yield unpacked(packed_P, self.size_px)

    def regions(self) -> Iterator[TrueRegions]:
        """The abnormal of each frame in order, also what somebody nearer hides."""
        height, width = self.size_px
        boxes_TK4 = (self.boxes_TK4 / np.array([width, height, width, height])).astype(np.float32)
        for boxes_K4, abnormal_K in zip(boxes_TK4, self.abnormal_TK, strict=True):
            yield TrueRegions(boxes_K4[abnormal_K], tuple(self.track_ids_K[abnormal_K].tolist()))

    def spans(self) -> list[AbnormalSpan]:
        """Abnormal spans in order of their beginning."""
        found = []
        for column, (track_id, kind) in enumerate(zip(self.track_ids_K.tolist(), self.kinds_K, strict=True)):
            edges = np.flatnonzero(np.diff(self.abnormal_TK[:, column].astype(np.int8), prepend=0, append=0))
            for first, end in edges.reshape(-1, 2).tolist():
                found.append(AbnormalSpan(kind, track_id, first, end - 1))
        return sorted(found, key=lambda span: (span.first_frame, span.track_id))


def save(annotations: Annotations, path: Path) -> None:
    """Writes annotations as a compressed npz without pickled objects."""
    np.savez_compressed(
        path,
        size_px=np.array(annotations.size_px, np.int32),
        labels_T=annotations.labels(),
        track_ids_K=annotations.track_ids_K,
        kinds_K=np.array(annotations.kinds_K, np.str_),
        boxes_TK4=annotations.boxes_TK4,
        abnormal_TK=annotations.abnormal_TK,
        packed_TP=annotations.packed_TP,
    )


def load(path: Path) -> Annotations:
    """Reads annotations; raises LabelError when the file is missing or damaged."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            height, width = arrays["size_px"].tolist()
            return Annotations(
                size_px=(height, width),
                track_ids_K=arrays["track_ids_K"],
                kinds_K=tuple(arrays["kinds_K"].tolist()),
                boxes_TK4=arrays["boxes_TK4"],
                abnormal_TK=arrays["abnormal_TK"],
                packed_TP=arrays["packed_TP"],
            )
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        hint = "Delete the folder and make the scene again with `normalcy data synthesize`"
        raise LabelError(f"labels cannot be read ({error})", where=path, hint=hint) from error


def packed(mask_HW: BoolArray) -> UInt8Array:
    """A mask with eight pixels to a byte, (P,)."""
    return np.packbits(mask_HW)


def unpacked(packed_P: UInt8Array, size_px: tuple[int, int]) -> BoolArray:
    """The mask of packed bytes."""
    return np.unpackbits(packed_P, count=size_px[0] * size_px[1]).reshape(size_px).astype(np.bool_)
