"""Whether the live engine stays as it is: memory, files and frames over a long run faster than real time.

    python benchmarks/live_soak.py BUNDLE VIDEO --minutes 30 --out results/live.json

Looped files as fast as they can be scored, events all the while, alerts to a webhook, and somebody who looks at the
dashboard. Every frame must be scored, dropped for a cause that is counted, or wait: in the hand of a capture that has
no room for it, in a buffer, or in a window for its clip. Ends with 1 where one is not, or a process had to be started
again, or no alert came.
"""

import argparse
import json
import math
import shutil
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
from live_parts import command, held_bytes, receiver

from normalcy.environment import hardware, versions
from normalcy.live.config.live import LiveConfig, config_from
from normalcy.live.processes import keep_imported
from normalcy.live.status import CameraStatus
from normalcy.live.supervision.memory_use import open_files
from normalcy.live.watch import Watching, watching
from normalcy.run_folder import write_json
from normalcy.scoring.backends.choice import open_backend
from normalcy.scoring.bundle import Bundle
from normalcy.video.reader import probe

MIB = 2**20


def config_of(args: argparse.Namespace, folder: Path, *, hook: str) -> LiveConfig:
    source = str(args.video.absolute())
    camera = {"source": source, "loop": True, "natural_speed": False}
    return config_from(
        {
            "data": "data",
            "bundles": {"fast": {"path": str(args.bundle.absolute()), "backend": args.backend}},
            "defaults": {"alert_per_day": 1e6},
            "cameras": {f"camera-{n}": camera for n in range(args.cameras)},
            "events": {"cool_down_seconds": 1.0},
            "alerts": {"webhooks": {"here": {"url": hook}}, "per_camera_per_hour": 100_000},
            # Full after a while: deleting is part of what has to last.
            "store": {"retention": {"media_gigabytes": 0.2}},
            "web": {"port": 0},
        },
        where=folder / "watch.yaml",
    )


def sample(running: Watching, began: float) -> dict[str, Any]:
    """What every process takes now, and that the dashboard answers."""
    for path in ("/api/v1/cameras", "/", "/metrics"):
        with urllib.request.urlopen(running.url + path, timeout=30) as answer:
            answer.read()
    pids = {"main": "self"} | {stage.name: stage.pid for stage in running.desk.stages() if stage.pid}
    cameras = running.desk.cameras()
    for each in cameras:
        running.desk.picture(each.name, heat=True)
    return {
        "seconds": time.monotonic() - began,
        "bytes": {name: held_bytes(pid) for name, pid in pids.items()},
        "files": {name: open_files(pid) for name, pid in pids.items()},
        "frames_in": sum(each.frames_in for each in cameras),
    }


def kind_of(name: str) -> str:
    return name.partition(" ")[0]


def series(samples: list[dict[str, Any]], what: str, kind: str) -> np.ndarray:
    return np.array([sum(v or 0 for n, v in each[what].items() if kind_of(n) == kind) for each in samples])


def slope_per_hour(samples: list[dict[str, Any]], kind: str) -> dict[str, float]:
    """Straight line through memory over time, with the standard error of its slope, in MiB an hour."""
    hours = np.array([each["seconds"] for each in samples]) / 3600
    mib = series(samples, "bytes", kind) / MIB
    centred = hours - hours.mean()
    slope = float((centred * mib).sum() / (centred**2).sum())
    rest = mib - mib.mean() - slope * centred
    error = float(np.sqrt((rest**2).sum() / max(1, len(rest) - 2) / (centred**2).sum()))
    return {
        "first_mib": round(float(mib[0]), 1),
        "last_mib": round(float(mib[-1]), 1),
        "mib_per_hour": round(slope, 2),
        "standard_error": round(error, 2),
    }


def soak(args: argparse.Namespace) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="normalcy-soak-"))
    log = folder / "alerts.jsonl"
    log.touch()
    try:
        with receiver(log) as hook, watching(config_of(args, folder, hook=hook)) as running:
            keep_imported()  # as `normalcy watch` does
            began, samples = time.monotonic(), []
            while time.monotonic() - began < args.minutes * 60:
                time.sleep(args.every)
                samples.append(sample(running, began))
                print(json.dumps(samples[-1]), file=sys.stderr, flush=True)
            cameras = running.desk.cameras()
            restarts = {stage.name: stage.restarts for stage in running.desk.stages() if stage.restarts}
        alerts = sum(1 for _ in log.open())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return summary(args, samples, cameras, restarts=restarts, alerts=alerts)


