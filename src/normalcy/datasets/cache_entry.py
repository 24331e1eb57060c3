"""One entry of the frame cache: a folder of memory-mapped arrays that is either whole or does not count.

    frames.npy         uint8 (T, C, H, W)
    pts_seconds.npy    float64 (T,)
    indices.npy        int64 (T,), place in the source
    meta.json          written last; names the size of each file above

Letters: T frames, C channels (1 grey, 3 RGB), H height, W width.
"""

import contextlib
import errno
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
import numpy.typing as npt

from normalcy.errors import DiskFull, FrameShapeError, OutputError
from normalcy.video.frame import Frame, UInt8Array

FORMAT_VERSION = 1

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_ARRAYS = ("frames.npy", "pts_seconds.npy", "indices.npy")
# The header is written twice, before and after the number of frames is known, so it needs a fixed place.
_HEADER_BYTES = 128


@dataclass(frozen=True, eq=False)
class CachedVideo:
    """A decoded video, read from disk as it is used.

    Attributes:
        frames_TCHW: uint8, memory-mapped, read-only.
        pts_seconds_T: float64, presentation times.
        indices_T: int64, place of each frame in the source, counted before any stride.
        folder: The entry on disk.
        notes: Class name and text of each warning that was given while it was decoded.
    """

    frames_TCHW: UInt8Array
    pts_seconds_T: npt.NDArray[np.float64]
    indices_T: npt.NDArray[np.int64]
    folder: Path
    notes: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.frames_TCHW)


def read_entry(folder: Path) -> CachedVideo | None:
    """The entry in a folder; None where there is none, or only a part of one."""
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        if meta["format_version"] != FORMAT_VERSION or meta["files"] != _file_sizes(folder):
            return None
        return CachedVideo(
            frames_TCHW=np.load(folder / "frames.npy", mmap_mode="r", allow_pickle=False),
            pts_seconds_T=np.load(folder / "pts_seconds.npy", allow_pickle=False),
            indices_T=np.load(folder / "indices.npy", allow_pickle=False),
            folder=folder,
            notes=tuple((str(kind), str(text)) for kind, text in meta["notes"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_frames(
    folder: Path,
    frames: Iterable[Frame],
    *,
    size_px: tuple[int, int],
    channels: int,
    on_frame: Callable[[int], None] | None = None,
) -> None:
    """Writes frames into a new folder as they come; memory does not grow by frames. It counts once sealed.

    Args:
        folder: Must not exist yet.
        frames: Each of shape (*size_px, channels).
        size_px: (height, width).
        channels: 1 or 3.
        on_frame: Called with the number of frames written so far.

    Raises:
        FrameShapeError: A frame of another shape.
        DiskFull: No room left.
        OutputError: The folder cannot be written.
    """
    pts_seconds: list[float] = []
    indices: list[int] = []
    with writing_to(folder):
        folder.mkdir(parents=True)
    with FrameFile(folder / "frames.npy", (channels, *size_px)) as file:
        for frame in frames:
            file.append(frame)
            pts_seconds.append(frame.pts_seconds)
            indices.append(frame.index)
            if on_frame is not None:
                on_frame(len(indices))
    with writing_to(folder):
        _save(folder / "pts_seconds.npy", np.array(pts_seconds, dtype=np.float64))
        _save(folder / "indices.npy", np.array(indices, dtype=np.int64))


def seal_entry(folder: Path, *, notes: Sequence[tuple[str, str]], about: dict[str, Any]) -> None:
    """Writes the meta file, which makes the entry count; `about` is for people who look inside."""
    with writing_to(folder):
        meta = {
            "format_version": FORMAT_VERSION,
            "files": _file_sizes(folder),
            "notes": notes,
            "about": about,
        }
        _write_synced(folder / "meta.json", lambda out: out.write(json.dumps(meta, indent=1).encode()))
        sync_folder(folder)


class FrameFile:
    """A `.npy` file of frames (T, C, H, W) whose T is known only at the end."""

    def __init__(self, path: Path, shape_CHW: tuple[int, int, int]) -> None:
        self._path = path
        self._shape_CHW = shape_CHW
        self._count = 0
        with writing_to(path.parent):
            self._file = path.open("wb")
            self._file.write(bytes(_HEADER_BYTES))

    def append(self, frame: Frame) -> None:
        """One more frame; FrameShapeError when it is of another shape."""
        image_CHW = frame.image_HWC.transpose(2, 0, 1)
        if image_CHW.shape != self._shape_CHW:
            raise FrameShapeError(
                f"frame {frame.index} is {image_CHW.shape}, not {self._shape_CHW} (channels, height, width)",
                where=frame.source_id,
            )
        with writing_to(self._path.parent):
            self._file.write(np.ascontiguousarray(image_CHW).data)
        self._count += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with writing_to(self._path.parent), self._file:
            if error is None:
                self._file.seek(0)
                self._file.write(_npy_header((self._count, *self._shape_CHW)))
                _sync(self._file)


@contextlib.contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Turns failures to write into errors that the user can mend."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise DiskFull(
                "no room left", where=folder, hint="Free some, or choose another cache folder"
            ) from error
        reason = error.strerror or str(error)
        raise OutputError(
            f"cannot be written: {reason}", where=folder, hint="Choose another cache folder"
        ) from error


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder survive a power cut, where the system can do that."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _file_sizes(folder: Path) -> dict[str, int]:
    return {name: (folder / name).stat().st_size for name in _ARRAYS}


def _npy_header(shape: tuple[int, ...]) -> bytes:
    """Header of a C-ordered uint8 array in version 1.0 of numpy's file format, padded to a fixed length."""
    magic = b"\x93NUMPY\x01\x00" + (_HEADER_BYTES - 10).to_bytes(2, "little")
    description = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape!r}, }}"
    return magic + description.encode("ascii").ljust(_HEADER_BYTES - 11) + b"\n"


def _save(path: Path, array: npt.NDArray[Any]) -> None:
    _write_synced(path, lambda out: np.save(out, array, allow_pickle=False))


def _write_synced(path: Path, write: Callable[[BinaryIO], object]) -> None:
    with path.open("wb") as file:
        write(file)
        _sync(file)


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
