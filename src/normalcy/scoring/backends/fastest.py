"""The fastest backend of a bundle on this machine, measured once and remembered.

`~/.cache/normalcy/backends.json` holds what was measured, by bundle, machine and versions.
"""

import contextlib
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

import numpy as np

from normalcy.environment import hardware_name, versions
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.model import ScoringModel

CACHE = Path("~/.cache/normalcy/backends.json")

_CLIPS, _ROUNDS = 4, 3


def remembered_fastest(
    bundle: Bundle, names: Sequence[str], *, threads: int | None = None, cache: Path = CACHE
) -> str | None:
    """The fastest of these as it was measured before; None where it was not.

    Args:
        bundle: Whose backends.
        names: All that come into question.
        threads: Threads of each exported graph.
        cache: File of what was measured.
    """
    known = _read(cache.expanduser()).get(_key(bundle, names, threads))
    return known if known in names else None


def measured_fastest(
    bundle: Bundle,
    names: Sequence[str],
    *,
    models: Mapping[str, ScoringModel],
    threads: int | None = None,
    cache: Path = CACHE,
) -> str:
    """The one that takes the least time for a few clips, remembered from now on.

    Args:
        bundle: Whose backends.
        names: All that come into question.
        models: Those of them that can be opened, ready to score.
        threads: Threads of each exported graph.
        cache: File of what was measured.
    """
    times = milliseconds(models)
    best = min(times, key=lambda name: times[name])
    path = cache.expanduser()
    _write(path, _read(path) | {_key(bundle, names, threads): best})
    return best


def milliseconds(models: Mapping[str, ScoringModel]) -> dict[str, float]:
    """Time for a clip by name, median of rounds in turn; the first round warms up and does not count."""
    spec = next(iter(models.values())).spec
    random = np.random.default_rng(0)
    shape = (spec.length_frames, spec.channels, *spec.size_px)
    clips = [random.integers(0, 256, shape, np.uint8) for _ in range(_CLIPS)]
    taken: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(_ROUNDS + 1):
        for name, model in models.items():
            start = time.perf_counter()
            model.infer(clips)
            taken[name].append((time.perf_counter() - start) * 1000 / _CLIPS)
    return {name: median(each[1:]) for name, each in taken.items()}


def _key(bundle: Bundle, names: Sequence[str], threads: int | None) -> str:
    made = [f"{each.name} {each.made_of} {each.made_at}" for each in bundle.exports if each.name in names]
    about = [
        str(bundle.path and bundle.path.resolve()),
        *names,
        *made,
        hardware_name(),
        f"{threads or 'all'} threads",
    ]
    return "; ".join([*about, *(f"{name} {version}" for name, version in versions().items())])


def _read(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, known: Mapping[str, str]) -> None:
    # What cannot be remembered is measured again.
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".part")
        temporary.write_text(json.dumps(dict(known), indent=2) + "\n", encoding="utf-8")
        temporary.replace(path)
