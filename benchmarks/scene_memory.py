"""Measures scene memory: from files to verdicts, stage by stage, and ways to search its memory, in one run.

    python benchmarks/scene_memory.py RUN... --data ucsd-ped2 --root DIR --out results/benchmarks/scene-memory.json

Each run folder holds a bundle of scene memory that watches appearance. The first one is also measured *plain*: the
trunk by eager PyTorch in float32, flow of the whole picture, one thing after the other, as anyone would write it first;
and with the trunk in floating point. Stages are those of the last one. The floor `flow-magnitude` stands beside them.
The same is written as tables beside the JSON (`.md`).
"""

import argparse
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import torch
from measuring import Spread, interleaved, memory_of
from scene_memory_search import searches
from scene_memory_variants import FLOAT, FLOOR, PLAIN, end_to_end, frames_in, stages

from normalcy.allocator import keep_freed_memory
from normalcy.environment import hardware, versions
from normalcy.evaluation.tables import markdown_table
from normalcy.run_folder import write_json, write_text
from normalcy.scoring.bundle import Bundle


def main() -> None:
    """Measures, prints and writes."""
    options = _options()
    keep_freed_memory()
    where = (options.data, options.root, options.videos)
    result = {
        "end_to_end": _end_to_end(options, where),
        "stages": _stages(options, where),
        "search": _search(options, where),
        "rounds": options.rounds,
        "videos": options.videos,
        "threads": {"torch": torch.get_num_threads(), "opencv": cv2.getNumThreads()},
        "versions": versions(),
        "hardware": hardware(),
        "command": _command(options),
    }
    write_json(options.out, result)
    write_text(options.out.with_suffix(".md"), tables(result))
    print(tables(result))


def _end_to_end(options: argparse.Namespace, where: tuple[str, Path, int]) -> dict[str, Any]:
    named = {PLAIN: PLAIN, FLOAT: FLOAT, FLOOR: FLOOR} | {_preset(run): str(run) for run in options.run}
    # All memory first: see `memory_of`.
    memory = {
        name: memory_of(end_to_end, variant, *where, options.run[0])._asdict()
        for name, variant in named.items()
    }
    frames = frames_in(*where)
    work = {name: end_to_end(variant, *where, options.run[0]) for name, variant in named.items()}
    seconds = interleaved(work, rounds=options.rounds, warm_up=1)
    fitted = {_preset(run): Bundle.load(run).header.fit.fit_seconds for run in options.run}
    return {
        name: {
            "frames_per_second": _rate(seconds[name], frames),
            "memory": memory[name],
            "fit_seconds": fitted.get(name),
        }
        for name in named
    }


def _stages(options: argparse.Namespace, where: tuple[str, Path, int]) -> dict[str, Any]:
    work, frames = stages(options.run[-1], *where)
    seconds = interleaved(work, rounds=options.rounds, warm_up=1)
    return {name: _milliseconds(spread, frames) for name, spread in seconds.items()}


def _search(options: argparse.Namespace, where: tuple[str, Path, int]) -> dict[str, Any]:
    found = searches(options.run[-1], *where)
    seconds = interleaved(
        {name: each.pop("work") for name, each in found.items()}, rounds=options.rounds, warm_up=1
    )
    return {
        name: each | {"milliseconds_per_look": _milliseconds(seconds[name], each["frames"])}
        for name, each in found.items()
    }


def tables(result: Mapping[str, Any]) -> str:
    """What was measured, in Markdown."""
    whole = [
        [
            name,
            f"{each['frames_per_second']['median']:.1f} ({each['frames_per_second']['lower_quartile']:.1f} to "
            f"{each['frames_per_second']['upper_quartile']:.1f})",
            f"{each['memory']['peak_mib']:.0f}",
            "-" if each["fit_seconds"] is None else f"{each['fit_seconds']:.0f}",
        ]
        for name, each in result["end_to_end"].items()
    ]
    staged = [[name, _in_words(each)] for name, each in result["stages"].items()]
    searched = [
        [
            name,
            _in_words(each["milliseconds_per_look"]),
            f"{each['mean_excess_distance']:.2%}",
        ]
        for name, each in result["search"].items()
    ]
    (some, *_) = result["search"].values()
    versions_used = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    threads = ", ".join(f"{count} of {name}" for name, count in result["threads"].items())
    return "\n".join(
        [
            f"{result['hardware']}; threads: {threads}; {versions_used}.",
            f"Medians of {result['rounds']} interleaved rounds, quartiles in brackets; `{result['command']}`.\n",
            "### From files to verdicts\n",
            markdown_table(["", "frames per second", "peak MiB", "fitted in s"], whole),
            "\n### Stages, each alone, milliseconds per frame\n",
            markdown_table(["", "ms per frame"], staged),
            f"\n### The nearest of {some['examples']:,} looks, for {some['looks_per_frame']:.0f} looks of a frame\n",
            markdown_table(["", "ms per frame that is looked at", "distance too long by"], searched),
            "",
        ]
    )


def _in_words(spread: Mapping[str, float]) -> str:
    return f"{spread['median']:.2f} ({spread['lower_quartile']:.2f} to {spread['upper_quartile']:.2f})"


def _rate(seconds: Spread, frames: int) -> dict[str, float]:
    return {
        "median": frames / seconds.median,
        "lower_quartile": frames / seconds.upper_quartile,
        "upper_quartile": frames / seconds.lower_quartile,
    }


def _milliseconds(seconds: Spread, count: int) -> dict[str, float]:
    named = seconds._asdict()
    return {name: 1000 * named[name] / count for name in ("median", "lower_quartile", "upper_quartile")}


def _preset(run: Path) -> str:
    return f"scene-memory, {Bundle.load(run).header.fit.preset}"


def _command(options: argparse.Namespace) -> str:
    """What was asked for, paths seen from here."""
    runs = [os.path.relpath(run) for run in options.run]
    words = ["--data", options.data, "--root", os.path.relpath(options.root)]
    words += ["--videos", str(options.videos), "--rounds", str(options.rounds)]
    return shlex.join(
        ["python", "benchmarks/scene_memory.py", *runs, *words, "--out", os.path.relpath(options.out)]
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, nargs="+")
    parser.add_argument("--data", required=True)
    parser.add_argument("--root", required=True, type=Path)
    parser.add_argument("--videos", type=int, default=3, help="only the first so many test videos")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", required=True, type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
