"""Looks that are still being made: whoever reads one waits for it, and no longer."""

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy.typing as npt


class PendingLook(Mapping[str, "npt.NDArray[Any]"]):
    """Arrays by name, each made on another thread."""

    def __init__(self, parts: Mapping[str, "Future[npt.NDArray[Any]]"]) -> None:
        self._parts = dict(parts)

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """Waits until the array is there."""
        return self._parts[name].result()

    def __contains__(self, name: object) -> bool:
        return name in self._parts

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)


@cache
def worker(name: str) -> ThreadPoolExecutor:
    """One thread for each kind of work: a second would only take the cores from the first."""
    return ThreadPoolExecutor(1, thread_name_prefix=f"normalcy-{name}")


os.register_at_fork(after_in_child=worker.cache_clear)  # threads do not survive a fork
