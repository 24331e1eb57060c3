"""Scores a generated archive with local workers and with a Ray cluster, kills a worker half-way, and compares.

    python benchmarks/archive.py --out results/archive.json

The archive is clips of the generated scene and one long video. Local workers read files and write files; the cluster,
nodes of one core each on this machine, reads from and writes to an S3 server (moto) that runs here too. `ray-N` is a
cluster of N such nodes, so what N workers gain over one is what N nodes gain over one. Every run
begins with nothing; `seconds` is the whole run, `to_first_seconds` what of it passed before the first video was done:
starting processes, importing, loading the bundle. Ends with 1 where a run's scores lie more than 1e-5 from those of one
local worker, or alarms or events differ, or a video failed.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from archive_clips import fit_on_scene, make_archive, make_scene
from archive_site import kill_a_worker, ray_cluster, s3_server
from live_parts import command

from normalcy.archive.reading import Archive, read_archive
from normalcy.archive.run import ArchiveOptions, ScoredArchive, score_archive
from normalcy.archive.store import Store
from normalcy.engines.opening import ENGINES, open_engine
from normalcy.environment import hardware, versions
from normalcy.run_folder import write_json

_TOLERANCE = 1e-5
_VALUES = ("pts_seconds", "raw", "smoothed", "false_alarms_per_day")


@dataclass
class Site:
    """What all runs have in common.

    Attributes:
        bundle: What scores.
        folder: Where local outputs are made.
        footage: Local folder of the archive.
        options: How it is scored.
    """

    bundle: Path
    folder: Path
    footage: Path
    options: ArchiveOptions
    archives: dict[str, Archive] = field(default_factory=dict)


def main() -> int:
    """Runs the script; its exit code."""
    words = _words()
    with ExitStack() as stack:
        folder = words.keep or Path(stack.enter_context(TemporaryDirectory(prefix="normalcy-archive-")))
        folder.mkdir(parents=True, exist_ok=True)
        make_scene(folder)
        site = Site(
            fit_on_scene(folder, words.method, words.preset),
            folder,
            folder / "footage",
            ArchiveOptions(backend="torch", threads=1, chunk_seconds=words.chunk),
        )
        paths = make_archive(folder, clips=words.videos, long_seconds=words.long_seconds)
        runs = dict(_runs(site, words))
        found = _record(site, words, paths, runs)
    write_json(words.out, found)
    print(json.dumps({name: found[name] for name in ("speed_up", "runs", "agreement", "output")}, indent=2))
    return 0 if found["agreement"]["holds"] else 1


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="JSON file of the results")
    parser.add_argument("--videos", type=int, default=200, help="clips in the archive")
    parser.add_argument("--long-seconds", type=float, default=600.0, help="length of the long video")
    parser.add_argument("--chunk", type=float, default=60.0, help="seconds of a chunk")
    parser.add_argument("--method", default="flow-magnitude", help="of the detector that is fitted")
    parser.add_argument("--preset", help="of it")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="each of them is tried")
    parser.add_argument(
        "--engines", nargs="+", choices=ENGINES, default=list(ENGINES), help="which are tried"
    )
    parser.add_argument("--keep", type=Path, help="folder of footage and outputs, to be used again")
    return parser.parse_args()


def _runs(site: Site, words: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each run by name; one local worker first, whom the others are compared with."""
    for workers in sorted({1, *words.workers} if "local" in words.engines else {1}):
        out = site.folder / f"out-local-{workers}"
        yield f"local-{workers}", _run(site, "local", workers, [str(site.footage)], str(out))
    if "ray" in words.engines:
        with s3_server():
            _upload(site.footage)
            for workers in words.workers:
                yield f"ray-{workers}", _on_cluster(site, workers, f"ray-{workers}", kill=False)
            yield "ray-killed", _on_cluster(site, max(words.workers), "ray-killed", kill=True)


def _upload(footage: Path) -> None:
    import s3fs

    files = s3fs.S3FileSystem()
    for path in footage.rglob("*.mp4"):
        files.put_file(str(path), f"footage/{path.relative_to(footage).as_posix()}")


def _on_cluster(site: Site, workers: int, name: str, *, kill: bool) -> dict[str, Any]:
    with ray_cluster(workers) as address:
        return _run(
            site,
            "ray",
            workers,
            ["s3://footage/**/*.mp4"],
            f"s3://results/{name}",
            address=address,
            kill=kill,
        )


