"""`labels.csv` of your own folder: abnormal intervals, one a row, in seconds or in frames as the header says.

    video,start_seconds,end_seconds          or `video,start,end`, also seconds
    morning,12.5,14                          times may be written 1:02.5 or 1:00:02.5

    video,start_frame,end_frame
    morning,125,140                          frames 125 to 139, counted from 0

Both are half-open, like a slice: the start is abnormal, the end is the first that is normal again. Further columns
are ignored. Commas, semicolons and tabs separate.
"""

import csv
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from normalcy.errors import LabelError

Unit = Literal["seconds", "frames"]

_HEADERS: dict[tuple[str, str], Unit] = {
    ("start", "end"): "seconds",
    ("start_seconds", "end_seconds"): "seconds",
    ("start_frame", "end_frame"): "frames",
}
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:\.\d+)?)")


@dataclass(frozen=True)
class LabelRow:
    """One abnormal interval as it was written down.

    Attributes:
        video: Name of the video.
        start: First abnormal second or frame.
        end: First normal second or frame after it.
        where: File and line.
    """

    video: str
    start: float
    end: float
    where: str


@dataclass(frozen=True)
class LabelTable:
    """A whole `labels.csv`."""

    unit: Unit
    rows: tuple[LabelRow, ...]


def read_label_csv(path: Path) -> LabelTable:
    """Abnormal intervals of a `labels.csv`.

    Raises:
        LabelError: The header or a row cannot be understood, with file and line.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LabelError("cannot be read as UTF-8 text", where=path, hint="Save it as CSV (UTF-8)") from error
    header = lines[0] if lines else ""
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(lines, delimiter=delimiter)
    columns = [cell.strip().lower() for cell in next(reader, [])]
    start_column, end_column, unit = _find_columns(columns, path)
    places = (columns.index("video"), columns.index(start_column), columns.index(end_column))
    rows = tuple(
        _parse_row(cells, places, unit, where=f"{path}:{reader.line_num}")
        for cells in reader
        if any(cell.strip() for cell in cells)
    )
    return LabelTable(unit=unit, rows=rows)


def _find_columns(columns: list[str], path: Path) -> tuple[str, str, Unit]:
    for (start, end), unit in _HEADERS.items():
        if {"video", start, end} <= set(columns):
            return start, end, unit
    raise LabelError(
        f"the header is {', '.join(columns) or 'empty'}",
        where=f"{path}:1",
        hint="Expected video,start_seconds,end_seconds or video,start_frame,end_frame",
    )


def _parse_row(cells: list[str], places: tuple[int, int, int], unit: Unit, *, where: str) -> LabelRow:
    if len(cells) <= max(places):
        raise LabelError(f"{len(cells)} cells, at least {max(places) + 1} expected", where=where)
    video, start_text, end_text = (cells[place].strip() for place in places)
    if not video:
        raise LabelError("no video is named", where=where)
    start = _parse_number(start_text, unit, where=where)
    end = _parse_number(end_text, unit, where=where)
    if end <= start:
        raise LabelError(
            f"the interval ends at {end_text} but starts at {start_text}",
            where=where,
            hint="The end is the first second or frame that is normal again",
        )
    return LabelRow(video=video, start=start, end=end, where=where)


def _parse_number(text: str, unit: Unit, *, where: str) -> float:
    clock = _CLOCK.fullmatch(text) if unit == "seconds" else None
    try:
        number = _clock_seconds(clock) if clock else float(text)
    except ValueError as error:
        raise LabelError(f"{text!r} is not a number of {unit}", where=where) from error
    if not math.isfinite(number) or number < 0 or (unit == "frames" and number != int(number)):
        raise LabelError(f"{text!r} is not a possible number of {unit}", where=where)
    return number


def _clock_seconds(clock: re.Match[str]) -> float:
    hours, minutes, seconds = clock.groups()
    return int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds)
