"""Where an archive is scored: an S3 server and a Ray cluster on this machine, and how a worker of that is killed."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MARK = "NORMALCY_BENCHMARK"
_STORE_BYTES = 256 * 1024**2
_WAIT_SECONDS = 60.0


@contextmanager
def s3_server() -> Iterator[None]:
    """A process of an S3 server (moto), with empty buckets `footage` and `results`; found by the environment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            url = f"http://127.0.0.1:{port}"
            _await(url)
            os.environ |= {
                "AWS_ENDPOINT_URL": url,
                "AWS_ACCESS_KEY_ID": "benchmark",
                "AWS_SECRET_ACCESS_KEY": "benchmark",
                "AWS_DEFAULT_REGION": "us-east-1",
            }
            import s3fs

            files = s3fs.S3FileSystem()
            for bucket in ("footage", "results"):
                files.mkdir(bucket)
            yield
        finally:
            server.terminate()


def _await(url: str) -> None:
    end = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"{url}/moto-api/", timeout=1).close()
            return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


@contextmanager
def ray_cluster(nodes: int) -> Iterator[str]:
    """A cluster of so many nodes with one core each; its address."""
    os.environ |= {_MARK: uuid.uuid4().hex, "RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
    import ray
    from ray.cluster_utils import Cluster

    options = {"num_cpus": 1, "object_store_memory": _STORE_BYTES}
    cluster = Cluster(initialize_head=True, head_node_args=options | {"include_dashboard": False})
    try:
        for _ in range(nodes - 1):
            cluster.add_node(**options)
        yield cluster.address
    finally:
        ray.shutdown()
        cluster.shutdown()


def kill_a_worker() -> int:
    """Kills one of the cluster's processes that score; its process id."""
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    pid = next(pid for pid in pids if _scores(pid))
    os.kill(pid, signal.SIGKILL)
    return pid


def _scores(pid: int) -> bool:
    """Whether a process is such a one, and of our own cluster."""
    try:
        title = Path(f"/proc/{pid}/cmdline").read_bytes()
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return (
        title.startswith(b"ray::")
        and b"Map" in title
        and f"{_MARK}={os.environ[_MARK]}".encode() in environment
    )
