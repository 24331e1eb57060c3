"""A folder of a live engine: a bundle that judges a video in a moment, videos that are looped, and a configuration."""

import shutil
from pathlib import Path
from typing import Any

import yaml

from normalcy.live.config.live import LiveConfig, read_live_config


class EngineFolder:
    """Where an engine of a test lives.

    Attributes:
        path: The folder.
        file: Its configuration.
        said: What that says.
        media: Folder of videos.
    """

    def __init__(self, path: Path, *, run: Path, videos: Path) -> None:
        self.path, self.file, self.videos = path, path / "watch.yaml", videos
        shutil.copytree(run / "bundle", path / "bundle")
        self.said: dict[str, Any] = {
            "data": "data",
            "bundles": {"tiny": {"path": "bundle", "backend": "torch", "threads": 1}},
            "defaults": {"loop": True, "preview_height_px": 90},
            "cameras": {"calm": self.camera("calm")},
            "events": {"pre_roll_seconds": 1, "post_roll_seconds": 0.5, "cool_down_seconds": 1},
            "web": {"enabled": False},
        }
        self.write()

    def camera(self, name: str, **settings: Any) -> dict[str, Any]:
        """Settings of a camera that loops a video."""
        return {"source": str(self.videos / f"{name}.mp4"), **settings}

    def write(self, **sections: Any) -> None:
        """Writes the configuration, with other sections where they are named; whole, as editors do."""
        self.said |= sections
        temporary = self.file.with_suffix(".new")
        temporary.write_text(yaml.safe_dump(self.said))
        temporary.replace(self.file)

    @property
    def config(self) -> LiveConfig:
        """As it is read now."""
        return read_live_config(self.file)

    @property
    def data(self) -> Path:
        """Folder of events."""
        return self.path / "data"
