"""Footage in parts of about the same length: whole videos as far as they go, long ones in pieces.

A part is named by where the cache holds its frames, and opened by whoever works on it: no frame travels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from normalcy.datasets.cache_entry import read_entry
from normalcy.errors import InputError
from normalcy.training.data import Footage

_LONG = 1.5  # times as long as a part: such a video is cut


@dataclass(frozen=True)
class Piece:
    """A span of a video in the cache.

    Attributes:
        name: Of the video.
        entry: Where the cache holds it.
        first_frame: Frames from here on are seen: what takes time to see has run in when the piece begins.
        start_frame, end_frame: The piece itself; the end is no longer in it.
    """

    name: str
    entry: Path
    first_frame: int
    start_frame: int
    end_frame: int

    def __len__(self) -> int:
        return self.end_frame - self.start_frame

    def open(self) -> Footage:
        """Its frames, with those that come before it.

        Raises:
            InputError: This machine does not find them.
        """
        found = read_entry(self.entry)
        if found is None:
            raise InputError(
                "is not in the cache of decoded frames, as seen from a worker",
                where=self.entry,
                hint="Set data.cache to a folder that all machines share",
            )
        whole = Footage(self.name, found.frames_TCHW, found.indices_T, found.pts_seconds_T, found.folder)
        return whole.part(slice(self.first_frame, self.end_frame))

    def start_seconds(self, footage: Footage) -> float:
        """When the piece itself begins, of what `open` gave."""
        if self.first_frame == self.start_frame:
            return -math.inf
        return float(footage.pts_seconds_T[self.start_frame - self.first_frame])


Part: TypeAlias = "tuple[Piece, ...]"


def cut(spans: Sequence[Footage], *, part_seconds: float, run_in_seconds: float) -> list[Part]:
    """Parts of footage, in its order.

    Args:
        spans: Footage from the cache.
        part_seconds: About how long a part is. Short videos are put together up to it; one that is longer than one
            and a half times as much is cut evenly.
        run_in_seconds: What a piece that begins within a span is to see of what comes before.
    """
    parts, together, seconds = list[Part](), list[Piece](), 0.0
    for span in spans:
        length = len(span) / span.frames_per_second
        if together and seconds + length > part_seconds:
            parts.append(tuple(together))
            together, seconds = [], 0.0
        if length > _LONG * part_seconds:
            parts += [(piece,) for piece in _pieces(span, round(length / part_seconds), run_in_seconds)]
        else:
            together.append(_piece(span, 0, 0, len(span)))
            seconds += length
    return [*parts, tuple(together)] if together else parts


def _pieces(span: Footage, count: int, run_in_seconds: float) -> list[Piece]:
    edges = [len(span) * number // count for number in range(count + 1)]
    starts = [_run_in(span, edge, run_in_seconds) for edge in edges[:-1]]
    return [_piece(span, *each) for each in zip(starts, edges[:-1], edges[1:], strict=True)]


def _run_in(span: Footage, start: int, seconds: float) -> int:
    """Where to begin so as to have seen so much before."""
    return min(start, int(np.searchsorted(span.pts_seconds_T, span.pts_seconds_T[start] - seconds)))


def _piece(span: Footage, first: int, start: int, end: int) -> Piece:
    assert span.entry is not None, "only footage of the cache is cut into parts"
    at = span.start_frame
    return Piece(span.name, span.entry.absolute(), at + first, at + start, at + end)
