"""Peak memory of a backend, in a process that does nothing else.

python -m normalcy.workflows.bench.memory BUNDLE BACKEND
"""

import json
import re
import resource
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np

from normalcy.errors import FallbackWarning

_CLIPS = 3
_SECONDS = 300


def peak_memory_mib(bundle: Path, backend: str, threads: int | None = None) -> float | None:
    """Mebibytes that a process needs at most that loads a bundle and looks at a few clips.

    None, with a warning, where that process fails.
    """
    command = [sys.executable, "-W", "ignore", "-m", __name__, str(bundle), backend, str(threads or "")]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True)
        return float(json.loads(done.stdout.splitlines()[-1])["peak_mib"])
    except (subprocess.SubprocessError, ValueError, KeyError, IndexError) as error:
        warnings.warn(f"memory of {backend} was not measured: {error}", FallbackWarning, stacklevel=2)
        return None


def _main(bundle: str, backend: str, threads: str = "") -> None:
    from normalcy.scoring.bundle import Bundle
    from normalcy.workflows.bench.models import open_model

    model = open_model(Bundle.load(Path(bundle)), backend, threads=int(threads) if threads else None)
    spec, random = model.spec, np.random.default_rng(0)
    shape = (spec.length_frames, spec.channels, *spec.size_px)
    for _ in range(_CLIPS):
        model.infer([random.integers(0, 256, shape, np.uint8)])
    print(json.dumps({"peak_mib": _peak_mib()}))


def _peak_mib() -> float:
    """Of this process alone: what `getrusage` says on Linux counts its parent's as well."""
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"^VmHWM:\s*(\d+) kB", status.read_text(encoding="ascii"), re.MULTILINE)
        if found:
            return int(found[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2  # bytes on macOS


if __name__ == "__main__":
    _main(*sys.argv[1:])
