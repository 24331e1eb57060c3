"""What was measured, for people: a table, and a picture."""

from collections.abc import Mapping
from typing import Any

from normalcy.report.dot_plot import dot_plot

COLUMNS = (
    "backend",
    "clip p50",
    "p95",
    "p99 ms",
    "cores busy",
    "frames/s",
    "MiB",
    "file MB",
    "times as fast",
)


def rows(backends: Mapping[str, Mapping[str, Any]], *, batch: str = "1") -> list[tuple[str, ...]]:
    """A row for each backend, under `COLUMNS`."""
    found = []
    for name, own in backends.items():
        times, memory = own["batches"][batch], own["peak_memory_mib"]
        ratio = own.get("times_as_fast", {}).get(batch)
        found.append(
            (
                name,
                *(f"{times[key]:.2f}" if key in times else "" for key in ("p50_ms", "p95_ms", "p99_ms")),
                f"{times['cores_busy']:.1f}",
                f"{own['frames_per_second']:,.1f}",
                "" if memory is None else f"{memory:,.0f}",
                f"{own['model_bytes'] / 1e6:.1f}",
                "" if ratio is None else f"{ratio:.2f}",
            )
        )
    return found


def stage_lines(stages: Mapping[str, Mapping[str, float]]) -> list[str]:
    """What each stage takes whose time does not depend on the backend."""
    units = {"decode": "frame", "resize": "frame", "window": "frame", "scoring": "clip"}
    return [
        f"{name}: {times['p50_ms']:.2f} ms a {units[name]}{_others(times)}" for name, times in stages.items()
    ]


def _others(times: Mapping[str, float]) -> str:
    known = [f"p{each} {times[f'p{each}_ms']:.2f}" for each in (95, 99) if f"p{each}_ms" in times]
    return f" ({', '.join(known)})" if known else ""


def picture(backends: Mapping[str, Mapping[str, Any]], *, title: str, batch: str = "1") -> str:
    """Deciles of the time of a clip by backend, as SVG."""
    return dot_plot(
        {name: own["batches"][batch]["deciles_ms"] for name, own in backends.items()},
        axis="ms a clip: deciles, their mean and standard deviation",
        label=f"{title}: milliseconds of a clip by backend, as in the table",
    )
