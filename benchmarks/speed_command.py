"""The command that every benchmark of speed is: its options, what it runs in which order, what it writes."""

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import torch
from measuring import interleaved, memory_of
from speed_comparison import Agreement
from speed_tables import tables
from speed_work import Work

from normalcy.allocator import keep_freed_memory
from normalcy.environment import hardware, versions

SCORED_TOGETHER = (1, 8)
PROFILED = ("ours bf16", "ours float32")


class Kind(NamedTuple):
    """A kind of work.

    Attributes:
        name: "training", or begins with "scoring".
        prepare: Makes the work of a preset, a variant and so many clips.
        variants: Measured side by side; the first is the plain one.
        clips: In a call.
    """

    name: str
    prepare: Callable[[str, str, int], Work]
    variants: Sequence[str]
    clips: int


@dataclass(frozen=True)
class Benchmark:
    """What is measured of a method.

    Attributes:
        method: Its name.
        kinds: Every kind of work at a preset.
        agreement: Compares plain and ours at a preset.
        sizes: What a preset is, for the record.
        conditions: What else was chosen, for the record.
    """

    method: str
    kinds: Callable[[str], Sequence[Kind]]
    agreement: Callable[[str], Agreement]
    sizes: Callable[[str], Mapping[str, Any]]
    conditions: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    rounds: int
    warm_up: int


THOROUGH, QUICK = Effort(rounds=15, warm_up=2), Effort(rounds=3, warm_up=1)


def option_parser(description: str | None, presets: Collection[str]) -> argparse.ArgumentParser:
    """The options that all have."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="JSON to write; tables go beside it as .md")
    parser.add_argument("--preset", action="append", choices=list(presets), help="repeat for several")
    parser.add_argument("--batch", type=int, help="clips in a training step")
    parser.add_argument(
        "--quick", action="store_true", help="few rounds: whether it works, not how fast it is"
    )
    parser.add_argument(
        "--default-allocator",
        action="store_true",
        help="leave memory to the C library, where the command keeps what is freed",
    )
    parser.add_argument("--profile", action="store_true", help="print our 15 dearest operators instead")
    return parser


def parsed(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The options given."""
    options = parser.parse_args()
    if not options.profile and options.out is None:
        parser.error("--out is needed, the JSON to write")
    return options


def run(benchmark: Benchmark, presets: Sequence[str], options: argparse.Namespace) -> int:
    """Measures what was asked for; the exit code."""
    if not options.default_allocator:
        keep_freed_memory()
    if options.profile:
        for preset in presets:
            _profile(benchmark, preset)
        return 0
    # All memory first: see `memory_of`.
    memory = {preset: _memory(benchmark, preset) for preset in presets}
    measured: dict[str, Any] = {}
    for preset in presets:
        same = benchmark.agreement(preset)
        if not same.holds:
            print(f"{preset}: plain and ours differ: {same}", file=sys.stderr)
            return 1
        times = _times(benchmark, preset, QUICK if options.quick else THOROUGH)
        measured[preset] = {
            **benchmark.sizes(preset),
            "agreement": asdict(same),
            **_joined(times, memory[preset]),
        }
    _write(options.out, _conditions(benchmark, options.quick) | {"presets": measured})
    return 0


def _memory(benchmark: Benchmark, preset: str) -> dict[str, dict[str, Any]]:
    """Peaks by kind of work and variant."""
    _say(f"{preset}: memory")
    return {
        kind.name: {
            name: memory_of(kind.prepare, preset, name, kind.clips)._asdict() for name in kind.variants
        }
        for kind in benchmark.kinds(preset)
    }


def _times(benchmark: Benchmark, preset: str, effort: Effort) -> dict[str, dict[str, Any]]:
    """Seconds by kind of work and variant: of a training step, or of clips scored together."""
    found: dict[str, dict[str, Any]] = {}
    for kind in benchmark.kinds(preset):
        _say(f"{preset}: {kind.name}")
        works = {name: kind.prepare(preset, name, kind.clips) for name in kind.variants}
        spreads = interleaved(works, rounds=effort.rounds, warm_up=effort.warm_up)
        found[kind.name] = {
            name: {"clips": kind.clips, "seconds_per_call": spread._asdict()}
            for name, spread in spreads.items()
        }
    return found


def _joined(
    times: Mapping[str, Mapping[str, Any]], memory: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    return {
        kind: {name: row | {"memory": memory[kind][name]} for name, row in rows.items()}
        for kind, rows in times.items()
    }


def _conditions(benchmark: Benchmark, quick: bool) -> dict[str, Any]:
    effort = QUICK if quick else THOROUGH
    return {
        "benchmark": benchmark.method,
        "command": shlex.join(["python", *sys.argv]),
        "effort": asdict(effort) | {"quick": quick},
        "threads": {"torch": torch.get_num_threads(), "opencv": cv2.getNumThreads()},
        "versions": versions(),
        "hardware": hardware(),
        **benchmark.conditions,
    }


def _write(path: Path, result: dict[str, Any]) -> None:
    text = tables(result)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(text, encoding="utf-8")
    print(f"{text}\n{path}\n{path.with_suffix('.md')}")


def _profile(benchmark: Benchmark, preset: str) -> None:
    """Prints the operators that take most of our training step and of our scoring."""
    for kind in benchmark.kinds(preset):
        for variant in (name for name in PROFILED if name in kind.variants):
            work = kind.prepare(preset, variant, kind.clips)
            work()
            with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
                work()
            table = profile.key_averages().table(sort_by="self_cpu_time_total", row_limit=15)
            print(f"{preset}, {kind.name}, {kind.clips} clips, {variant}\n{table}")


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
