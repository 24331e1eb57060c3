"""Processes of an engine, from Linux's `/proc`: who they are, and whether any is left."""

import re
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_BLOCK = re.compile(r"/dev/shm/(psm_\w+)")


def of_session(session: int) -> list[int]:
    """Processes that live in a session, also those whose parent is gone."""
    pids = (int(folder.name) for folder in _PROC.iterdir() if folder.name.isdecimal())
    return sorted(pid for pid in pids if _session_of(pid) == session)


def is_alive(pid: int) -> bool:
    """Whether a process has not ended."""
    return _session_of(pid) is not None


def shared_blocks(pid: int) -> set[str]:
    """Names of the shared memory that a process has mapped."""
    return set(_BLOCK.findall(_read(pid, "maps")))


def left_blocks(names: set[str]) -> set[str]:
    """Which of these blocks are still there."""
    return {name for name in names if (Path("/dev/shm") / name).exists()}


def _session_of(pid: int) -> int | None:
    """None where the process has ended."""
    # The name of the program, in brackets, may hold anything.
    fields = _read(pid, "stat").rpartition(")")[2].split()
    return int(fields[3]) if fields and fields[0] not in "ZX" else None


def _read(pid: int, name: str) -> str:
    with suppress(OSError):
        return (_PROC / str(pid) / name).read_text(errors="replace")
    return ""
