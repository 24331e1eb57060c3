"""The decode-once cache: each video is decoded once per size, and every later epoch reads memory-mapped frames.

An entry is named by what is in the video and how it is read, never by where it lies. It is built in a temporary
folder under a lock, written through to the disk, then renamed, so that

- two processes that need the same video decode it once: the second waits and finds it;
- a process that is killed half-way leaves nothing that counts, and the next one clears it away.

What the reader warned of is kept with the frames and said again each time they are opened.

Letters: T frames, C channels (1 grey, 3 RGB), H height, W width.
"""

import contextlib
import hashlib
import json
import logging
import os
import shutil
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from normalcy import errors
from normalcy.datasets.base import LabelledVideo
from normalcy.datasets.cache_entry import (
    FORMAT_VERSION,
    CachedVideo,
    read_entry,
    seal_entry,
    sync_folder,
    write_frames,
    writing_to,
)
from normalcy.errors import ConfigError, NormalcyWarning, OutputError, UnreadableVideo
from normalcy.video.reader import ReadOptions, decoder_version, list_pictures, open_video

logger = logging.getLogger(__name__)

_CHUNK_BYTES = 1 << 20


class FrameCache:
    """Decoded frames in a folder, shared by all processes that name the same one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(
        self,
        video: LabelledVideo,
        *,
        size_px: tuple[int, int],
        channels: int,
        stride_frames: int = 1,
        on_frame: Callable[[int], None] | None = None,
    ) -> CachedVideo:
        """The frames of a video at a size, decoded now if they never were.

        Args:
            video: What to decode.
            size_px: (height, width).
            channels: 1 grey, 3 RGB.
            stride_frames: Keeps every n-th frame.
            on_frame: Called with the number of frames decoded so far, for progress; never when cached.

        Raises:
            ConfigError: `channels` is neither.
            VideoError: The video cannot be decoded.
            DiskFull: No room left; what was written of this video is removed.
            OutputError: The cache folder cannot be written.
        """
        if channels not in (1, 3):
            raise ConfigError(f"{channels} channels: frames are grey (1) or RGB (3)")
        options = ReadOptions(size_px=size_px, grey=channels == 1, stride_frames=stride_frames, fps=video.fps)
        about = _about(video, size_px=size_px, channels=channels, stride_frames=stride_frames)
        key = _key(about)
        entry = self.folder / key
        cached = read_entry(entry)
        if cached is None:
            with self._locked(key):
                # Another process may have built it while this one waited.
                cached = read_entry(entry)
                if cached is None:
                    cached = self._build(entry, video, options, about, on_frame)
        for kind, text in cached.notes:
            warnings.warn(text, getattr(errors, kind, NormalcyWarning), stacklevel=2)
        return cached

    def holds(self, video: LabelledVideo, *, size_px: tuple[int, int], channels: int) -> bool:
        """Whether a video was decoded already; of one that cannot be read, nothing is held."""
        try:
            about = _about(video, size_px=size_px, channels=channels, stride_frames=1)
        except UnreadableVideo:
            return False
        return read_entry(self.folder / _key(about)) is not None

    @contextlib.contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        """Keeps other processes from building the same entry."""
        lock = FileLock(self.folder / f"{key}.lock")
        with writing_to(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _build(
        self,
        entry: Path,
        video: LabelledVideo,
        options: ReadOptions,
        about: dict[str, Any],
        on_frame: Callable[[int], None] | None,
    ) -> CachedVideo:
        """Decodes into a temporary folder and renames it; the lock of the entry must be held."""
        self._clear_unfinished(entry)
        partial = entry.with_name(f"{entry.name}.{uuid.uuid4().hex[:8]}.partial")
        logger.info("decoding %s into the cache as %s", video.path, entry.name)
        try:
            with _noting() as notes, open_video(video.path, options) as frames:
                write_frames(
                    partial, frames, size_px=about["size_px"], channels=about["channels"], on_frame=on_frame
                )
            seal_entry(partial, notes=notes, about={**about, "name": video.name})
            with writing_to(self.folder):
                partial.rename(entry)
                sync_folder(self.folder)
        except OutputError as error:
            # The temporary folder is gone by the time that anybody reads this.
            raise type(error)(error.what, where=self.folder, hint=error.hint) from error
        finally:
            # Nothing is left to remove once the rename went through.
            shutil.rmtree(partial, ignore_errors=True)
        built = read_entry(entry)
        if built is None:
            raise OutputError("was damaged while it was written", where=entry, hint="Check this disk")
        return built

    def _clear_unfinished(self, entry: Path) -> None:
        """Removes what killed processes left behind, of this entry and of any that nobody is writing now."""
        _remove(entry)
        for partial in self.folder.glob("*.partial"):
            key = partial.name.split(".")[0]
            if key == entry.name:
                _remove(partial)
                continue
            with contextlib.suppress(Timeout), FileLock(self.folder / f"{key}.lock", timeout=0):
                _remove(partial)


def _remove(folder: Path) -> None:
    if folder.exists():
        logger.info("removing the unfinished cache entry %s", folder.name)
        with writing_to(folder):
            shutil.rmtree(folder)


@contextlib.contextmanager
def _noting() -> Iterator[list[tuple[str, str]]]:
    """Collects normalcy's warnings, to be given whenever the entry is opened; others are passed on at the end."""
    notes: list[tuple[str, str]] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield notes
    for warning in caught:
        if issubclass(warning.category, NormalcyWarning):
            notes.append((warning.category.__name__, str(warning.message)))
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


def fingerprint(path: Path) -> str:
    """What is in a video, without reading all of it.

    A file: its size, time of change, and its first, middle and last megabyte. A folder: name, size and time of
    change of each picture. The place on disk does not count. UnreadableVideo when it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        if path.is_dir():
            for picture in list_pictures(path):
                stat = picture.stat()
                digest.update(f"{picture.name}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
        else:
            _hash_file(path, digest.update)
    except OSError as error:
        raise UnreadableVideo(error.strerror or str(error), where=path) from error
    return digest.hexdigest()


def content_hash(path: Path) -> str:
    """What is in a video, wherever and whenever it was written.

    Of a file its size, and its first, middle and last megabyte; of a folder of pictures all of each. UnreadableVideo
    when it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        if path.is_dir():
            for picture in list_pictures(path):
                digest.update(f"{picture.name}\0".encode() + hashlib.sha256(picture.read_bytes()).digest())
        else:
            _hash_file(path, digest.update, times=False)
    except OSError as error:
        raise UnreadableVideo(error.strerror or str(error), where=path) from error
    return digest.hexdigest()


def _hash_file(path: Path, update: Callable[[bytes], None], *, times: bool = True) -> None:
    with path.open("rb") as file:
        stat = os.fstat(file.fileno())
        update(f"{stat.st_size}\0{stat.st_mtime_ns if times else 0}\n".encode())
        for offset in (0, (stat.st_size - _CHUNK_BYTES) // 2, stat.st_size - _CHUNK_BYTES):
            file.seek(max(offset, 0))
            update(file.read(_CHUNK_BYTES))


def _about(
    video: LabelledVideo, *, size_px: tuple[int, int], channels: int, stride_frames: int
) -> dict[str, Any]:
    """What an entry is named by; UnreadableVideo where the video is not there."""
    return {
        "source": fingerprint(video.path),
        "decoder": decoder_version(),
        "size_px": size_px,
        "channels": channels,
        "stride_frames": stride_frames,
        "fps": video.fps,
    }


def _key(about: dict[str, Any]) -> str:
    text = json.dumps({"format_version": FORMAT_VERSION, **about}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
