"""Parts of the benchmarks of the live engine: cameras, a receiver, and what processes take. Each in its own process."""

import http.server
import json
import multiprocessing
import os
import shlex
import socketserver
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import av
import numpy as np

if TYPE_CHECKING:
    from normalcy.live.watch import Watching

SPAWN = multiprocessing.get_context("spawn")
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class Copied(NamedTuple):
    """A packet of a video, as often as it is wanted."""

    data: bytes
    pts: int
    dts: int
    is_key: bool


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 64


@contextmanager
def cameras(video: Path) -> Iterator[str]:
    """Serves a video as H.264 in MPEG-TS over HTTP in real time, over and over: `URL/3` is camera 3.

    Nothing is encoded, so that many cameras take next to nothing. Each camera is at another place of the video.
    """
    with _process(_serve_cameras, video) as port:
        yield f"http://127.0.0.1:{port}"


def _serve_cameras(video: Path, told: Connection) -> None:
    packets, rate = _packets(video)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "video/mp2t")
            self.end_headers()
            number = int(self.path.strip("/") or 0)
            with suppress(OSError, av.error.FFmpegError):
                _send(video, packets, rate, self.wfile, number)

        def log_message(self, *_: object) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    told.send(server.server_address[1])
    server.serve_forever()


def _packets(video: Path) -> tuple[list[Copied], Fraction]:
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        found = [
            Copied(bytes(packet), packet.pts, packet.dts, packet.is_keyframe)
            for packet in container.demux(stream)
            if packet.size
        ]
        return found, stream.time_base


def _send(video: Path, packets: list[Copied], rate: Fraction, file, number: int) -> None:
    keys = [place for place, packet in enumerate(packets) if packet.is_key]
    start = keys[number * len(keys) // 7 % len(keys)]
    length = packets[-1].dts - packets[0].dts + (packets[1].dts - packets[0].dts)
    began = time.monotonic()
    with av.open(str(video)) as source, av.open(file, "w", format="mpegts") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for turn in range(10**9):
            for packet in packets[start if turn == 0 else 0 :]:
                offset = turn * length - packets[start].dts
                late = time.monotonic() - began - float((packet.dts + offset) * rate)
                time.sleep(max(0.0, -late))
                sent = av.Packet(packet.data)
                sent.pts, sent.dts = packet.pts + offset, packet.dts + offset
                sent.time_base, sent.stream, sent.is_keyframe = rate, stream, packet.is_key
                target.mux(sent)
                file.flush()


@contextmanager
def receiver(log: Path) -> Iterator[str]:
    """A webhook receiver that writes a line for each message: when it came, and what it said."""
    with _process(_receive, log) as port:
        yield f"http://127.0.0.1:{port}/"


def _receive(log: Path, told: Connection) -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            came_at = time.time()
            self.send_response(204)
            self.end_headers()
            said = json.loads(body)
            with log.open("a") as file:
                file.write(json.dumps({"came_at": came_at, **said}) + "\n")

        def log_message(self, *_: object) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    told.send(server.server_address[1])
    server.serve_forever()


def command() -> str:
    """How this was called; of folders elsewhere, the last name."""
    words = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv]
    return shlex.join(["python", *words])


@contextmanager
def _process(target, argument: Path) -> Iterator[int]:
    mine, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=target, args=(argument, theirs), daemon=True)
    process.start()
    try:
        yield mine.recv()
    finally:
        process.kill()
        process.join()


def wait_for_all(running: "Watching", count: int) -> None:
    """Until so many cameras have been scored; ends the script where they do not begin within two minutes."""
    end = time.monotonic() + 120
    while sum(each.frames_scored > 0 for each in running.desk.cameras()) < count:
        if time.monotonic() > end:
            raise SystemExit(f"{count} cameras did not all begin within two minutes")
        time.sleep(0.2)


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far; 0 where it is gone."""
    with suppress(OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS
    return 0.0


def database_cpu_seconds(port: int) -> float:
    """Processor time of the PostgreSQL server of a port so far, with what its processes took that have ended."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if b"postgres" in words[0] and [b"-p", str(port).encode()] in map(list, pairwise(words)):
                return _cpu_seconds_with_ended(folder) + sum(map(cpu_seconds, _children(int(folder.name))))
    return 0.0


def _cpu_seconds_with_ended(folder: Path) -> float:
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


def _children(pid: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError):
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(folder.name))
    return found


def held_bytes(pid: int | str) -> int | None:
    """Memory that a process holds; what it shares with others counts by its part.

    Pages of files are left out: what is in memory of them is the kernel's to decide, and differs by what else runs.
    """
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        kinds = ("Pss_Anon:", "Pss_Shmem:")
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(kinds))
    return None


def quantile_of(counts, bounds, share: float) -> float | None:
    """The upper bound of the bucket that a quantile lies in, in seconds; None without counts or beyond the last."""
    total = sum(counts)
    if not total:
        return None
    place = int(np.searchsorted(np.cumsum(counts), share * total))
    return bounds[place] if place < len(bounds) else None
