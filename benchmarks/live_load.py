"""How many cameras one machine sustains, and what gives first.

    python benchmarks/live_load.py BUNDLE VIDEO --out results/live.json

Cameras are streams of one H.264 video over HTTP, in real time, each at another place of it. For each number of cameras
the whole engine runs: capture processes, inference, alerts to a webhook, and the dashboard. An alert's time is from
the capture of the frame at which its alarm shows to its arrival at the receiver. Run it with nothing else running.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
from live_parts import cameras, command, cpu_seconds, quantile_of, receiver, wait_for_all

from normalcy.environment import hardware, versions
from normalcy.live.config.live import LiveConfig, config_from
from normalcy.live.frames.counters import LATENCY_BOUNDS_SECONDS
from normalcy.live.status import CameraStatus
from normalcy.live.watch import Watching, watching
from normalcy.run_folder import write_json

COUNTS = (1, 2, 3, 4, 6, 8, 12, 16)
LIMIT_SECONDS = 0.5
MOST_DROPPED = 0.001


def config_of(args: argparse.Namespace, folder: Path, count: int, *, streams: str, hook: str) -> LiveConfig:
    return config_from(
        {
            "data": "data",
            "bundles": {"fast": {"path": str(args.bundle.absolute()), "backend": args.backend}},
            "defaults": {"alert_per_day": 1e6, "buffer_frames": 16},
            "cameras": {f"camera-{n}": {"source": f"{streams}/{n}"} for n in range(count)},
            "events": {"cool_down_seconds": 0.0, "post_roll_seconds": 1.0},
            "alerts": {"webhooks": {"here": {"url": hook}}, "per_camera_per_hour": 100_000},
            "web": {"port": 0},
        },
        where=folder / "watch.yaml",
    )


def stage_seconds(running: Watching) -> dict[str, float]:
    seconds: dict[str, float] = {"capture": 0.0}
    for stage in running.desk.stages():
        name = stage.name.partition(" ")[0]
        seconds[name] = seconds.get(name, 0.0) + (cpu_seconds(stage.pid) if stage.pid else 0.0)
    return seconds


def total(before: list[CameraStatus], after: list[CameraStatus], what) -> Any:
    return sum(what(b) for b in after) - sum(what(a) for a in before)


def measure(args: argparse.Namespace, count: int, *, streams: str) -> dict[str, Any]:
    """One engine with so many cameras."""
    folder = Path(tempfile.mkdtemp(prefix="normalcy-load-"))
    log = folder / "alerts.jsonl"
    log.touch()
    try:
        with receiver(log) as hook:
            config = config_of(args, folder, count, streams=streams, hook=hook)
            with watching(config) as running:
                wait_for_all(running, count)
                time.sleep(args.warm_up)
                before, cpu_before, began = running.desk.cameras(), stage_seconds(running), time.time()
                time.sleep(args.seconds)
                after, cpu_after, ended = running.desk.cameras(), stage_seconds(running), time.time()
            arrived = [json.loads(line) for line in log.read_text().splitlines()]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return summary(count, before, after, cpu_before, cpu_after, arrived, began=began, ended=ended)


def summary(count, before, after, cpu_before, cpu_after, arrived, *, began, ended) -> dict[str, Any]:
    seconds = ended - began
    frames = total(before, after, lambda each: each.frames_in)
    dropped = {
        cause: total(before, after, lambda each, cause=cause: each.dropped[cause])
        for cause in after[0].dropped
    }
    buckets = np.sum([each.latency_counts for each in after], axis=0) - np.sum(
        [each.latency_counts for each in before], axis=0
    )
    waits = [
        line["came_at"] - alarmed_at(line)
        for line in arrived
        if line["type"] == "event.opened" and began <= line["came_at"] <= ended
    ]
    shares = {name: round((cpu_after[name] - cpu_before[name]) / seconds, 3) for name in cpu_after}
    lost = sum(dropped.values())
    return {
        "cameras": count,
        "seconds": round(seconds, 1),
        "frames_in_per_second": round(frames / seconds, 2),
        "scored_per_second": round(total(before, after, lambda each: each.frames_scored) / seconds, 2),
        "dropped": {cause: n for cause, n in dropped.items() if n},
        "dropped_share": round(lost / max(1, frames), 5),
        "capture_to_score_seconds": {
            f"p{int(share * 100)}_at_most": quantile_of(buckets, LATENCY_BOUNDS_SECONDS, share)
            for share in (0.5, 0.99)
        },
        "capture_to_alert_seconds": {
            "alerts": len(waits),
            **{
                f"p{int(share * 100)}": round(float(np.quantile(waits, share)), 4) if waits else None
                for share in (0.5, 0.99)
            },
            "worst": round(max(waits), 4) if waits else None,
        },
        "cores": shares | {"all": round(sum(shares.values()), 3)},
    }


def alarmed_at(line: dict[str, Any]) -> float:
    return float(line["alarmed_at_epoch"])


def sustains(row: dict[str, Any]) -> bool:
    worst = row["capture_to_alert_seconds"]["p99"]
    return worst is not None and worst < LIMIT_SECONDS and row["dropped_share"] <= MOST_DROPPED


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("video", type=Path)
    parser.add_argument("--out", type=Path, default=Path("results/live.json"))
    parser.add_argument("--cameras", type=int, nargs="+", default=list(COUNTS))
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--warm-up", type=float, default=10.0)
    parser.add_argument("--backend", default="openvino-int8")
    args = parser.parse_args()
    rows = []
    with cameras(args.video) as streams, av.open(str(args.video)) as video:
        stream = video.streams.video[0]
        for count in args.cameras:
            rows.append(measure(args, count, streams=streams))
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
        picture = {
            "width_px": stream.width,
            "height_px": stream.height,
            "frames_per_second": float(stream.average_rate),
            "codec": stream.codec_context.name,
        }
    kept = json.loads(args.out.read_text()) if args.out.is_file() else {}
    load = {
        "command": command(),
        "versions": versions(),
        "hardware": hardware(),
        "backend": args.backend,
        "video": picture,
        "limit": {"p99_capture_to_alert_seconds": LIMIT_SECONDS, "dropped_share": MOST_DROPPED},
        "sustained_cameras": max((row["cameras"] for row in rows if sustains(row)), default=0),
        "rows": rows,
    }
    write_json(args.out, kept | {"load": load})


if __name__ == "__main__":
    main()
