"""What a synthesized folder says of itself, and whether its files are as they were written.

walkway.json
train/01_wall.mp4        01_wall.labels.npz
test/01_corridor.mp4     01_corridor.labels.npz
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from normalcy.config import StrictConfig
from normalcy.datasets.base import CheckItem, Split
from normalcy.datasets.walkway.actors import AnomalyKind
from normalcy.datasets.walkway.settings import SettingName
from normalcy.errors import DatasetError, DatasetIncomplete
from normalcy.run_folder import write_text

# Raised whenever the same settings would give other pictures or labels.
GENERATOR_VERSION = 1
FILE_NAME = "walkway.json"


class Recipe(StrictConfig):
    """All that decides what is synthesized."""

    generator_version: int = GENERATOR_VERSION
    seed: int
    size_px: tuple[int, int]
    fps: float
    train_videos: int
    test_videos: int
    seconds_per_video: float
    settings: tuple[SettingName, ...]
    anomalies: tuple[AnomalyKind, ...]


class EventEntry(StrictConfig):
    """Neighbouring frames in which one actor is abnormal and in the picture, both ends included."""

    kind: AnomalyKind
    track_id: int
    first_frame: int
    last_frame: int


class VideoEntry(StrictConfig):
    """One video, its events and the checksums of its files."""

    name: str
    split: Split
    setting: SettingName
    frames: int
    events: tuple[EventEntry, ...]
    video_sha256: str
    labels_sha256: str

    def video_path(self, root: Path) -> Path:
        """Its mp4."""
        return root / self.split / f"{self.name}.mp4"

    def labels_path(self, root: Path) -> Path:
        """Its labels."""
        return root / self.split / f"{self.name}.labels.npz"


class Manifest(StrictConfig):
    """The recipe and what came of it."""

    recipe: Recipe
    videos: tuple[VideoEntry, ...]

    def of(self, split: Split) -> list[VideoEntry]:
        """Videos of a split in order."""
        return [entry for entry in self.videos if entry.split == split]


def read_manifest(root: Path) -> Manifest:
    """Reads the manifest of a folder.

    Raises:
        DatasetIncomplete: There is none.
        DatasetError: It is damaged or of another make.
    """
    path = root / FILE_NAME
    try:
        return Manifest.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        hint = "Make the scene with `normalcy data synthesize`"
        raise DatasetIncomplete(f"cannot be read ({error.strerror})", where=path, hint=hint) from error
    except (ValidationError, UnicodeDecodeError) as error:
        hint = "Delete the folder and make the scene again with `normalcy data synthesize`"
        raise DatasetError("is damaged or of another make", where=path, hint=hint) from error


def write_manifest(root: Path, manifest: Manifest) -> None:
    """Writes the manifest of a folder."""
    write_text(root / FILE_NAME, manifest.model_dump_json(indent=2) + "\n")


def sha256(path: Path) -> str:
    """Checksum of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def find_damage(root: Path, manifest: Manifest) -> Iterator[CheckItem]:
    """Files that are missing, or other than they were written."""
    for entry in manifest.videos:
        files = {entry.video_path(root): entry.video_sha256, entry.labels_path(root): entry.labels_sha256}
        for path, expected in files.items():
            name = path.relative_to(root)
            if not path.is_file():
                yield CheckItem("missing", f"{name}")
            elif sha256(path) != expected:
                yield CheckItem("wrong", f"{name} has changed since it was written")
