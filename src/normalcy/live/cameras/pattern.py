"""A camera that is none: a moving picture, for trying things out."""

import itertools
import re
from collections.abc import Generator
from dataclasses import dataclass

import av
import numpy as np

from normalcy.errors import ConfigError
from normalcy.live.config.camera import TEST_PATTERN
from normalcy.video.contract import Decoded, ReadOptions, Tally, VideoInfo
from normalcy.video.frame import UInt8Array

NAME = TEST_PATTERN

_TEXT = re.compile(rf"{NAME}(?::(\d+)x(\d+))?(?:@(\d+(?:\.\d+)?))?")
_LARGEST_PX, _HIGHEST_FPS = 4096, 240.0
_SECONDS_ACROSS = 5.0


@dataclass(frozen=True)
class Pattern:
    """Size and rate of a test pattern."""

    width_px: int = 640
    height_px: int = 360
    fps: float = 25.0

    @classmethod
    def parse(cls, text: str) -> "Pattern":
        """Reads `test-pattern`, `test-pattern:640x360`, `test-pattern:640x360@25` or `test-pattern@25`.

        >>> Pattern.parse("test-pattern:1280x720@10")
        Pattern(width_px=1280, height_px=720, fps=10.0)

        Raises:
            ConfigError: It is none of them, or out of range.
        """
        match = _TEXT.fullmatch(text)
        width_px, height_px, fps = match.groups() if match else ("0", "0", "0")
        pattern = cls(int(width_px or 640), int(height_px or 360), float(fps or 25.0))
        sizes = pattern.width_px, pattern.height_px
        if not (min(sizes) >= 16 and max(sizes) <= _LARGEST_PX and 0 < pattern.fps <= _HIGHEST_FPS):
            raise ConfigError(
                "not a test pattern",
                where=text,
                hint=f"Such as {NAME}:640x360@25, up to {_LARGEST_PX} pixels and {_HIGHEST_FPS:g} frames a second.",
            )
        return pattern


def background(pattern: Pattern) -> UInt8Array:
    """What does not move: a gradient, in RGB."""
    rows_H1, columns_1W = np.ogrid[: pattern.height_px, : pattern.width_px]
    image_HWC = np.full((pattern.height_px, pattern.width_px, 3), 80, np.uint8)
    image_HWC[..., 0] = 40 + columns_1W * 80 // pattern.width_px
    image_HWC[..., 1] = 40 + rows_H1 * 80 // pattern.height_px
    return image_HWC


def draw_square(image_HWC: UInt8Array, *, seconds: float) -> None:
    """Draws what moves at a time: a square that wanders from side to side."""
    height, width, _ = image_HWC.shape
    side, phase = height // 5, seconds / _SECONDS_ACROSS % 2
    left = round((width - side) * min(phase, 2 - phase))
    top = round((height - side) * (0.5 + np.sin(2 * np.pi * phase) / 4))
    image_HWC[top : top + side, left : left + side] = (230, 200, 60)


class PatternBackend:
    """Gives the pictures of a pattern, for ever."""

    def __init__(self, pattern: Pattern) -> None:
        self._pattern = pattern
        self._is_closed = False
        self.tally = Tally()
        self.info = VideoInfo(
            pattern.width_px, pattern.height_px, pattern.fps, None, None, "generated", "rawvideo"
        )

    def decode(self, options: ReadOptions) -> Generator[Decoded]:
        """Makes the pictures that the options want."""
        background_HWC = background(self._pattern)
        for index in itertools.count():
            pts_seconds = index / self._pattern.fps
            if self._is_closed or options.is_past(pts_seconds):
                return
            if options.wants(index, pts_seconds):
                image_HWC = background_HWC.copy()
                draw_square(image_HWC, seconds=pts_seconds)
                self.tally.read += 1
                yield Decoded(av.VideoFrame.from_ndarray(image_HWC, "rgb24"), index, pts_seconds)

    def close(self) -> None:
        """Ends it."""
        self._is_closed = True
