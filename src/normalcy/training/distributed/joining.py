"""How a process finds the others of its training: started by torchrun, by Slurm's srun, or by another of them."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from normalcy.environment import available_cores
from normalcy.errors import ConfigError, TrainingError
from normalcy.training.devices import launched_size
from normalcy.training.distributed.failures import failing_together
from normalcy.training.distributed.group import Group, Place
from normalcy.training.distributed.stores import PrefixStore, Store
from normalcy.training.distributed.watching import NO_CHILDREN, Children, watched

if TYPE_CHECKING:
    from normalcy.training.lightning_import import ClusterEnvironment

# Once all have met: decoding hours of video may take long, and the others wait. One that ends is noticed without it.
_PATIENCE = timedelta(days=14)
MEETING = timedelta(minutes=20)
_NCCL = timedelta(minutes=10)

_joined: list[Group] = []


def joined_group() -> Group | None:
    """The group that this process has joined, if any."""
    return _joined[-1] if _joined else None


@contextmanager
def joined_as_launched() -> Iterator[Group | None]:
    """Joins the processes that a launcher started beside this one; None where there is no launcher.

    Raises:
        TrainingError: The others do not come.
    """
    if launched_size() is None:
        yield None
        return
    environment = _launcher()
    place = Place(
        environment.global_rank(), environment.world_size(), environment.local_rank(), _local_size()
    )
    os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"] = (
        environment.main_address,
        str(environment.main_port),
    )
    with joined(place, met_by_environment(place)) as group:
        yield group


def _launcher() -> "ClusterEnvironment":
    from normalcy.training.lightning_import import SLURMEnvironment, TorchElasticEnvironment

    if TorchElasticEnvironment.detect():
        return TorchElasticEnvironment()
    try:
        # Nobody asked to be put into the queue again.
        return SLURMEnvironment(auto_requeue=False)
    except RuntimeError as error:
        raise ConfigError(
            "srun was not told how many tasks a machine has", where="Slurm", hint="Give it --ntasks-per-node"
        ) from error


def _local_size() -> int:
    size = launched_size()
    assert size is not None
    return size[0]


def met_by_environment(place: Place) -> Store:
    """Where all meet: the address that the variables MASTER_ADDR and MASTER_PORT name.

    Raises:
        TrainingError: Nobody is there.
    """
    try:
        store: Store = next(rendezvous("env://", place.rank, place.size, timeout=MEETING))[0]
    except (RuntimeError, ValueError, OSError) as error:
        where = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
        raise TrainingError(
            f"process {place.rank} of {place.size} did not meet the others ({error})", where=where
        ) from error
    return store


@contextmanager
def joined(place: Place, store: Store, children: Children = NO_CHILDREN) -> Iterator[Group]:
    """Exchanges with the others while the block runs; an error in one process is raised in all.

    Args:
        place: Which of them this is.
        store: By which they find each other.
        children: Those that this one started.

    Raises:
        TrainingError: The others do not come.
    """
    threads = torch.get_num_threads()
    with watched(place, store, children) as watch:

        def leave() -> None:
            if dist.is_initialized():
                torch.set_num_threads(threads)
                dist.destroy_process_group()
            watch.stop()

        try:
            with failing_together(place, store), watch.raising():
                _connect(place, store)
                _share_cores(place)
                group = Group(place, of_gpus=_of_gpus(place), leave=leave)
                _joined.append(group)
                yield group
        finally:
            _joined.clear()
            leave()


def _connect(place: Place, store: Store) -> None:
    """Once all have come: what connects them would wait as long as any exchange."""
    if place.nodes == 1 and Path("/sys/class/net/lo").exists():
        # A name of the machine that leads nowhere must not matter.
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    try:
        _meet(place, store)
        dist.init_process_group(
            "gloo",
            store=PrefixStore("gloo", store),
            rank=place.rank,
            world_size=place.size,
            timeout=_PATIENCE,
        )
    except RuntimeError as error:
        raise TrainingError(f"process {place.rank} did not meet the others ({error})") from error


def here(rank: int) -> str:
    """The key of a store that says that a process is there."""
    return f"here/{rank}"


def _meet(place: Place, store: Store) -> None:
    store.set(here(place.rank), "")
    deadline = time.monotonic() + MEETING.total_seconds()
    while not store.check([here(rank) for rank in range(place.size)]):
        if time.monotonic() > deadline:
            missing = [str(rank) for rank in range(place.size) if not store.check([here(rank)])]
            raise TrainingError(
                f"process {place.rank} did not meet the others: of {place.size}, "
                f"{', '.join(missing)} did not come within {MEETING.total_seconds() / 60:g} minutes",
                hint="Is the same command running on all machines?",
            )
        time.sleep(0.05)


def _of_gpus(place: Place) -> dist.ProcessGroup | None:
    """What tensors of GPUs are exchanged by; None without any."""
    if not torch.cuda.is_available():
        return None
    device = torch.device("cuda", place.local_rank)
    torch.cuda.set_device(device)
    found: dist.ProcessGroup = dist.new_group(backend="nccl", timeout=_NCCL, device_id=device)
    return found


def _share_cores(place: Place) -> None:
    """Gives each process its part of the cores, unless OMP_NUM_THREADS says how many."""
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, available_cores() // place.local_size))
