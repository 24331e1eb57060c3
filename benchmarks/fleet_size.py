"""What a fleet costs its database, by how large it is.

    python benchmarks/fleet_size.py --out results/scale.json

Nodes as the engine has them, without cameras or detectors: they say that they live, read who has what, and share the
cameras out. What one turn of one node costs is measured on both sides, in seconds of processor time; a node takes one
turn a second. Run it with nothing else running.
"""

import argparse
import json
import os
import sys
import time
import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from live_parts import command, database_cpu_seconds
from live_proof.stand_ins import running_server
from sqlalchemy import text

from normalcy.environment import hardware, versions
from normalcy.live.config.fleet import FleetConfig
from normalcy.live.config.live import LiveConfig, config_from
from normalcy.live.nodes.identity import NodeIdentity
from normalcy.live.nodes.node import Node, Offer
from normalcy.live.store.scores import save_minute
from normalcy.live.store.store import Store
from normalcy.live.supervision.camera_unit import waiting_status
from normalcy.live.supervision.others import status_of
from normalcy.run_folder import write_json

CAMERAS_A_NODE = 6
SIZES = (2, 10, 50, 167)
LEASE_SECONDS = 600.0  # nobody falls silent, however long a round of turns takes here
ROUNDS = 5


def config_of(cameras: int) -> LiveConfig:
    return config_from(
        {
            "bundles": {"main": {"path": "."}},
            "cameras": {f"camera-{n:06}": {"source": f"rtsp://10.0.0.1/{n}"} for n in range(cameras)},
        },
        where=Path("watch.yaml"),
    )


def node_of(number: int, store: Store) -> Node:
    name = f"node-{number:04}"
    identity = NodeIdentity(name, uuid.uuid4().hex, uuid.uuid4().hex, LEASE_SECONDS)
    config = FleetConfig(enabled=True, node=name, lease_seconds=LEASE_SECONDS, heartbeat_seconds=0.001)
    return Node(store, identity=identity, config=config)


def offer_of(number: int, config: LiveConfig) -> Offer:
    names = list(config.cameras)
    mine = names[number * CAMERAS_A_NODE : (number + 1) * CAMERAS_A_NODE]
    said = {name: status_of(waiting_status(name, config, time.time())) for name in mine}
    status = {"frames_per_second": 150.0, "cameras": said}
    return Offer(frozenset(names), ready=True, address="http://10.0.0.1:8042", status=status)


def measure(count: int) -> dict[str, Any]:
    """A fleet of so many nodes."""
    config = config_of(count * CAMERAS_A_NODE)
    with ExitStack() as stack:
        server = stack.enter_context(running_server(options=f"-c max_connections={4 * count + 50}"))
        url = server.new_database()
        Store(url, migrate=True).close()
        nodes = []
        for number in range(count):
            node = node_of(number, Store(url))
            node.join()
            node.offer(offer_of(number, config))
            stack.callback(node.leave)
            nodes.append(node)
        settle(nodes, len(config.cameras))
        return {"nodes": count, "cameras": len(config.cameras), **cost_of(nodes, server.port)}


def score_row_bytes(*, cameras: int = 10, minutes: int = 1440) -> float:
    """What a minute of a camera's scores takes in the database, its index included, after a day of them."""
    with running_server() as server:
        store = Store(server.new_database(), migrate=True)
        scores_60 = np.random.default_rng(0).random(60)
        for minute in range(minutes):
            with store.transaction() as session:
                for number in range(cameras):
                    save_minute(session, f"camera-{number:06}", minute, scores_60, 1.5)
        with store.reading() as session:
            size = session.scalar(text("SELECT pg_total_relation_size('scores')"))
        store.close()
        return size / (cameras * minutes)


def settle(nodes: list[Node], cameras: int) -> None:
    """Turns until every camera is somebody's."""
    for _ in range(20):
        for node in nodes:
            node.turn()
        if sum(len(node.taken) for node in nodes) == cameras:
            return
    raise SystemExit("the cameras are not shared out")


def cost_of(nodes: list[Node], server: int) -> dict[str, Any]:
    """Of one turn of one node."""
    waits, theirs, ours = [], database_cpu_seconds(server), time.process_time()
    for _ in range(ROUNDS):
        for node in nodes:
            began = time.perf_counter()
            node.turn()
            waits.append(time.perf_counter() - began)
    turns = len(nodes) * ROUNDS
    theirs, ours = database_cpu_seconds(server) - theirs, time.process_time() - ours
    return {
        "turn_seconds": {
            "p50": round(float(np.median(waits)), 5),
            "p99": round(float(np.quantile(waits, 0.99)), 5),
        },
        "database_cpu_seconds_a_turn": round(theirs / turns, 6),
        "node_cpu_seconds_a_turn": round(ours / turns, 6),
        # A turn a second of each node.
        "database_cores": round(theirs / turns * len(nodes), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("results/scale.json"))
    parser.add_argument("--nodes", type=int, nargs="+", default=list(SIZES))
    args = parser.parse_args()
    rows = []
    for count in args.nodes:
        rows.append(measure(count))
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    kept = json.loads(args.out.read_text()) if args.out.is_file() else {}
    about = {"command": command(), "versions": versions(), "hardware": hardware()}
    found = {"cameras_a_node": CAMERAS_A_NODE, "bytes_a_score_row": round(score_row_bytes()), "rows": rows}
    write_json(args.out, kept | {"fleet": about | found})


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
