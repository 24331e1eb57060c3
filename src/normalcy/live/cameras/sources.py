"""What a camera's source is, how it is opened, and how it behaves."""

from dataclasses import dataclass, field
from enum import Enum, auto
from urllib.parse import urlsplit

from normalcy.live.cameras import pattern
from normalcy.live.cameras.timekeeping import Timing
from normalcy.live.config.camera import CameraConfig
from normalcy.live.config.secrets import resolve
from normalcy.video.contract import ReadOptions, VideoInfo
from normalcy.video.reader import VideoReader, open_video
from normalcy.video.sources import is_webcam
from normalcy.video.urls import as_url, scheme_of

_HTTP = frozenset({"http", "https"})


class SourceKind(Enum):
    """What kind of thing is opened."""

    URL = auto()
    FILE = auto()
    WEBCAM = auto()
    PATTERN = auto()

    @property
    def may_come_back(self) -> bool:
        """Whether trying again helps. A file that is not there is a mistake; a camera that is not may be off."""
        return self in (SourceKind.URL, SourceKind.WEBCAM)


@dataclass(frozen=True)
class Manners:
    """How a source behaves once it is open.

    Attributes:
        waits: Its frames wait for room in the buffer; those of others give way to newer ones.
        paced: Its frames are held back until they are due.
        timing: What tells their time.
        repeats: A new connection may begin with frames that an earlier one gave.
    """

    waits: bool
    paced: bool
    timing: Timing
    repeats: bool = False


@dataclass(frozen=True)
class CameraSource:
    """What a camera watches, with its secrets in place.

    Attributes:
        kind: How it is opened.
        location: What is opened; never shown.
    """

    kind: SourceKind
    location: str = field(repr=False)

    @property
    def scheme(self) -> str:
        """Of its URL; empty where it is none."""
        return scheme_of(self.location) if self.kind is SourceKind.URL else ""

    @property
    def is_segmented(self) -> bool:
        """HLS: seconds of video arrive at once."""
        return self.scheme in _HTTP and urlsplit(self.location).path.endswith((".m3u8", ".m3u"))


def find_camera_source(config: CameraConfig) -> CameraSource:
    """Tells what a camera watches, whether it is there or not; only here secrets are put in place.

    Raises:
        ConfigError: A secret is not there.
    """
    location = resolve(config.watched)
    return CameraSource(_kind_of(location), location)


def _kind_of(location: str) -> SourceKind:
    if location.startswith(pattern.NAME):
        return SourceKind.PATTERN
    url = as_url(location)
    if url is not None and scheme_of(url) != "file":
        return SourceKind.URL
    return SourceKind.WEBCAM if is_webcam(location) else SourceKind.FILE


def manners_of(source: CameraSource, config: CameraConfig, info: VideoInfo) -> Manners:
    """How a source behaves, from what is known of it once it is open."""
    if source.kind is SourceKind.PATTERN:
        return Manners(not config.natural_speed, config.natural_speed, Timing.CONTINUOUS)
    if source.kind is SourceKind.FILE or (source.kind is SourceKind.URL and not info.is_live):
        return Manners(True, config.natural_speed, Timing.CONTINUOUS)
    lacks_times = source.scheme in _HTTP and info.codec == "mjpeg"
    timing = Timing.ARRIVAL if lacks_times else Timing.STREAM
    return Manners(False, source.is_segmented, timing, repeats=source.is_segmented)


def open_camera(source: CameraSource, options: ReadOptions) -> VideoReader:
    """Opens what a camera watches.

    Raises:
        ConfigError: It is no pattern.
        VideoError: It cannot be opened.
    """
    if source.kind is SourceKind.PATTERN:
        backend = pattern.PatternBackend(pattern.Pattern.parse(source.location))
        return VideoReader(backend, options, source_id=source.location)
    return open_video(source.location, options)


def reading_options(
    source: CameraSource, config: CameraConfig, *, size_px: tuple[int, int] | None = None, grey: bool = False
) -> ReadOptions:
    """How a source is read."""
    is_rtsp = source.scheme in {"rtsp", "rtsps"}
    return ReadOptions(
        size_px=size_px,
        grey=grey,
        open_timeout_seconds=config.open_timeout_seconds,
        read_timeout_seconds=config.read_timeout_seconds,
        preview_height_px=config.preview_height_px,
        ffmpeg_options=(("rtsp_transport", config.transport),) if is_rtsp else (),
    )
