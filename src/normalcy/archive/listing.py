"""Which videos an archive holds: patterns, folders and single files, here or in an object store.

A video's name is its path below the part of the pattern that is fixed. Its day is that in its name, else the day on
which the object was last changed (UTC).
"""

import datetime
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from normalcy.errors import InputError, UnreadableVideo
from normalcy.video.urls import redact

VIDEO_SUFFIXES = frozenset(
    {
        ".3gp",
        ".avi",
        ".flv",
        ".m2ts",
        ".m4v",
        ".mkv",
        ".mov",
        ".mp4",
        ".mpeg",
        ".mpg",
        ".mts",
        ".ts",
        ".webm",
        ".wmv",
    }
)
_MAGIC = re.compile(r"[*?\[]")
_DATE = re.compile(r"(?<!\d)(20\d\d|19\d\d)([-_.]?)(\d\d)\2(\d\d)(?=$|\D|\d{6}(?!\d))")
_RESERVED = re.compile(r"""[\x00-\x1f\x7f"#%'*/:=?\\{\[\]^]""")
"""What Hive writes as %XX in the name of a partition; all else may stand in a folder's name."""
_LONGEST_NAME_BYTES = 240
"""File systems take names of 255 bytes, and `video=` stands before it."""
_TIMES = ("mtime", "LastModified", "last_modified", "updated", "created")


@dataclass(frozen=True)
class Video:
    """One video of an archive.

    Attributes:
        name: Its own among all.
        url: Where it lies; may hold credentials, so it is never shown.
        size_bytes: Of the file; None where the file system does not tell.
        modified: UTC time of its last change, ISO 8601; empty where nobody knows.
        day: `YYYY-MM-DD`.
    """

    name: str
    url: str = field(repr=False)
    size_bytes: int | None
    modified: str
    day: str

    @property
    def folder(self) -> str:
        """Its folder in tables, below `scores`, `events` and `videos`."""
        return f"day={self.day}/video={folder_name(self.name)}"


def folder_name(name: str) -> str:
    """A video's name as part of a folder's.

    >>> folder_name("Türe 1/50%.mp4")
    'Türe 1%2F50%25.mp4'
    """
    return _RESERVED.sub(lambda found: f"%{ord(found[0]):02X}", name)


def list_videos(patterns: Sequence[str]) -> list[Video]:
    """The videos of all patterns, in the order of their names; one that several match is listed once.

    Args:
        patterns: Files, folders, and patterns with `*`, `**`, `?` and `[...]`; local or of any file system that fsspec
            knows.

    Raises:
        InputError: A pattern matches nothing, or cannot be listed.
    """
    by_url: dict[str, Video] = {}
    names = set[str]()
    for pattern in patterns:
        for video in _matches(pattern):
            if video.url in by_url:
                continue
            if video.name in names:
                raise InputError(
                    f"two videos are called {video.name}",
                    where=redact(pattern),
                    hint="Give a pattern that begins in a folder further up",
                )
            by_url[video.url] = video
            names.add(video.name)
    return sorted(by_url.values(), key=lambda video: video.name)


def _matches(pattern: str) -> Iterator[Video]:
    from fsspec.core import url_to_fs

    try:
        files, path = url_to_fs(pattern, use_listings_cache=False)
        found: dict[str, dict[str, Any]] = _found(files, path)
    except Exception as error:  # clients of object stores have errors of their own, which are no OSError
        raise InputError(f"cannot be listed ({reason(error)})", where=redact(pattern)) from None
    if not found:
        hint = "Quote the pattern, so that the shell does not take it apart, and see whether `**` is needed"
        raise InputError("no video there", where=redact(pattern), hint=hint)
    root = _root(path, found)
    for where, about in sorted(found.items()):
        yield _video(where[len(root) :].lstrip("/"), files.unstrip_protocol(where), about)


def _found(files: Any, path: str) -> dict[str, dict[str, Any]]:
    if _MAGIC.search(path):
        matches = files.glob(path, detail=True)
    elif files.isdir(path):
        matches = {
            where: about
            for where, about in files.find(path, detail=True).items()
            if f".{where.rpartition('.')[2].lower()}" in VIDEO_SUFFIXES
        }
    else:
        matches = {path: files.info(path)}
    return {where: about for where, about in matches.items() if about["type"] == "file"}


def _root(path: str, found: dict[str, dict[str, Any]]) -> str:
    """What of the paths is no part of names."""
    if match := _MAGIC.search(path):
        return path[: match.start()].rpartition("/")[0]
    return path.rpartition("/")[0] if path in found else path


def _video(name: str, url: str, about: dict[str, Any]) -> Video:
    name = name.encode("utf-8", "backslashreplace").decode("utf-8")
    modified, size = modified_of(about), about.get("size")
    size_bytes = None if size is None else int(size)
    return Video(_that_fits(name), url, size_bytes, modified, day_of(name, modified))


def _that_fits(name: str) -> str:
    """The name; of one that is too long for a folder a digest and as much of its end as fits."""
    if _bytes_in_folder(name) <= _LONGEST_NAME_BYTES:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    end = name[-_LONGEST_NAME_BYTES:]
    while _bytes_in_folder(shorter := f"{digest}~{end}") > _LONGEST_NAME_BYTES:
        end = end[1:]
    return shorter


def _bytes_in_folder(name: str) -> int:
    return len(folder_name(name).encode())


def modified_of(about: dict[str, Any]) -> str:
    """UTC time of the last change of what a file system tells about, ISO 8601; empty where it does not tell."""
    value = next((about[key] for key in _TIMES if about.get(key)), None)
    if isinstance(value, int | float):
        value = datetime.datetime.fromtimestamp(value, datetime.UTC)
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).isoformat()
    return str(value or "")


def day_of(name: str, modified: str) -> str:
    """The last day in a name, else that of a time; `unknown` where neither tells.

    >>> day_of("door/2026-03-01/cam2_20260302_120000.mp4", ""), day_of("door.mp4", "2026-05-04T23:59:00+00:00")
    ('2026-03-02', '2026-05-04')
    """
    for year, _, month, day in reversed(_DATE.findall(name)):
        try:
            return datetime.date(int(year), int(month), int(day)).isoformat()
        except ValueError:
            continue
    return modified[:10] or "unknown"


def reason(error: Exception) -> str:
    """What an error of a file system says, in one line and without credentials."""
    found = getattr(error, "strerror", None) or str(error) or type(error).__name__
    # A URL may stand behind a quote or a bracket; a password may hold either.
    shown = re.sub(r"[a-z][a-z0-9+.-]*://\S+", lambda url: redact(url[0]), str(found), flags=re.I)
    return " ".join(shown.split())[:200]


def gone(video: Video, error: Exception) -> UnreadableVideo:
    """The error for a video that was listed and cannot be read."""
    if isinstance(error, FileNotFoundError):
        return UnreadableVideo("is gone", where=video.name)
    return UnreadableVideo(f"cannot be read ({reason(error)})", where=video.name)
