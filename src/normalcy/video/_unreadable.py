"""Why something could not be opened, in words that help."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import av.error

from normalcy.errors import UnreadableVideo, VideoTimeout
from normalcy.video.sources import Source

_URL_HINTS: tuple[tuple[type[av.error.FFmpegError], str], ...] = (
    (av.error.HTTPUnauthorizedError, "Check user and password in the URL."),
    (av.error.HTTPForbiddenError, "Check user and password in the URL, and what this user may see."),
    (av.error.HTTPNotFoundError, "Check the path in the URL; the maker of a camera documents it."),
    (av.error.ConnectionRefusedError, "Check host and port, and that the camera or server is running."),
)
_TEXT_SAMPLE_BYTES = 256
_MOST_BOXES = 100


def why_unreadable(source: Source, error: Exception) -> UnreadableVideo:
    """The error for a file, URL or webcam that did not open; says nothing of its credentials."""
    reason = getattr(error, "strerror", None) or type(error).__name__
    if source.kind == "url":
        hint = next(
            (hint for kind, hint in _URL_HINTS if isinstance(error, kind)), "Try the URL in a player."
        )
        return UnreadableVideo(f"cannot be opened ({reason})", where=source.name, hint=hint)
    if isinstance(error, PermissionError):
        return UnreadableVideo("you may not read it", where=source.name, hint="Change its permissions.")
    if source.kind == "webcam":
        hint = "Close other programs that use the camera."
        return UnreadableVideo(f"the camera cannot be opened ({reason})", where=source.name, hint=hint)
    return _why_file(source, reason)


def _why_file(source: Source, reason: str) -> UnreadableVideo:
    with _content(source) as file:
        lacks_index, is_text = bool(file and _lacks_index(file)), bool(file and _is_text(file))
    if lacks_index:
        return UnreadableVideo(
            "its index (the moov box at the end of an mp4) is missing, because recording or copying was cut off",
            where=source.name,
            hint="Copy it again, or rebuild the index with `untrunc` from a whole video of the same camera. "
            "Recorded as mkv, ts or fragmented mp4, a cut costs only the end.",
        )
    if is_text:
        return UnreadableVideo(
            "this is text, not video", where=source.name, hint="Check which file you named."
        )
    return UnreadableVideo(
        f"no video that can be decoded ({reason})",
        where=source.name,
        hint="Try it in a player, or copy it again.",
    )


@contextmanager
def _content(source: Source) -> Iterator[BinaryIO | None]:
    """What a file holds; None where there is none."""
    if source.file:
        yield source.file
    elif Path(source.location).is_file():
        with Path(source.location).open("rb") as file:
            yield file
    else:
        yield None


def _lacks_index(file: BinaryIO) -> bool:
    """Whether it is an mp4 or mov without its `moov` box."""
    boxes = _top_level_boxes(file)
    return boxes[:1] == [b"ftyp"] and b"moov" not in boxes


def _top_level_boxes(file: BinaryIO) -> list[bytes]:
    boxes: list[bytes] = []
    file.seek(0)
    while len(header := file.read(8)) == 8 and len(boxes) < _MOST_BOXES:
        size, read = int.from_bytes(header[:4], "big"), 8
        boxes.append(header[4:])
        if size == 1:
            size, read = int.from_bytes(file.read(8), "big"), 16
        if size < read:
            break
        file.seek(size - read, 1)
    return boxes


def _is_text(file: BinaryIO) -> bool:
    file.seek(0)
    sample = file.read(_TEXT_SAMPLE_BYTES)
    return sample.isascii() and b"\0" not in sample


def is_timeout(error: Exception, *, waited_seconds: float, limit_seconds: float) -> bool:
    """Whether a URL was given up because of its time-out; RTSP then reports invalid data."""
    return isinstance(error, av.error.ExitError | av.error.TimeoutError) or waited_seconds >= limit_seconds


def timed_out(source: Source, *, what: str, limit_seconds: float) -> VideoTimeout:
    """The error for a URL that was given up."""
    return VideoTimeout(
        f"{what} within {limit_seconds:g} s",
        where=source.name,
        hint="Check that the camera is on and the network reaches it; a slow one needs a longer time-out.",
    )
