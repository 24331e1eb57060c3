"""Opens a video of an archive: a local file as it is, a small object as a whole, a large one in ranges.

One whose size nobody tells is copied to a file of this process first.
"""

import io
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from normalcy.archive.attempts import attempted
from normalcy.archive.listing import Video, gone
from normalcy.errors import NormalcyError, UnreadableVideo
from normalcy.video.sources import Source

_WHOLE_BYTES = 48 * 1024**2
_RANGE_BYTES = 8 * 1024**2
_COPIED_BYTES = 1024**2
_BUFFER_BYTES = 64 * 1024


@contextmanager
def opened(video: Video) -> Iterator[Source]:
    """What decoders read it from.

    Raises:
        UnreadableVideo: It is gone, empty, or may not be read.
    """
    if video.size_bytes == 0:
        raise _empty(video)
    from fsspec.core import url_to_fs
    from fsspec.implementations.local import LocalFileSystem

    with _told(video):
        files, path = url_to_fs(video.url)
    if isinstance(files, LocalFileSystem):
        if not files.exists(path):
            raise gone(video, FileNotFoundError())
        yield Source("file", video.name, path)
        return
    with _told(video):
        file = attempted(lambda: _file(files, path, video))
    with file:
        yield Source("file", video.name, file=file)


@contextmanager
def _told(video: Video) -> Iterator[None]:
    """Any error of a file system or its client says which video it is of; not all are OSErrors."""
    try:
        yield
    except NormalcyError:
        raise
    except Exception as error:
        raise gone(video, error) from None


def _file(files: object, path: str, video: Video) -> BinaryIO:
    """Whole where it is small: one question instead of many."""
    if video.size_bytes is None:
        return _copied(files, path, video)
    if video.size_bytes <= _WHOLE_BYTES:
        return io.BytesIO(files.cat_file(path))  # type: ignore[attr-defined]
    # Decoders read on and on, and now and then go back to an index: what is read ahead serves both.
    file = files.open(path, "rb", block_size=_RANGE_BYTES, cache_type="readahead")  # type: ignore[attr-defined]
    return io.BufferedReader(_Ranges(file, video), _BUFFER_BYTES)


class _Ranges(io.RawIOBase):
    """A file far away: a read that fails is tried again."""

    def __init__(self, file: BinaryIO, video: Video) -> None:
        self._file, self._video = file, video

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        with _told(self._video):
            # A read that failed leaves the file where it was.
            data = attempted(lambda: self._file.read(len(buffer)))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def _copied(files: object, path: str, video: Video) -> BinaryIO:
    """What is streamed cannot be read in ranges, nor does anybody know whether memory would hold it."""
    copy = cast(BinaryIO, tempfile.TemporaryFile(prefix="normalcy-"))  # noqa: SIM115 - closed by who reads it
    try:
        with files.open(path, "rb") as file:  # type: ignore[attr-defined]
            shutil.copyfileobj(file, copy, _COPIED_BYTES)
        if not copy.tell():
            raise _empty(video)
        copy.seek(0)
    except BaseException:
        copy.close()
        raise
    return copy


def _empty(video: Video) -> UnreadableVideo:
    return UnreadableVideo("the file is empty (0 bytes)", where=video.name, hint="Record or copy it again.")
