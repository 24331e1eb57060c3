"""The disk of events and media is full for a while."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from live_proof.configuration import CAMERAS
from live_proof.fault import Fault
from live_proof.site import Conditions, Site
from live_proof.waiting import wait_until

_SIZE = "48m"
_CHUNK_BYTES = 1 << 16
_REFUSED = "the store refused"


def strike(site: Site, _: int) -> float:
    """Fills the disk until the store feels it, sees that scoring goes on, and makes room; recovers from then on."""
    ballast, refused = site.conditions.data / "ballast", _times_refused(site)
    try:
        wait_until("the store refuses", lambda: _is_felt(site, ballast, refused))
        for camera in CAMERAS:
            site.wait_scored(camera)
    finally:
        ballast.unlink(missing_ok=True)
    started, known = time.monotonic(), set(site.ledger.events)
    wait_until("an event is committed", lambda: set(site.ledger.events) - known)
    site.wait_whole()
    return time.monotonic() - started


def _is_felt(site: Site, ballast: Path, refused: int) -> bool:
    _fill(ballast)
    return _times_refused(site) > refused


def _fill(ballast: Path) -> None:
    """Takes what is free, to the last byte that one gets."""
    with suppress(OSError), ballast.open("ab", buffering=0) as file:
        while file.write(bytes(_CHUNK_BYTES)):
            pass


def _times_refused(site: Site) -> int:
    return sum(_REFUSED in message for message in site.engine.read_log())


def _missing() -> str:
    return "" if os.geteuid() == 0 and _can_mount() else "a small disk cannot be mounted (needs root)"


def _can_mount() -> bool:
    with TemporaryDirectory() as folder:
        mounted = _mount(Path(folder))
        if mounted:
            _unmount(Path(folder))
        return mounted


def _mount(folder: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def _small_disk(folder: Path) -> Iterator[Conditions]:
    data = folder / "disk"
    data.mkdir()
    if not _mount(data):
        raise OSError(f"{data} cannot be mounted")
    try:
        yield Conditions(data)
    finally:
        _unmount(data)


FAULT = Fault("full-disk", 3, strike, missing=_missing, conditions=_small_disk)
