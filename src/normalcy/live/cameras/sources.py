"""What a camera's source is, how it is opened, and how it behaves."""

from dataclasses import dataclass
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
    """

    waits: bool
    paced: bool
    timing: Timing


def kind_of(source: str) -> SourceKind:
    """Tells what a source is, whether it is there or not; secrets need not be in place."""
    if source.startswith(pattern.NAME):
        return SourceKind.PATTERN
    url = as_url(source)
    if url is not None and scheme_of(url) != "file":
        return SourceKind.URL
    return SourceKind.WEBCAM if is_webcam(source) else SourceKind.FILE


def manners_of(config: CameraConfig, info: VideoInfo) -> Manners:
    """How the source of a camera behaves, from what is known of it once it is open."""
    kind = kind_of(config.watched)
    if kind is SourceKind.PATTERN:
        return Manners(not config.natural_speed, config.natural_speed, Timing.CONTINUOUS)
    if kind is SourceKind.FILE or (kind is SourceKind.URL and not info.is_live):
        return Manners(True, config.natural_speed, Timing.CONTINUOUS)
    if _comes_in_segments(config.watched):
        return Manners(False, True, Timing.STREAM)
    has_times = kind is SourceKind.WEBCAM or info.codec != "mjpeg" or not _is_http(config.watched)
    return Manners(False, False, Timing.STREAM if has_times else Timing.ARRIVAL)


def _comes_in_segments(source: str) -> bool:
    """HLS: seconds of video arrive at once, and are shown one after the other."""
    return _is_http(source) and urlsplit(source).path.endswith((".m3u8", ".m3u"))


def _is_http(source: str) -> bool:
    return scheme_of(source) in {"http", "https"}


def open_camera(config: CameraConfig, options: ReadOptions) -> VideoReader:
    """Opens what a camera watches; only here secrets are put in place.

    Args:
        config: Of the camera.
        options: Size, colour and preview; time-outs and transport are the camera's.

    Raises:
        ConfigError: A secret is not there, or it is no pattern.
        VideoError: It cannot be opened.
    """
    source = resolve(config.watched)
    if kind_of(source) is SourceKind.PATTERN:
        return VideoReader(pattern.PatternBackend(pattern.Pattern.parse(source)), options, source_id=source)
    return open_video(source, options)


def reading_options(
    config: CameraConfig, *, size_px: tuple[int, int] | None = None, grey: bool = False
) -> ReadOptions:
    """How a camera is read."""
    is_rtsp = scheme_of(config.watched) in {"rtsp", "rtsps"}
    return ReadOptions(
        size_px=size_px,
        grey=grey,
        open_timeout_seconds=config.open_timeout_seconds,
        read_timeout_seconds=config.read_timeout_seconds,
        preview_height_px=config.preview_height_px,
        ffmpeg_options=(("rtsp_transport", config.transport),) if is_rtsp else (),
    )
