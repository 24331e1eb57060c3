"""Whether store and disk fit together once the engine has stopped, by the command that its users have for that."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

_HARMLESS = {"temporary", "orphan", "media gone", "media size", "foreign"}
"""What a process that is killed, or a full disk, may leave, and `--repair` mends."""


def store_troubles(config: Path, notes: dict[str, float]) -> list[str]:
    """What `normalcy live check` finds that must not be; what it mended is counted in the notes."""
    findings, _ = _checked(config, "--repair")
    for kind, count in Counter(each["kind"] for each in findings).items():
        notes[f"store: {kind}"] = count
    _, complaint = _checked(config)
    bad = [each["what"] for each in findings if each["kind"] not in _HARMLESS]
    return [*bad, *([f"`normalcy live check` fails: {complaint}"] if complaint else [])]


def _checked(config: Path, *options: str) -> tuple[list[dict[str, Any]], str]:
    """What it found, and why it failed; empty where it did not."""
    command = [sys.executable, "-m", "normalcy", "live", "check", str(config), "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    findings = json.loads(done.stdout)["findings"] if done.stdout else []
    return findings, (done.stderr.strip() or "it does not say why") if done.returncode else ""
