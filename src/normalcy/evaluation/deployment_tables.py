"""Tables of what exports lose and gain, from what `benchmarks/deployment.py` writes: `parity.json`, `bench.json`."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from normalcy.errors import InputError

Table = tuple[Sequence[str], list[list[str]]]

_PARITY = (
    "method",
    "dataset",
    "export",
    "largest difference",
    "mean",
    "relative",
    "rank correlation",
    "AUC",
    "AUC - torch's",
    "layers kept",
    "own calibration",
)
_BENCH = (
    "method",
    "backend",
    "ms a clip",
    "p95",
    "p99",
    "times as fast",
    "in fours",
    "frames/s",
    "times as fast",
    "peak MiB",
    "MB",
)


def deployment_table(name: str, results: Path) -> Table:
    """Head and rows of `parity` or `bench`.

    Raises:
        InputError: There is no such file, or it is damaged.
    """
    path = results / f"{name}.json"
    try:
        bundles = json.loads(path.read_text(encoding="utf-8"))["bundles"]
        head, rows = _TABLES[name]
        return head, [row for bundle in bundles for row in rows(bundle)]
    except (OSError, ValueError, KeyError) as error:
        hint = "`python benchmarks/deployment.py` writes it"
        raise InputError(f"cannot be read ({error!r})", where=path, hint=hint) from error


def _parity_rows(bundle: Mapping[str, Any]) -> Iterator[list[str]]:
    for name, found in bundle["exports"].items():
        yield [
            f"`{bundle['method']}`, {bundle['preset']}",
            f"`{bundle['dataset']}`",
            name,
            *(f"{found[key]:.1g}" for key in ("largest", "mean", "relative")),
            f"{found['rank_correlation']:.4f}",
            f"{found['auc']:.4f}",
            f"{found['auc_difference']:+.4f}",
            str(sum(len(each["kept"]) for each in found["rounding"].values())),
            "yes" if found["recalibrated"] else "",
        ]


def _bench_rows(bundle: Mapping[str, Any]) -> Iterator[list[str]]:
    for name, own in bundle["backends"].items():
        one, ratios = own["batches"]["1"], own.get("times_as_fast", {})
        memory = own["peak_memory_mib"]
        yield [
            f"`{bundle['method']}`, {bundle['preset']}",
            name,
            *(f"{one[key]:.1f}" if key in one else "-" for key in ("p50_ms", "p95_ms", "p99_ms")),
            f"{ratios['1']:.2f}",
            f"{ratios['4']:.2f}",
            f"{own['frames_per_second']:.0f}",
            f"{own['times_as_fast_together']:.2f}",
            "-" if memory is None else f"{memory:.0f}",
            f"{own['model_bytes'] / 1e6:.1f}",
        ]


_TABLES: Mapping[str, tuple[Sequence[str], Callable[[Mapping[str, Any]], Iterator[list[str]]]]] = {
    "parity": (_PARITY, _parity_rows),
    "bench": (_BENCH, _bench_rows),
}
