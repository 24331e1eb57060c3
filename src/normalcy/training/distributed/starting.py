"""Starts the processes of a training on this machine, where no launcher did.

    normalcy fit --devices 4          process 0: reads, trains, writes, speaks
        python -m ...distributed.rank     processes 1 to 3: train along; what they are to do comes by standard input

On several machines the same command is given on each, with NODE_RANK, MASTER_ADDR and MASTER_PORT in its environment.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import IO, Any

import torch

from normalcy.errors import ConfigError, TrainingError
from normalcy.run_folder import RunFolder
from normalcy.training.config import FitConfig
from normalcy.training.devices import Devices
from normalcy.training.distributed.group import Deserted, Group, Place
from normalcy.training.distributed.joining import MEETING, here, joined
from normalcy.training.distributed.stores import Store, TCPStore
from normalcy.training.distributed.watching import Children

_PATIENCE_SECONDS = 10.0
_HERE = "127.0.0.1"


@dataclass(eq=False)
class Started:
    """A process that this one started, and what it wrote as its last words."""

    rank: int
    process: "subprocess.Popen[bytes]"
    words: IO[bytes] = field(repr=False)

    def require_alive(self) -> None:
        """Says how it ended, where it did.

        Raises:
            TrainingError: It did.
        """
        code = self.process.poll()
        if code:
            raise TrainingError(f"process {self.rank} of the training {self._end(code)}")

    def _end(self, code: int) -> str:
        if code < 0:
            return f"was ended by {signal.Signals(-code).name}"
        self.words.seek(0)
        lines = self.words.read().decode(errors="replace").strip().splitlines()
        return f"ended: {lines[-1]}" if lines else f"ended with code {code}"


def job_of(config: FitConfig, *, run: RunFolder, resume: bool) -> dict[str, Any]:
    """What the other processes of a fit are to do."""
    return {"config": config.model_dump(mode="json"), "run": str(run.path), "resume": resume}


@contextmanager
def started(devices: Devices, job: Mapping[str, Any]) -> Iterator[Group]:
    """Starts the other processes of this machine and joins them; they end with the block, however it ends.

    Args:
        devices: How many.
        job: What they are to do, as `rank.py` takes it.

    Raises:
        ConfigError: There are not so many devices, or it is not said which of the machines this is.
        TrainingError: One of them ended.
    """
    _require_devices(devices)
    first = node_rank(devices) * devices.devices
    place = Place(first, devices.processes, 0, devices.devices)
    store, address = _meeting_place(place)
    others: list[Started] = []
    try:
        for local_rank in range(1, devices.devices):
            beside = Place(first + local_rank, place.size, local_rank, place.local_size)
            others.append(_start(beside, address, job))
        _await(others, store)
        with _naming_the_dead(others), joined(place, store, _as_children(others)) as group:
            yield group
        _join(others)
    finally:
        _end(others)


def _require_devices(devices: Devices) -> None:
    found = torch.cuda.device_count()
    if found and devices.devices > found:
        raise ConfigError(
            f"is {devices.devices}, but there are {found}", where="--devices", hint=f"Take {found} or less"
        )


def node_rank(devices: Devices) -> int:
    """Which of the machines this is, from 0.

    Raises:
        ConfigError: There are several, and it is not said.
    """
    if devices.nodes == 1:
        return 0
    given = {name: os.environ.get(name, "").strip() for name in ("NODE_RANK", "MASTER_ADDR", "MASTER_PORT")}
    missing = [
        name for name, value in given.items() if not (value if name == "MASTER_ADDR" else value.isdecimal())
    ]
    if missing:
        raise ConfigError(
            f"is {devices.nodes}, but {', '.join(missing)} of the environment is not set",
            where="--nodes",
            hint="Start it by torchrun or srun; or on each machine, with its NODE_RANK from 0, and with the "
            "MASTER_ADDR and MASTER_PORT of the first",
        )
    return int(given["NODE_RANK"])


def _meeting_place(place: Place) -> tuple[Store, tuple[str, int]]:
    """A store that the others can reach, and where: the first process of all holds it."""
    host, port = _HERE, 0
    if place.nodes > 1:
        host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    try:
        # It waits for nobody: the others are not even started.
        store = TCPStore(
            host, port, place.size, is_master=place.rank == 0, wait_for_workers=False, timeout=MEETING
        )
    except RuntimeError as error:
        raise TrainingError(f"did not meet the other machines ({error})", where=f"{host}:{port}") from error
    return store, (host, store.port)


def _start(place: Place, address: tuple[str, int], job: Mapping[str, Any]) -> Started:
    words = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process
    process = subprocess.Popen(
        [sys.executable, "-m", "normalcy.training.distributed.rank"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=words,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert process.stdin is not None
    try:
        with process.stdin:
            process.stdin.write(json.dumps({**job, "place": asdict(place), "address": address}).encode())
    except BrokenPipeError:
        pass  # it ended at once: that is told where all are waited for
    return Started(place.rank, process, words)


def _await(others: Sequence[Started], store: Store) -> None:
    """Until all that were started are there: one that cannot even start is not waited for."""
    while others and not store.check([here(each.rank) for each in others]):
        for each in others:
            each.require_alive()
        time.sleep(0.02)


def _as_children(others: Sequence[Started]) -> Children:
    def require_alive() -> None:
        for each in others:
            each.require_alive()

    def kill() -> None:
        for each in others:
            each.process.kill()

    return Children(require_alive, kill)


@contextmanager
def _naming_the_dead(others: Sequence[Started]) -> Iterator[None]:
    """Where nobody said why an exchange broke off: which process ended, and how."""
    try:
        yield
    except Deserted:
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            for each in others:
                each.require_alive()
            time.sleep(0.02)
        raise


def _join(others: Sequence[Started]) -> None:
    """Waits for processes that have nothing left to do."""
    for each in others:
        try:
            each.process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            return


def _end(others: Sequence[Started]) -> None:
    for each in others:
        if each.process.poll() is None:
            each.process.terminate()
    for each in others:
        try:
            each.process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            each.process.kill()
            each.process.wait()
        each.words.close()
