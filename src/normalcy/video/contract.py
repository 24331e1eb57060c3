"""What a reader may be asked for, what it tells of a source, and what each backend must offer.

source ──find_source──> backend ──Decoded──> scaler ──Frame──> reader
                        (pyav, pictures, opencv)
"""

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from normalcy.errors import ConfigError

if TYPE_CHECKING:
    import av

DEFAULT_FPS = 25.0


@dataclass(frozen=True)
class ReadOptions:
    """How a source is read.

    Attributes:
        size_px: (height, width) of every frame; None keeps the source's.
        grey: One channel instead of three.
        stride_frames: Only frames whose index is a multiple of this, wherever reading starts.
        start_seconds: First presentation time that is given.
        end_seconds: First presentation time that is no longer given; None reads to the end.
        fps: Frames per second of a folder of pictures (25 when None); videos say it themselves.
        open_timeout_seconds: How long a URL may take to be found, to answer, and to send its first data, each.
        read_timeout_seconds: How long a URL may stay silent.
        preview_height_px: Height of a second, coloured rendition of each frame, for people; None makes none.
        decode_threads: How many decode a video; as many as there are cores where None.
        ffmpeg_options: (name, value) pairs passed to FFmpeg as they are: `("rtsp_transport", "udp")`,
            `("video_size", "1280x720")` for a webcam. May hold a secret, so it is never shown.

    Raises:
        ConfigError: A value out of range.
    """

    size_px: tuple[int, int] | None = None
    grey: bool = False
    stride_frames: int = 1
    start_seconds: float = 0.0
    end_seconds: float | None = None
    fps: float | None = None
    open_timeout_seconds: float = 10.0
    read_timeout_seconds: float = 10.0
    preview_height_px: int | None = None
    decode_threads: int | None = None
    ffmpeg_options: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        _require(self.size_px is None or min(self.size_px) >= 1, f"size_px={self.size_px}", "at least (1, 1)")
        _require(self.stride_frames >= 1, f"stride_frames={self.stride_frames}", "1 or more")
        _require(self.start_seconds >= 0, f"start_seconds={self.start_seconds}", "0 or more")
        _require(
            self.end_seconds is None or self.end_seconds > self.start_seconds,
            f"end_seconds={self.end_seconds}",
            f"more than start_seconds={self.start_seconds}",
        )
        _require(self.fps is None or self.fps > 0, f"fps={self.fps}", "more than 0")
        _require(self.open_timeout_seconds > 0, f"open_timeout_seconds={self.open_timeout_seconds}", "over 0")
        _require(
            self.preview_height_px is None or self.preview_height_px >= 1,
            f"preview_height_px={self.preview_height_px}",
            "1 or more",
        )
        _require(
            self.decode_threads is None or self.decode_threads >= 1,
            f"decode_threads={self.decode_threads}",
            "1 or more",
        )
        _require(self.read_timeout_seconds > 0, f"read_timeout_seconds={self.read_timeout_seconds}", "over 0")

    def wants(self, index: int, pts_seconds: float) -> bool:
        """Whether the frame at this place and time is given."""
        inside = pts_seconds >= self.start_seconds and not self.is_past(pts_seconds)
        return inside and index % self.stride_frames == 0

    def is_past(self, pts_seconds: float) -> bool:
        """Whether nothing from this time on is given."""
        return self.end_seconds is not None and pts_seconds >= self.end_seconds


def _require(holds: bool, value: str, expected: str) -> None:
    if not holds:
        raise ConfigError(f"{value} is out of range", where="read options", hint=f"It must be {expected}.")


@dataclass(frozen=True)
class VideoInfo:
    """What is known of a source once its first frame is decoded.

    Attributes:
        width_px: Width of the upright picture, before any scaling.
        height_px: Height of the upright picture, before any scaling.
        fps: Mean frames per second, as the container says.
        frame_count: Frames, as the container says; None for streams and where it does not say.
        duration_seconds: Length, as the container says; None for streams and where it does not say.
        backend: Who decodes it.
        codec: FFmpeg's name of the codec, `h264`.
        is_live: Frames arrive in real time: a camera or a stream.
    """

    width_px: int
    height_px: int
    fps: float
    frame_count: int | None
    duration_seconds: float | None
    backend: Literal["pyav", "opencv", "pictures", "generated"]
    codec: str
    is_live: bool = False


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture as the decoder gives it, with its place: not yet upright, scaled or converted.

    Attributes:
        picture: Decoded.
        index, pts_seconds: Place in the source, and time since its start.
        stream_seconds: Its timestamp as the source gives it; None where it gives none.
    """

    picture: "av.VideoFrame"
    index: int
    pts_seconds: float
    stream_seconds: float | None = None


@dataclass
class Tally:
    """What came out of a source so far.

    Attributes:
        read: Pictures that were decoded, wanted or not.
        lost: Pictures that could not be.
        end_seconds: When the last decoded picture ends.
        trouble: The first thing that went wrong, in words.
    """

    read: int = 0
    lost: int = 0
    end_seconds: float = 0.0
    trouble: str = ""


class Backend(Protocol):
    """One way of decoding one source, once, from its start."""

    @property
    def info(self) -> VideoInfo:
        """What is known of the source."""
        ...

    @property
    def tally(self) -> Tally:
        """What came out so far; complete when `decode` is exhausted."""
        ...

    def decode(self, options: ReadOptions) -> Generator[Decoded]:
        """Decodes the pictures that the options want, in order of presentation."""
        ...

    def close(self) -> None:
        """Releases the source; may be called twice."""
        ...
