"""What a camera leaves behind: rows, bytes and messages a day, from an engine that runs as one node of a fleet.

    python benchmarks/live_sizing.py BUNDLE VIDEO --out results/scale.json

Cameras are streams of one video over HTTP, in real time, stored in a PostgreSQL and told of over MQTT. What is owed to
time (a row of scores a minute, signs of life) is told apart from what is owed to events by counting both: everything
is divided by camera hours, and what only events cause by events. Run it with nothing else running.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import av
import psycopg
from live_parts import cameras, command, database_cpu_seconds, held_bytes, wait_for_all
from live_proof.stand_ins import Broker, Subscriber, running_server

from normalcy.environment import hardware, versions
from normalcy.live.config.live import LiveConfig, config_from
from normalcy.live.store.store import Store
from normalcy.live.watch import Watching, watching
from normalcy.run_folder import write_json

_COUNTS = """
SELECT relname, n_tup_ins, n_tup_upd, pg_total_relation_size(relid)
FROM pg_stat_user_tables WHERE schemaname = 'public'
"""
_SERVER = """
SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint, xact_commit,
       (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid())
FROM pg_stat_database WHERE datname = current_database()
"""
_EVENT_TABLES = ("events", "outbox", "totals", "receivers")


def config_of(args: argparse.Namespace, folder: Path, *, streams: str, store: str, broker: int) -> LiveConfig:
    return config_from(
        {
            "data": "data",
            "bundles": {"fast": {"path": str(args.bundle.absolute()), "backend": args.backend}},
            "defaults": {"alert_per_day": 1e6},
            "cameras": {f"camera-{n}": {"source": f"{streams}/{n}"} for n in range(args.cameras)},
            "alerts": {"mqtt": {"host": "127.0.0.1", "port": broker}, "per_camera_per_hour": 100_000},
            "store": {"url": store},
            "fleet": {"enabled": True, "node": "one"},
            "web": {"port": 0},
        },
        where=folder / "watch.yaml",
    )


def snapshot(url: str, running: Watching, heard: Subscriber, folder: Path, server: int) -> dict[str, Any]:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
        tables = {name: counts for name, *counts in connection.execute(_COUNTS)}
        wal, commits, open_connections = connection.execute(_SERVER).fetchone()
        events = connection.execute("SELECT count(*), coalesce(sum(media_bytes), 0) FROM events").fetchone()
    messages = list(heard.messages)
    return {
        "at": time.time(),
        "tables": tables,
        "wal_bytes": int(wal),
        "commits": int(commits),
        "connections": int(open_connections),
        "events": int(events[0]),
        "media_bytes": int(events[1]),
        "messages": len(messages),
        "message_bytes": sum(len(topic) + len(text) for topic, text, _ in messages),
        "database_cpu_seconds": database_cpu_seconds(server),
        "frames": sum(each.frames_in for each in running.desk.cameras()),
        "held_bytes": {
            stage.name.partition(" ")[0]: held_bytes(stage.pid)
            for stage in running.desk.stages()
            if stage.pid
        }
        | {"main": held_bytes("self")},
    }


def summary(args: argparse.Namespace, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    seconds = after["at"] - before["at"]
    camera_hours = args.cameras * seconds / 3600
    events = after["events"] - before["events"]
    tables = {
        name: {
            "rows": after["tables"][name][0] - before["tables"].get(name, [0, 0, 0])[0],
            "updates": after["tables"][name][1] - before["tables"].get(name, [0, 0, 0])[1],
            "bytes": after["tables"][name][2],
        }
        for name in sorted(after["tables"])
    }
    return {
        "seconds": round(seconds, 1),
        "cameras": args.cameras,
        "camera_hours": round(camera_hours, 3),
        "events": events,
        "tables": {name: each for name, each in tables.items() if each["rows"] or each["updates"]},
        "rows_a_camera_hour_without_events": round(
            sum(each["rows"] for name, each in tables.items() if name not in _EVENT_TABLES) / camera_hours, 1
        ),
        "rows_an_event": round(
            sum(tables[name]["rows"] for name in _EVENT_TABLES if name in tables) / max(1, events), 2
        ),
        "commits_a_second": round((after["commits"] - before["commits"]) / seconds, 2),
        "wal_bytes_a_second": round((after["wal_bytes"] - before["wal_bytes"]) / seconds),
        "database_cores": round(
            (after["database_cpu_seconds"] - before["database_cpu_seconds"]) / seconds, 4
        ),
        "connections_of_a_node": after["connections"],
        "media_bytes_an_event": round((after["media_bytes"] - before["media_bytes"]) / max(1, events)),
        "messages_an_event": round((after["messages"] - before["messages"]) / max(1, events), 2),
        "bytes_a_message": round(
            (after["message_bytes"] - before["message_bytes"])
            / max(1, after["messages"] - before["messages"])
        ),
        "held_mib": {name: round((size or 0) / 2**20, 1) for name, size in after["held_bytes"].items()},
    }


def measure(args: argparse.Namespace) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="normalcy-sizing-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        server = stack.enter_context(running_server())
        url = server.new_database()
        Store(url, migrate=True).close()
        broker = Broker(folder)
        stack.callback(broker.stop)
        heard = Subscriber(broker.port)
        stack.callback(heard.close)
        streams = stack.enter_context(cameras(args.video))
        config = config_of(args, folder, streams=streams, store=url, broker=broker.port)
        running = stack.enter_context(watching(config))
        wait_for_all(running, args.cameras)
        time.sleep(args.warm_up)
        before = snapshot(url, running, heard, folder, server.port)
        print(json.dumps(before), file=sys.stderr, flush=True)
        time.sleep(args.minutes * 60)
        after = snapshot(url, running, heard, folder, server.port)
        print(json.dumps(after), file=sys.stderr, flush=True)
    return summary(args, before, after)


def picture_of(video: Path) -> dict[str, Any]:
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        seconds = float(container.duration / av.time_base)
        return {
            "width_px": stream.width,
            "height_px": stream.height,
            "frames_per_second": float(stream.average_rate),
            "codec": stream.codec_context.name,
            "bits_per_second": round(8 * video.stat().st_size / seconds),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("video", type=Path)
    parser.add_argument("--out", type=Path, default=Path("results/scale.json"))
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--warm-up", type=float, default=15.0)
    parser.add_argument("--backend", default="openvino-int8")
    args = parser.parse_args()
    found = measure(args)
    kept = json.loads(args.out.read_text()) if args.out.is_file() else {}
    about = {"command": command(), "versions": versions(), "hardware": hardware()}
    write_json(args.out, kept | {"engine": about | {"video": picture_of(args.video)} | found})
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
