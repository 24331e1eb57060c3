"""How far an archive is: which videos are done, and which chunks of the others."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from normalcy.archive import places
from normalcy.archive.listing import Video
from normalcy.archive.reading import rows
from normalcy.archive.store import PARTS, WORK, Store
from normalcy.errors import OutputError


@dataclass
class CutVideo:
    """A long video that is scored in chunks.

    Attributes:
        video: Which.
        record: How it was cut.
        done: How each chunk that is done went, by number.
    """

    video: Video
    record: dict[str, Any]
    done: dict[int, dict[str, Any]] = field(default_factory=dict)

    @property
    def missing(self) -> list[int]:
        """Chunks that are not done, in order."""
        return [number for number in range(self.record["chunks"]) if number not in self.done]

    def row(self) -> dict[str, Any]:
        """How all of it went, once nothing is missing."""
        each = [self.done[number] for number in sorted(self.done)]
        return {
            "frames": sum(one["frames"] for one in each),
            "seconds": self.record["seconds"],
            "events": sum(one["events"] for one in each),
            "parts": len(each),
            "chunks": len(each),
            "seconds_taken": self.record["seconds_taken"] + sum(one["seconds_taken"] for one in each),
            "notes": "; ".join(self.record["notes"]),
        }


@dataclass
class Standing:
    """What is known of each video when a run begins.

    Attributes:
        rows: Of videos that are done, by name.
        cut: Videos that were cut and are not done.
        broken: Why videos that were cut are to be scored as a whole, by name.
        new: All others.
    """

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    cut: list[CutVideo] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    new: list[Video] = field(default_factory=list)


def standing(store: Store, videos: Iterable[Video]) -> Standing:
    """Finds out; what is of an earlier content of a video, under whatever day, is removed."""
    found = Standing()
    earlier = {(row["video"], row["day"]): row for row in rows(store)}
    parts, work = set(store.paths("scores")), set(store.paths(WORK))
    folders = _folders(store)
    for video in videos:
        row = earlier.get((video.name, video.day))
        if row and _is_done(row, video, parts):
            found.rows[video.name] = row
            stays = True
        else:
            stays = _take(found, store, video, parts, work)
        for folder in folders.get(_own_folder(video), ()):
            if not (stays and folder.endswith(f"/{video.folder}")):
                store.remove(folder)
    return found


def _folders(store: Store) -> dict[str, set[str]]:
    """All folders in the tables, by that part of them which names the video."""
    found: dict[str, set[str]] = {}
    for table in PARTS:
        for path in store.paths(table):
            folder = path.rpartition("/")[0]
            found.setdefault(folder.rpartition("/")[2], set()).add(folder)
    return found


def _own_folder(video: Video) -> str:
    return video.folder.rpartition("/")[2]


def _is_done(row: dict[str, Any], video: Video, parts: set[str]) -> bool:
    same = (row["size_bytes"], row["modified"]) == (video.size_bytes, video.modified)
    return (
        same
        and row["error"] is None
        and all(places.part("scores", video, number) in parts for number in range(row["parts"]))
    )


def _take(found: Standing, store: Store, video: Video, parts: set[str], work: set[str]) -> bool:
    """Enters a video that is not done; whether something of it may be."""
    cut = _cut(store, video, work)
    if cut is None:
        found.new.append(video)
        return False
    if places.broken(video) in work:
        found.broken[video.name] = json.loads(store.get(places.broken(video)) or b'{"why": ""}')["why"]
        return False
    for number in range(cut.record["chunks"]):
        if {places.done(video, number)} <= work and places.part("scores", video, number) in parts:
            cut.done[number] = json.loads(store.get(places.done(video, number)) or b"{}")
    found.cut.append(cut)
    return True


def _cut(store: Store, video: Video, work: set[str]) -> CutVideo | None:
    """As it was cut before; None where it was not, or was another file then."""
    if places.cut_record(video) not in work:
        return None
    record = json.loads(store.get(places.cut_record(video)) or b"{}")
    if (record.get("size_bytes"), record.get("modified")) != (video.size_bytes, video.modified):
        store.remove(places.work(video))
        return None
    return CutVideo(video, record)


def read_cut(store: Store, video: Video) -> CutVideo:
    """As a worker has just cut it.

    Raises:
        OutputError: It is not where the worker says that it wrote it.
    """
    path = places.cut_record(video)
    data = store.get(path)
    if data is None:
        raise _unseen(store, path)
    return CutVideo(video, json.loads(data))


def require_parts(store: Store, video: Video, parts: int) -> None:
    """Raises OutputError where rows that workers wrote are not in the output as it is seen from here."""
    wanted = {places.part("scores", video, number) for number in range(parts)}
    if missing := wanted - set(store.paths(f"scores/{video.folder}")):
        raise _unseen(store, min(missing))


def _unseen(store: Store, path: str) -> OutputError:
    hint = "--out has to be a folder that all machines share, or one of an object store"
    return OutputError(f"a worker wrote {path}, and it is not there", where=store.shown, hint=hint)
