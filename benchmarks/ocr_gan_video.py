"""Measures OCR-GAN Video against a plain eager float32 version of the same network, in one run.

    python benchmarks/ocr_gan_video.py --out results/benchmarks/ocr-gan-video.json

For every preset: seconds of a training step, milliseconds per clip when scoring, peak memory of each variant in a
process of its own. Writes the JSON and, beside it, the same as tables in markdown. Ends with 1 where the two do not
give the same scores and gradients.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import torch
from measuring import interleaved, memory_of
from ocr_gan_video_agreement import agreement
from ocr_gan_video_tables import tables
from ocr_gan_video_variants import SCORING, TRAINING, Work, build, scoring_work, training_work

from normalcy.allocator import keep_freed_memory
from normalcy.environment import hardware, versions
from normalcy.methods.ocr_gan_video import METHOD
from normalcy.training.config import TrainingConfig

SCORED_TOGETHER = (1, 8)
# 16 frames of 224 px with every level's features: a batch of 8 does not fit beside others on an ordinary machine.
PAPER_BATCH = 2


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    rounds: int
    warm_up: int


THOROUGH, QUICK = Effort(rounds=15, warm_up=2), Effort(rounds=3, warm_up=1)


def main() -> int:
    """Measures what was asked for; the exit code."""
    options = _options()
    if not options.default_allocator:
        keep_freed_memory()
    presets: list[str] = options.preset or list(METHOD.presets)
    if options.profile:
        for preset in presets:
            _profile(preset, options.batch or _batch(preset))
        return 0
    # All memory first: see `memory_of`.
    memory = {preset: _memory(preset, options.batch or _batch(preset)) for preset in presets}
    measured: dict[str, Any] = {}
    for preset in presets:
        same = agreement(preset)
        if not same.holds:
            print(f"{preset}: plain and ours differ: {same}", file=sys.stderr)
            return 1
        effort = QUICK if options.quick else THOROUGH
        times = _times(preset, options.batch or _batch(preset), effort)
        measured[preset] = _sizes(preset) | {"agreement": asdict(same)} | _joined(times, memory[preset])
    _write(options.out, _conditions(options.quick) | {"presets": measured})
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="JSON to write; tables go beside it as .md")
    parser.add_argument("--preset", action="append", choices=list(METHOD.presets), help="repeat for several")
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
    options = parser.parse_args()
    if not options.profile and options.out is None:
        parser.error("--out is needed, the JSON to write")
    return options


def _batch(preset: str) -> int:
    """Clips in a training step: the preset's own number, where memory allows."""
    own = TrainingConfig(**METHOD.presets[preset].training).batch_size
    return min(own, PAPER_BATCH) if preset.startswith("paper") else own


def _memory(preset: str, batch: int) -> dict[str, dict[str, Any]]:
    """Peaks by kind of work and variant."""
    _say(f"{preset}: memory")
    found: dict[str, dict[str, Any]] = {}
    for kind, prepare, variants, size in _kinds(batch):
        found[kind] = {name: memory_of(prepare, preset, name, size)._asdict() for name in variants}
    return found


def _times(preset: str, batch: int, effort: Effort) -> dict[str, dict[str, Any]]:
    """Seconds by kind of work and variant: of a training step, or of a clip scored."""
    found: dict[str, dict[str, Any]] = {}
    for kind, prepare, variants, size in _kinds(batch):
        _say(f"{preset}: {kind}")
        works = {name: prepare(preset, name, size) for name in variants}
        spreads = interleaved(works, rounds=effort.rounds, warm_up=effort.warm_up)
        found[kind] = {
            name: {"clips": size, "seconds_per_call": spread._asdict()} for name, spread in spreads.items()
        }
    return found


def _kinds(batch: int) -> list[tuple[str, Callable[[str, str, int], Work], tuple[str, ...], int]]:
    """Every kind of work: its name, what prepares it, its variants, and clips in a call."""
    scoring = [(f"scoring, batch {size}", scoring_work, SCORING, size) for size in SCORED_TOGETHER]
    return [("training", training_work, TRAINING, batch), *scoring]


def _joined(
    times: Mapping[str, Mapping[str, Any]], memory: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    return {
        kind: {name: row | {"memory": memory[kind][name]} for name, row in rows.items()}
        for kind, rows in times.items()
    }


def _sizes(preset: str) -> dict[str, Any]:
    method = build(preset)
    return {
        "frames": method.clip.length_frames,
        "size_px": list(method.clip.size_px),
        "parameters": sum(weight.numel() for weight in method.parameters()),
        "checkpointed": method.config.checkpointed,
    }


def _conditions(quick: bool) -> dict[str, Any]:
    effort = QUICK if quick else THOROUGH
    return {
        "benchmark": "ocr-gan-video",
        "command": shlex.join(["python", *sys.argv]),
        "effort": asdict(effort) | {"quick": quick},
        "threads": {"torch": torch.get_num_threads(), "opencv": cv2.getNumThreads()},
        "versions": versions(),
        "hardware": hardware(),
    }


def _write(path: Path, result: dict[str, Any]) -> None:
    text = tables(result)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(text, encoding="utf-8")
    print(f"{text}\n{path}\n{path.with_suffix('.md')}")


def _profile(preset: str, batch: int) -> None:
    """Prints the operators that take most of our training step and of our scoring."""
    works = {
        f"training, {batch} clips, bf16": training_work(preset, "ours bf16", batch),
        f"training, {batch} clips, float32": training_work(preset, "ours float32", batch),
    } | {f"scoring, {size} clips": scoring_work(preset, "ours float32", size) for size in SCORED_TOGETHER}
    for name, work in works.items():
        work()
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            work()
        averages = profile.key_averages()
        print(f"{preset}, {name}\n{averages.table(sort_by='self_cpu_time_total', row_limit=15)}")


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
