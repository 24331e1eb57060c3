"""Reads the tables of an archive back.

Their folders are partitions as Hive has them, so that other tools read them as well:

    pyarrow.dataset.dataset("out/scores", partitioning="hive")        pandas.read_parquet("out/scores")
    duckdb: SELECT * FROM read_parquet('out/scores/**/*.parquet', hive_partitioning = true)
"""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from normalcy.archive.attempts import told
from normalcy.archive.needs import require
from normalcy.archive.store import Store
from normalcy.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

_ORDER = {"scores": "frame", "events": "start_index", "videos": "video"}


@dataclass(frozen=True, eq=False)
class Archive:
    """The tables of an archive, in the order of videos and frames; each begins with `day` and `video`.

    Attributes:
        scores: A row for each frame: frame, pts_seconds, raw, smoothed, false_alarms_per_day, alarmed, own, part.*.
        events: A row for each event: its first and last frame and second, its peak, part.*.
        videos: A row for each video: size_bytes, modified, error (null where it was scored), frames, seconds, events,
            parts, chunks, seconds_taken, backend, notes.
    """

    scores: "pa.Table"
    events: "pa.Table"
    videos: "pa.Table"


def read_archive(url: str) -> Archive:
    """All rows of an archive.

    Args:
        url: What `--out` was: a path, or a URL that fsspec knows.

    Raises:
        InputError: There is none.
        MissingPackage: pyarrow or fsspec is not installed.
    """
    require("fsspec", "pyarrow")
    store = Store(url)
    videos = table(store, "videos")
    if not videos.num_rows:
        raise InputError("there is no archive", where=store.shown, hint="`normalcy score --engine` makes one")
    return Archive(table(store, "scores"), table(store, "events"), videos)


def table(store: Store, name: str) -> "pa.Table":
    """One of the tables; without columns but its partitions where there is no row."""
    import pyarrow as pa
    import pyarrow.dataset as ds

    partitions = pa.schema([("day", pa.string()), ("video", pa.string())])
    files, root = store.file_system
    paths = [f"{root}/{path}" for path in store.paths(name) if path.endswith(".parquet")]
    if not paths:
        return partitions.empty_table()
    with told(InputError, f"{name} cannot be read", where=store.shown):
        parts = ds.dataset(
            paths,
            filesystem=files,
            format="parquet",
            partitioning=ds.HivePartitioning(partitions, segment_encoding="uri"),
            partition_base_dir=f"{root}/{name}",
        )
        found = parts.to_table(use_threads=True)
    order = ["day", "video", *(each for each in found.column_names if each not in ("day", "video"))]
    return found.select(order).sort_by([("video", "ascending"), (_ORDER[name], "ascending")])


def rows(store: Store) -> list[dict[str, Any]]:
    """How each video went: the table `videos`, read file by file, for there are many and each is a row."""
    import pyarrow.parquet as pq

    found = store.get_all([path for path in store.paths("videos") if path.endswith(".parquet")])
    return [
        _partitions(path) | pq.read_table(io.BytesIO(data), partitioning=None).to_pylist()[0]
        for path, data in found.items()
    ]


def _partitions(path: str) -> dict[str, str]:
    """What the folders of a path say.

    >>> _partitions("videos/day=2026-03-01/video=a%2Fb.mp4/part-00000.parquet")
    {'day': '2026-03-01', 'video': 'a/b.mp4'}
    """
    folders = (folder.partition("=") for folder in path.split("/")[1:-1])
    return {name: unquote(value) for name, _, value in folders}
