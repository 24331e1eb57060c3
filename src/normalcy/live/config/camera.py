"""One camera: where its pictures come from, how they are read, and what alarms."""

from typing import Literal

from pydantic import Field, field_validator

from normalcy.config import StrictConfig
from normalcy.live.config.regions import RegionConfig
from normalcy.live.config.schedule import WatchHours
from normalcy.video.urls import as_url

TEST_PATTERN = "test-pattern"
"""What a moving square is named, perhaps with more after it."""


def names_file(source: str) -> bool:
    """Whether a source names a file or folder, which need not be there; not where a secret stands for it.

    >>> [names_file(each) for each in ("a.mp4", "rtsp://door/1", "test-pattern", "0", "${DOOR}")]
    [True, False, False, False, False]
    """
    is_other = source.startswith(TEST_PATTERN) or source.isdigit() or "${" in source
    return as_url(source) is None and not is_other


class CameraSettings(StrictConfig):
    """What all cameras may share; `defaults` of the configuration holds the same keys.

    Attributes:
        bundle: Name of the detector in `bundles`; the only one where there is one.
        enabled: Whether it is watched at all.
        transport: How RTSP travels.
        open_timeout_seconds: How long it may take to answer, and to send its first data, each.
        read_timeout_seconds: How long it may stay silent before it is taken for gone.
        backoff_first_seconds: Wait before the first attempt to reconnect.
        backoff_most_seconds: No wait between attempts is longer.
        max_fps: Frames beyond this rate are not scored; none without.
        stride: Only every so many frames is scored.
        loop: A file or folder starts again at its end.
        natural_speed: A file or folder is played as fast as it was recorded; as fast as it can be scored without.
        buffer_frames: Frames that wait to be scored, at most.
        false_alarms_per_day: The rate at which it may alarm on normal video; that of the bundle without.
        alert_per_day: An event is an *alert* when normal video reaches its peak less often than this; a *notice* else.
        regions: Polygons to watch and to ignore.
        schedule: When it alarms; always without.
        preview_height_px: Of its picture in the dashboard and in clips.
        scene_change: Whether a changed view or sudden darkness is told from what happens in it.
    """

    bundle: str | None = None
    enabled: bool = True
    transport: Literal["tcp", "udp"] = "tcp"
    open_timeout_seconds: float = Field(10.0, gt=0)
    read_timeout_seconds: float = Field(10.0, gt=0)
    backoff_first_seconds: float = Field(1.0, gt=0)
    backoff_most_seconds: float = Field(60.0, gt=0)
    max_fps: float | None = Field(None, gt=0)
    stride: int = Field(1, ge=1)
    loop: bool = False
    natural_speed: bool = True
    buffer_frames: int = Field(16, ge=2, le=256)
    false_alarms_per_day: float | None = Field(None, gt=0, allow_inf_nan=False)
    alert_per_day: float = Field(0.1, gt=0, allow_inf_nan=False)
    regions: tuple[RegionConfig, ...] = ()
    schedule: tuple[WatchHours, ...] = ()
    preview_height_px: int = Field(360, ge=90, le=1080)
    scene_change: bool = True

    @property
    def alarming_regions(self) -> tuple[str, ...]:
        """Names of the regions that alarm, each by itself; the whole picture, which alarms without any, has none."""
        return tuple(each.name for each in self.regions if each.mode == "watch") or ("",)

    @field_validator("regions")
    @classmethod
    def _distinct(cls, regions: tuple[RegionConfig, ...]) -> tuple[RegionConfig, ...]:
        names = [region.name for region in regions]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"there are two regions {twice[0]!r}")
        return regions


class CameraConfig(CameraSettings):
    """One camera.

    Attributes:
        source: URL, file, folder of pictures, webcam (`/dev/video0`), or `test-pattern`. May hold `${SECRET}`. A
            relative path starts at the configuration's folder.
        substream: A smaller stream of the same camera. Where there is one, it alone is opened: it is scored, shown, and
            in clips. `source` then says what the camera's full stream is, to switch back to and to try.
        title: What people call it; its name without.
    """

    source: str = Field(min_length=1)
    substream: str | None = None
    title: str = ""

    @property
    def watched(self) -> str:
        """What is opened."""
        return self.substream or self.source
