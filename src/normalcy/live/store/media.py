"""Pictures and clips on the disk, as the rows of events name them.

    media/<event.media>/    snapshot.jpg  heatmap.jpg  clip.mp4

What has such a name behind a dot is being written, or was when a process died.
"""

import shutil
from contextlib import suppress
from pathlib import Path, PurePosixPath

FILES = frozenset({"snapshot.jpg", "heatmap.jpg", "clip.mp4"})
_TEMPORARY = tuple(f".{name}" for name in sorted(FILES))


def is_temporary(path: Path) -> bool:
    """Whether it is a file of ours that was not complete yet."""
    return path.name.startswith(_TEMPORARY)


def event_folder(media: Path, name: str) -> Path | None:
    """The folder that an event names below the media folder; None where it names none, or one elsewhere."""
    parts = PurePosixPath(name).parts
    is_below = bool(parts) and ".." not in parts and not PurePosixPath(name).is_absolute()
    return media.joinpath(*parts) if is_below else None


def stored_bytes(folder: Path) -> int | None:
    """What its complete files take; 0 where there is no such folder, None where it cannot be read."""
    try:
        return sum(_size_bytes(path) for path in folder.iterdir() if not path.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return 0
    except OSError:
        return None


def _size_bytes(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size if path.is_file() else 0
    return 0  # deleted meanwhile


def delete_folder(media: Path, name: str) -> None:
    """Deletes an event's folder, and those above it that hold nothing else.

    Raises:
        OSError: It cannot be deleted.
    """
    folder = event_folder(media, name)
    if folder is None:
        return
    if folder.exists():
        shutil.rmtree(folder)
    delete_empty(folder.parent, below=media)


def delete_empty(folder: Path, *, below: Path) -> None:
    """Deletes a folder where it is empty, and those above it likewise; `below` itself stays."""
    while folder != below and folder.is_relative_to(below):
        try:
            folder.rmdir()
        except OSError:
            return  # it holds something, or somebody was faster
        folder = folder.parent
