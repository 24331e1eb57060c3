"""What was measured, for people: a table, and a picture."""

from collections.abc import Mapping
from typing import Any

from normalcy.report.dot_plot import dot_plot

COLUMNS = (
    "backend",
    "at once",
    "clip p50",
    "p95",
    "p99 ms",
    "cores busy",
    "times as fast",
    "frames/s",
    "times as fast",
    "MiB",
    "file MB",
)
"""Of a clip, then of all together."""


def rows(backends: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """A row for each batch and backend, under `COLUMNS`."""
    batches = list(next(iter(backends.values()))["batches"]) if backends else []
    return [
        (name, batch, *_of_clips(own, batch), *(_of_all(own) if batch == batches[0] else ("",) * 4))
        for batch in batches
        for name, own in backends.items()
    ]


def _of_clips(own: Mapping[str, Any], batch: str) -> tuple[str, ...]:
    times = own["batches"][batch]
    return (
        *(f"{times[key]:.2f}" if key in times else "" for key in ("p50_ms", "p95_ms", "p99_ms")),
        f"{times['cores_busy']:.1f}",
        _ratio(own.get("times_as_fast", {}).get(batch)),
    )


def _of_all(own: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        f"{own['frames_per_second']:,.1f}",
        _ratio(own.get("times_as_fast_together")),
        f"{own['peak_memory_mib']:,.0f}",
        f"{own['model_bytes'] / 1e6:.1f}",
    )


def _ratio(times: float | None) -> str:
    return "" if times is None else f"{times:.2f}"


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
    """Deciles of the time of a clip by backend, so many at once, as SVG."""
    return dot_plot(
        {name: own["batches"][batch]["deciles_ms"] for name, own in backends.items()},
        axis=f"ms a clip, {batch} at once: deciles, their mean and standard deviation",
        label=f"{title}: milliseconds of a clip by backend, as in the table",
    )
