"""Whether store and disk fit together once the engine has stopped."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

from normalcy.live.config.live import read_live_config
from normalcy.live.store.check import check_store
from normalcy.live.store.opening import store_of

_HARMLESS = {"temporary", "orphan", "media gone", "media size", "foreign"}
"""What a process that is killed may leave, and `--repair` mends."""


def store_troubles(config: Path, notes: dict[str, float]) -> list[str]:
    """What `normalcy live check` and a stricter look find; what was mended is counted in the notes."""
    command = [sys.executable, "-m", "normalcy", "live", "check", str(config), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = [] if done.returncode == 0 else [f"`normalcy live check` fails: {done.stderr.strip()[-300:]}"]
    read = read_live_config(config)
    with store_of(read) as store:
        # The engine has stopped: nothing is in the works any more.
        first = check_store(store, read.data / "media", repair=True, settled_seconds=0)
        second = check_store(store, read.data / "media", settled_seconds=0)
    for kind, count in Counter(each.kind for each in first.findings).items():
        notes[f"store: {kind}, mended"] = count
    bad = [each.what for each in first.findings if each.kind not in _HARMLESS]
    left = [f"not mended: {each.what}" for each in second.findings if each.kind != "foreign"]
    return [*said, *bad, *left]
