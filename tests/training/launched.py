"""Starts processes as Slurm's srun would, and waits for all of them."""

import os
import socket
import subprocess
import sys
from pathlib import Path

PATIENCE_SECONDS = 280  # of a busy machine
_TESTS = Path(__file__).resolve().parent.parent


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def under_srun(words: list[str], *, processes: int = 2) -> list[subprocess.CompletedProcess[str]]:
    """Runs `python WORDS` as so many tasks of one machine; what each wrote, and its exit code."""
    shared = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, (_TESTS, _TESTS / "training"))),
        "OMP_NUM_THREADS": "1",
        "SLURM_NTASKS": str(processes),
        "SLURM_NTASKS_PER_NODE": str(processes),
        "SLURM_NNODES": "1",
        "SLURM_NODEID": "0",
        "SLURM_JOB_ID": "4242",
        "SLURM_NODELIST": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
    }
    running = [
        subprocess.Popen(
            [sys.executable, *words],
            env={**shared, "SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(processes)
    ]
    try:
        written = [each.communicate(timeout=PATIENCE_SECONDS) for each in running]
    finally:
        for each in running:
            each.kill()
    return [
        subprocess.CompletedProcess(each.args, each.returncode, *texts)
        for each, texts in zip(running, written, strict=True)
    ]
