"""Files in the media folder that no event names."""

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from normalcy.live.store.media import FILES, delete_empty, is_temporary


@dataclass(frozen=True)
class Stray:
    """Files of one folder that no event names.

    Attributes:
        kind: `temporary`: half-written; `orphan`: media of an event that is gone; `foreign`: not of the engine.
        media: The media folder.
        folder: Where they lie.
        files: They; none where the folder is empty.
    """

    kind: Literal["temporary", "orphan", "foreign"]
    media: Path
    folder: Path
    files: tuple[Path, ...]

    @property
    def what(self) -> str:
        """In words."""
        said = {"temporary": "was not written to its end", "orphan": "belongs to no event"}
        names = ", ".join(sorted(path.name for path in self.files))
        place = self.folder.relative_to(self.media)
        return f"{place / names if names else place} {said.get(self.kind, 'is not of the engine')}"

    @property
    def is_ours(self) -> bool:
        """Whether it may be deleted: nobody else's file ever is."""
        return self.kind != "foreign"

    def delete(self) -> None:
        """Deletes the files, and folders that are empty then.

        Raises:
            OSError: One cannot be deleted.
        """
        for path in self.files:
            path.unlink(missing_ok=True)
        delete_empty(self.folder, below=self.media)


def stray_media(media: Path, claimed: Collection[str], *, settled_at: float) -> Iterator[Stray]:
    """Finds them.

    Args:
        media: The media folder.
        claimed: Folders that events name.
        settled_at: What changed later is passed over.
    """
    for name, below, files in os.walk(media):
        folder = Path(name)
        is_claimed = folder.relative_to(media).as_posix() in claimed
        for kind, paths in _by_kind(folder, files).items():
            old = tuple(path for path in paths if _changed_at(path) <= settled_at)
            if old and (kind == "temporary" or not is_claimed):
                yield Stray(kind, media, folder, old)
        is_empty = not (below or files or is_claimed or folder == media)
        if is_empty and _changed_at(folder) <= settled_at:
            yield Stray("orphan", media, folder, ())


def _by_kind(folder: Path, names: list[str]) -> dict[Literal["temporary", "orphan", "foreign"], list[Path]]:
    found: dict[Literal["temporary", "orphan", "foreign"], list[Path]] = {}
    for path in (folder / name for name in sorted(names)):
        is_ours = path.name in FILES
        found.setdefault(
            "temporary" if is_temporary(path) else "orphan" if is_ours else "foreign", []
        ).append(path)
    return found


def _changed_at(path: Path) -> float:
    """When it changed last; never, where it is gone meanwhile."""
    try:
        return path.lstat().st_mtime
    except OSError:
        return float("inf")
