"""What kind of thing a source is: a file, pictures, a URL or a webcam."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal
from urllib.parse import urlsplit
from urllib.request import url2pathname

from normalcy.errors import UnreadableVideo
from normalcy.video.pictures import PICTURE_SUFFIXES, list_pictures
from normalcy.video.urls import as_url, is_live, redact, scheme_of

LARGEST_WEBCAM_NUMBER_DIGITS = 3


@dataclass(frozen=True)
class Source:
    """Something that can be opened.

    Attributes:
        kind: How it is opened.
        name: What it is called in messages and in `source_id`; holds no credentials.
        location: What the decoder is given; may hold credentials, so it is never shown.
        pictures: The pictures of a folder, in order.
        file: What a file is read from that lies where the decoder cannot open it; it can seek, and is not closed.
    """

    kind: Literal["file", "pictures", "url", "webcam"]
    name: str
    location: str = field(default="", repr=False)
    pictures: tuple[Path, ...] = ()
    file: BinaryIO | None = field(default=None, repr=False)

    @property
    def is_live(self) -> bool:
        """Whether frames arrive in real time."""
        return self.kind == "webcam" or (self.kind == "url" and is_live(self.location))


def find_source(source: str | Path) -> Source:
    """Tells what a source is.

    Raises:
        UnreadableVideo: It does not exist, is empty, or is a folder without pictures.
    """
    url = as_url(source)
    if url is not None and scheme_of(url) != "file":
        return Source("url", redact(url), url)
    path = Path(url2pathname(urlsplit(url).path)) if url else Path(source)
    try:
        return _find_path(source, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UnreadableVideo(
            f"cannot be read ({reason})", where=path, hint="Check its permissions."
        ) from error


def _find_path(source: str | Path, path: Path) -> Source:
    if path.is_dir():
        return _folder(path)
    if _is_webcam(source, path):
        return _webcam(source)
    if not path.exists():
        raise UnreadableVideo(
            "no such file or folder", where=path, hint=f"Relative paths start at {Path.cwd()}."
        )
    return _file(path)


def _folder(path: Path) -> Source:
    pictures = tuple(list_pictures(path))
    if not pictures:
        raise UnreadableVideo(
            "no pictures in this folder",
            where=path,
            hint=f"Name a video file, or a folder of {', '.join(sorted(PICTURE_SUFFIXES))}.",
        )
    return Source("pictures", str(path), pictures=pictures)


def _file(path: Path) -> Source:
    if path.is_file() and path.stat().st_size == 0:
        raise UnreadableVideo("the file is empty (0 bytes)", where=path, hint="Record or copy it again.")
    if path.suffix.lower() in PICTURE_SUFFIXES:
        return Source("pictures", str(path), pictures=(path,))
    # Absolute, because FFmpeg takes what stands before a colon in `10:15.mp4` for a protocol.
    return Source("file", str(path), str(path.absolute()))


def is_webcam(source: str | Path) -> bool:
    """Whether it names a webcam, which need not be there."""
    return _is_webcam(source, Path(source))


def _is_webcam(source: str | Path, path: Path) -> bool:
    if path.is_char_device() or path.as_posix().startswith("/dev/video"):
        return True
    text = str(source)
    is_number = isinstance(source, str) and text.isascii() and text.isdigit()
    return is_number and len(text) <= LARGEST_WEBCAM_NUMBER_DIGITS and not path.exists()


def _webcam(source: str | Path) -> Source:
    device = f"/dev/video{source}" if str(source).isdigit() else str(source)
    if sys.platform.startswith("linux") and not Path(device).exists():
        raise UnreadableVideo("no such camera", where=device, hint="`ls /dev/video*` lists those there are.")
    return Source("webcam", device, device)
