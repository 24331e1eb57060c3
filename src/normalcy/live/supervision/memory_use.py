"""What processes take of the machine."""

import os
from contextlib import suppress
from pathlib import Path


def resident_bytes(pid: int) -> int | None:
    """Memory of a process that is in use and not shared with a file; None where the system does not tell."""
    with suppress(OSError, ValueError, IndexError):
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    return None


def open_files(pid: int | str) -> int | None:
    """Files, pipes and sockets that a process has open; None where the system does not tell."""
    with suppress(OSError):
        return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return None
