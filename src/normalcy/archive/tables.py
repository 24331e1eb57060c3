"""Rows of an archive's tables as Parquet: what a video's folder says already, its day and its name, is in no file."""

import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from normalcy.scoring.record import as_columns, columns_of
from normalcy.scoring.types import Event, FrameScore

PART_ROWS = 200_000
"""A video that is scored as a whole begins another part after so many frames."""


def part_name(number: int) -> str:
    """Of a part of a table."""
    return f"part-{number:05}.parquet"


def scores_file(verdicts: Sequence[FrameScore]) -> bytes:
    """A row for each frame, with the columns of a run's `scores.parquet`."""
    columns = columns_of(as_columns("", verdicts))
    return _parquet({name: values for name, values in columns.items() if name not in ("video", "label")})


def events_file(events: Sequence[Event]) -> bytes:
    """A row for each event, with a column for each term of its peak's score."""
    rows = [_event_row(event) for event in events]
    return _parquet({name: [row[name] for row in rows] for name in rows[0]})


def _event_row(event: Event) -> dict[str, Any]:
    row = {name: value for name, value in asdict(event).items() if name not in ("source_id", "parts")}
    return row | {f"part.{name}": value for name, value in event.parts.items()}


def row_file(row: dict[str, Any]) -> bytes:
    """One row."""
    return _parquet({name: [value] for name, value in row.items()})


def _parquet(columns: dict[str, Any]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"error": pa.string(), "notes": pa.string(), "modified": pa.string(), "size_bytes": pa.int64()}
    table = pa.table({name: pa.array(values, types.get(name)) for name, values in columns.items()})
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd")
    return file.getvalue()
