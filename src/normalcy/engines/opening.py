"""Which engine: one by its name."""

import os
from importlib.util import find_spec

from normalcy.engines.contract import Engine
from normalcy.errors import ConfigError, MissingPackage

ENGINES = ("local", "ray")
_MOST_LOCAL_WORKERS = 16


def open_engine(name: str, *, workers: int | None = None, address: str | None = None) -> Engine:
    """An engine, to be used as a context.

    Args:
        name: `local` or `ray`.
        workers: How many items are worked on at once; as many as there are cores without (16 at most on one machine).
        address: Of a Ray cluster, `auto` for the one that this machine belongs to; without, Ray starts one here.

    Raises:
        ConfigError: There is no such engine, no such number of workers, or an address for what takes none.
        MissingPackage: Ray is not installed.
    """
    if workers is not None and workers < 1:
        raise ConfigError(f"{workers} workers are too few", where="--workers", hint="Take 1 or more")
    if name == "local":
        if address is not None:
            raise ConfigError("local workers have no address", where="--address", hint="Add --engine ray")
        from normalcy.engines.local import LocalEngine

        return LocalEngine(workers or min(cores(), _MOST_LOCAL_WORKERS))
    if name != "ray":
        raise ConfigError(
            f"unknown engine {name!r}", where="--engine", hint=f"Known are {', '.join(ENGINES)}"
        )
    if find_spec("ray") is None:
        raise MissingPackage("ray is not installed", hint="pip install 'normalcy[scale]'")
    from normalcy.engines.ray import RayEngine

    return RayEngine(workers, address=address)


def cores() -> int:
    """Of this machine, that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