def _run(
    site: Site,
    engine: str,
    workers: int,
    patterns: list[str],
    out: str,
    *,
    address: str | None = None,
    kill: bool = False,
) -> dict[str, Any]:
    print(f"{engine}, {workers} workers{', one killed' if kill else ''}", file=sys.stderr)
    Store(out).remove("")
    watch = _Watch(kill)
    with _timed() as seconds:
        scored = score_archive(
            site.bundle,
            patterns,
            out=out,
            engine=open_engine(engine, workers=workers, address=address),
            options=site.options,
            progress=watch,
        )
    site.archives[out] = read_archive(out)
    return _about(scored) | {
        "seconds": seconds(),
        "to_first_seconds": watch.first_seconds,
        "killed_after": watch.killed_after,
        "out": out.rpartition("/")[2],
        "output_bytes": _size(out),
    }


def _about(scored: ScoredArchive) -> dict[str, Any]:
    names = ("engine", "workers", "backend", "videos", "failures", "frames", "events", "footage_seconds")
    return {name: scored.summary()[name] for name in names}


class _Watch:
    """Sees how far a run is, and kills a worker half-way through the videos where asked to."""

    def __init__(self, kill: bool) -> None:
        self._kill, self._started = kill, time.perf_counter()
        self.first_seconds: float | None = None
        self.killed_after: int | None = None

    def __call__(self, what: str, done: int, total: int) -> None:
        if self.first_seconds is None:
            self.first_seconds = time.perf_counter() - self._started
        if self._kill and self.killed_after is None and what.startswith("videos") and 2 * done >= total:
            kill_a_worker()
            self.killed_after = done


@contextmanager
def _timed() -> Iterator[Callable[[], float]]:
    start = time.perf_counter()
    end: list[float] = []
    yield lambda: end[0]
    end.append(time.perf_counter() - start)


def _size(out: str) -> int:
    files, root = Store(out).file_system
    return int(files.du(root))


def _record(
    site: Site, words: argparse.Namespace, paths: list[Path], runs: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    first, *others = site.archives.values()
    each = {name: _compared(first, other) for name, other in zip(list(runs)[1:], others, strict=True)}
    hours = runs["local-1"]["footage_seconds"] / 3600
    size = runs["local-1"]["output_bytes"]
    holds = all(
        one["largest_difference"] <= _TOLERANCE and one["same_alarms"] and one["same_events"]
        for one in each.values()
    ) and not any(run["failures"] for run in runs.values())
    return {
        "archive": {
            "videos": len(paths),
            "hours": hours,
            "bytes": sum(path.stat().st_size for path in paths),
        },
        "detector": {"method": words.method, "preset": words.preset, "chunk_seconds": words.chunk},
        "speed_up": _speed_up(runs),
        "runs": runs,
        "agreement": {"with": "local-1", "tolerance": _TOLERANCE, "holds": holds, "runs": each},
        "output": {"rows": first.scores.num_rows, "mb_per_hour": size / 1e6 / hours},
        "command": command(),
        "versions": versions(),
        "hardware": hardware(),
    }


def _speed_up(runs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """How many times as fast as with one worker the others of the same engine are."""
    found = {
        name: runs[f"{run['engine']}-1"]["seconds"] / run["seconds"]
        for name, run in runs.items()
        if run["workers"] > 1 and run["killed_after"] is None and f"{run['engine']}-1" in runs
    }
    note = (
        "ray-N is a cluster of N nodes with one core each, all on this machine; local-N are N processes of it"
    )
    return {**found, "note": note}


def _compared(first: Archive, other: Archive) -> dict[str, Any]:
    """How far the rows of one archive lie from those of another."""
    same = first.scores.select(["video", "frame"]).equals(other.scores.select(["video", "frame"]))
    names = [*_VALUES, *(name for name in first.scores.column_names if name.startswith("part."))]
    return {
        "same_frames": same,
        "largest_difference": max(_difference(first, other, name) for name in names)
        if same
        else float("inf"),
        "same_alarms": first.scores["alarmed"].to_pylist() == other.scores["alarmed"].to_pylist(),
        "same_events": _spans(first) == _spans(other),
    }


def _difference(first: Archive, other: Archive, name: str) -> float:
    one, two = first.scores[name].to_numpy(), other.scores[name].to_numpy()
    return float(np.abs(one - two).max(initial=0.0))


def _spans(archive: Archive) -> list[tuple[Any, ...]]:
    names = ("video", "start_index", "end_index", "peak_index")
    return [tuple(row[name] for name in names) for row in archive.events.to_pylist()]


if __name__ == "__main__":
    sys.exit(main())
