"""What an archive's workers are given, and what they give back: small, for it travels."""

from dataclasses import dataclass
from typing import Any

from normalcy.archive.listing import Video


@dataclass(frozen=True)
class VideoItem:
    """A video to be scored as a whole, or where `may_cut` to be cut into chunks where it is long.

    Attributes:
        video: Which.
        may_cut: Whether it may be cut.
        note: Why it is scored as a whole that was cut before.
    """

    video: Video
    may_cut: bool
    note: str = ""


@dataclass(frozen=True)
class ChunkItem:
    """A chunk of a video that was cut."""

    video: Video
    number: int


Item = VideoItem | ChunkItem


@dataclass(frozen=True)
class WasScored:
    """A video, or a chunk of one, is in the tables.

    Attributes:
        row: How it went, for the table `videos`.
    """

    row: dict[str, Any]


@dataclass(frozen=True)
class WasCut:
    """A video was cut into so many chunks, which are to be scored."""

    chunks: int


@dataclass(frozen=True)
class IsBroken:
    """A video cannot be scored in chunks."""

    why: str


Result = WasScored | WasCut | IsBroken
"""A video that cannot be read at all is an InputError."""