def account(cameras: list[CameraStatus]) -> dict[str, Any]:
    """Where every frame is; `in_hand` is what was decoded, and neither buffered nor dropped before."""
    dropped = {cause: sum(each.dropped[cause] for each in cameras) for cause in cameras[0].dropped}
    count = {
        "in": sum(each.frames_in for each in cameras),
        "buffered": sum(each.buffered for each in cameras),
        "waiting": sum(each.buffered - each.taken for each in cameras),
        "scored": sum(each.frames_scored for each in cameras),
    }
    by_engine = dropped["buffer_full"] + dropped["scene_change"] + dropped["restart"]
    taken = sum(each.taken for each in cameras)
    return count | {
        "in_windows": taken - count["scored"] - by_engine,
        "dropped": dropped,
        "in_hand": count["in"] - count["buffered"] - dropped["rate_cap"] - dropped["stride"],
    }


def troubles(result: dict[str, Any], *, window_frames: int) -> list[str]:
    """What is not as it should be.

    Args:
        result: Of the run.
        window_frames: So many frames of a camera may wait for their clip.
    """
    cameras, frames = result["cameras"], result["frames"]
    found = {
        f"{frames['in_hand']} frames are neither buffered nor dropped": 0 <= frames["in_hand"] <= cameras,
        f"{frames['in_windows']} frames are neither scored nor dropped": (
            0 <= frames["in_windows"] <= cameras * window_frames
        ),
        f"started again: {', '.join(result['restarts'])}": not result["restarts"],
        "no alert came": result["alerts"] > 0,
        f"{result['times_real_time']} times real time": result["times_real_time"] > 1,
    }
    return [what for what, holds in found.items() if not holds]


def frames_of_two_clips(bundle: Path, *, backend: str, fps: float) -> int:
    """Frames of a source that two clips span: one is filled while the other is scored."""
    clip = open_backend(Bundle.load(bundle), backend).model.spec
    return 2 * math.ceil(clip.span_frames * max(1.0, clip.spacing_seconds * fps))


def summary(args, samples, cameras, *, restarts, alerts) -> dict[str, Any]:
    settled = [each for each in samples if each["seconds"] >= args.warm_up * 60]
    kinds = dict.fromkeys(kind_of(name) for name in settled[0]["bytes"])
    frames = account(cameras)
    fps = cameras[0].source_fps
    rate = (settled[-1]["frames_in"] - settled[0]["frames_in"]) / (
        settled[-1]["seconds"] - settled[0]["seconds"]
    )
    return {
        "command": command(),
        "versions": versions(),
        "hardware": hardware(),
        "minutes": args.minutes,
        "warm_up_minutes": args.warm_up,
        "cameras": args.cameras,
        "times_real_time": round(rate / (fps * args.cameras), 2),
        "video_hours": round(frames["in"] / fps / 3600, 2),
        "frames": frames,
        "alerts": alerts,
        "restarts": restarts,
        "memory": {kind: slope_per_hour(settled, kind) for kind in kinds},
        "files": {
            kind: {
                "least": int(series(settled, "files", kind).min()),
                "most": int(series(settled, "files", kind).max()),
                "last": int(series(settled, "files", kind)[-1]),
            }
            for kind in kinds
        },
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("video", type=Path)
    parser.add_argument("--out", type=Path, default=Path("results/live.json"))
    parser.add_argument("--cameras", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--warm-up", type=float, default=5.0)
    parser.add_argument("--every", type=float, default=10.0)
    parser.add_argument("--backend", default="openvino-int8")
    args = parser.parse_args()
    result = soak(args)
    kept = json.loads(args.out.read_text()) if args.out.is_file() else {}
    write_json(args.out, kept | {"soak": result})
    print(json.dumps(result, indent=2))
    fps = probe(args.video).fps
    found = troubles(result, window_frames=frames_of_two_clips(args.bundle, backend=args.backend, fps=fps))
    print(*found, sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
