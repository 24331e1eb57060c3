"""A Ray cluster of two nodes on this machine, and how to kill one of its workers."""

import os
import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MARK = "NORMALCY_CLUSTER"
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_DEDUP_LOGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
_STORE_BYTES = 100 * 1024**2


@contextmanager
def cluster(*, nodes: int = 2, cpus: int = 1) -> Iterator[tuple[str, str]]:
    """Gives its address, and a mark that its processes carry in their environment."""
    mark = uuid.uuid4().hex
    os.environ.update({**_QUIET, _MARK: mark})
    import ray
    from ray.cluster_utils import Cluster

    options = {"num_cpus": cpus, "object_store_memory": _STORE_BYTES, "include_dashboard": False}
    found = Cluster(initialize_head=True, head_node_args=options)
    try:
        for _ in range(nodes - 1):
            found.add_node(num_cpus=cpus, object_store_memory=_STORE_BYTES)
        yield found.address, mark
    finally:
        ray.shutdown()
        found.shutdown()
        del os.environ[_MARK]


def workers_of(mark: str) -> list[int]:
    """The processes of a cluster's actors that map."""
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [pid for pid in pids if _is_worker(pid, mark)]


def _is_worker(pid: int, mark: str) -> bool:
    try:
        title = Path(f"/proc/{pid}/cmdline").read_bytes()
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return title.startswith(b"ray::") and b"Map" in title and f"{_MARK}={mark}".encode() in environment


def kill_one_worker(mark: str) -> int:
    """Kills a worker; its process id."""
    end = time.monotonic() + 30
    while not (found := workers_of(mark)) and time.monotonic() < end:
        time.sleep(0.1)
    os.kill(found[0], signal.SIGKILL)
    return found[0]
