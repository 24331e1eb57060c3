"""Measurements of speed as tables in markdown."""

from collections.abc import Mapping
from typing import Any

BASE = "naive float32"


def tables(result: Mapping[str, Any]) -> str:
    """One table for each kind of work, under what it was measured on."""
    presets = result["presets"]
    kinds = [
        kind for kind in next(iter(presets.values())) if kind == "training" or kind.startswith("scoring")
    ]
    return "\n".join([_header(result), *(_table(kind, presets) for kind in kinds)])


def _header(result: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    effort, threads = result["effort"], result["threads"]["torch"]
    return (
        f"{result['hardware']}; {threads} threads; {versions}.\n"
        f"Medians of {effort['rounds']} interleaved rounds, quartiles in brackets; `{result['command']}`.\n"
    )


def _table(kind: str, presets: Mapping[str, Any]) -> str:
    unit = "s per step" if kind == "training" else "ms per clip"
    lines = [
        f"### {kind.capitalize()}\n",
        f"| preset | clips | variant | {unit} | against naive | peak MiB |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for preset, measured in presets.items():
        rows = measured[kind]
        lines += [_row(preset, name, row, rows[BASE], kind) for name, row in rows.items()]
    return "\n".join([*lines, ""])


def _row(preset: str, name: str, row: Mapping[str, Any], base: Mapping[str, Any], kind: str) -> str:
    spread = row["seconds_per_call"]
    scale, digits = (1, 3) if kind == "training" else (1000 / row["clips"], 1)
    median, lower, upper = (
        f"{spread[key] * scale:.{digits}f}" for key in ("median", "lower_quartile", "upper_quartile")
    )
    faster = base["seconds_per_call"]["median"] / spread["median"]
    peak = row["memory"]["peak_mib"]
    return (
        f"| {preset} | {row['clips']} | {name} | {median} ({lower} to {upper}) | {faster:.2f}x | {peak:.0f} |"
    )
