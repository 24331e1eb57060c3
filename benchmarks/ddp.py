"""Two processes with half of each batch beside one with all of it: how fast, and how far the weights lie apart.

    python benchmarks/ddp.py --out results/ddp.json

Each method trains the same steps on the same made-up clips: in one process with all threads, and in two, started by
torchrun, that share them. The first epoch is warm-up, the second is timed, step by step, and rounds take turns. The
weights are compared at the end, all steps included. Gradients of what no loss depends on, such as the biases of
attention's keys, are rounding alone, and Adam makes steps of that: the result names the weight that is farthest apart.

Letters: T frames, C channels, H height, W width.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from live_parts import command

from normalcy.allocator import keep_freed_memory
from normalcy.environment import available_cores, hardware, versions
from normalcy.methods.contract import ClipSpec
from normalcy.run_folder import RunFolder, write_json
from normalcy.training.config import FitConfig, resolve_config
from normalcy.training.data import Footage, NormalFootage
from normalcy.training.distributed.group import ALONE, Group
from normalcy.training.distributed.joining import joined_as_launched
from normalcy.training.fit import build_method, train_method
from normalcy.training.sequences import LabelledFeatures

PRESETS = {
    "stae": "small",
    "future-frame": "small",
    "ocr-gan-video": "compact",
    "cnn-lstm": "efficientnet-lite0",
}
OVERRIDES = {"future-frame": ["model.loss.flow=0"]}
SEED, EPOCHS = 0, 2


def main() -> None:
    """Measures, prints and writes; or is one of the processes that are measured."""
    options = _options()
    if options.worker:
        keep_freed_memory()
        with joined_as_launched() as group:
            _work(options, group or ALONE)
        return
    result = {
        "methods": {name: _of_method(name, options) for name in options.method},
        "batch_size": options.batch,
        "steps": EPOCHS * options.steps,
        "rounds": options.rounds,
        "command": command(),
        "versions": versions(),
        "hardware": hardware(),
    }
    if options.out:
        write_json(options.out, result)


def _of_method(name: str, options: argparse.Namespace) -> dict[str, Any]:
    found: dict[int, list[dict[str, Any]]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds):
            for processes in (1, 2) if number % 2 == 0 else (2, 1):
                found[processes].append(_run(name, processes, options, Path(folder)))
        apart = _apart(*(np.load(Path(folder) / f"{processes}.npz") for processes in (1, 2)))
    speeds = {processes: [each["steps_per_second"] for each in rounds] for processes, rounds in found.items()}
    losses = [rounds[0]["validation_loss"] for rounds in found.values()]
    result = {
        "steps_per_second": {
            f"{processes} process{'es' * (processes > 1)}": {
                "median": statistics.median(each),
                "least": min(each),
                "most": max(each),
                "threads_each": found[processes][0]["threads"],
            }
            for processes, each in speeds.items()
        },
        "two_over_one": statistics.median(speeds[2]) / statistics.median(speeds[1]),
        **apart,
        "validation_loss": losses[0],
        "validation_loss_difference": abs(losses[0] - losses[1]),
    }
    one, two = (statistics.median(each) for each in speeds.values())
    print(
        f"{name}: {one:.2f} and {two:.2f} steps/s; weights {apart['largest_difference']:.1e} apart "
        f"({apart['at']}), else {apart['largest_difference_but_keys']:.1e}"
    )
    return result


def _run(name: str, processes: int, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Trains in so many processes; what the first of them measured."""
    words = [str(Path(__file__).resolve()), "--worker", str(folder / str(processes)), "--method", name]
    words += ["--batch", str(options.batch), "--steps", str(options.steps)]
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    threads = max(1, available_cores() // processes)
    subprocess.run(
        [sys.executable, *(launcher if processes > 1 else []), *words],
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        check=True,
    )
    measured: dict[str, Any] = json.loads((folder / f"{processes}.json").read_text(encoding="utf-8"))
    return measured


def _work(options: argparse.Namespace, group: Group) -> None:
    (name,) = options.method
    training = {"epochs": EPOCHS, "batch_size": options.batch, "keep": "last", "precision": "float32"}
    settings = [f"training.{key}={value}" for key, value in training.items()]
    settings += [f"training.clips_per_epoch={options.steps * options.batch}", *OVERRIDES.get(name, [])]
    config = resolve_config(
        name, data={"name": "folder", "root": "."}, preset=PRESETS[name], overrides=settings
    )
    times: list[float] = []

    def at_step(what: str, done: int, total: int) -> None:
        times.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder(Path(folder))
        trained, loss = _train(config, run, group, at_step, videos=options.steps * options.batch)
    if group.is_first:
        # The first epoch, and the validation after it, end before the second's first step is over.
        timed = times[-(options.steps) :]
        measured = {
            "steps_per_second": (len(timed) - 1) / (timed[-1] - timed[0]),
            "validation_loss": loss,
            "threads": torch.get_num_threads(),
        }
        np.savez(f"{options.worker}.npz", **trained)
        write_json(Path(f"{options.worker}.json"), measured)


def _train(
    config: FitConfig, run: RunFolder, group: Group, progress: Any, *, videos: int
) -> tuple[dict[str, np.ndarray], float]:
    method = build_method(config)
    if config.method == "cnn-lstm":
        from normalcy.training.classify import train_classify

        fitted, held_out = _features(videos, seed=1), _features(16, seed=2)
        options = {"run": run, "seed": SEED, "resume": False, "progress": progress, "group": group}
        summary = train_classify(method, fitted, held_out, config.training, **options)  # type: ignore[arg-type]
    else:
        footage = _footage(method.clip)
        method.observe(span.frames_TCHW for span in footage.fitted)
        summary = train_method(method, footage, config, run=run, resume=False, group=group, progress=progress)
    return method.arrays(), summary.best_validation_loss


def _footage(spec: ClipSpec) -> NormalFootage:
    """Moving noise; what is held out has an odd number of clips."""

    def span(frames: int, seed: int) -> Footage:
        random = np.random.default_rng(seed)
        texture = random.integers(0, 255, (spec.channels, *spec.size_px), np.uint8)
        frames_TCHW = np.stack([np.roll(texture, 2 * t, axis=2) for t in range(frames)])
        return Footage(str(seed), frames_TCHW, np.arange(frames), np.arange(frames) / 25)

    return NormalFootage((span(150, 1), span(150, 2)), (span(5 * spec.length_frames, 3),))


def _features(videos: int, *, seed: int) -> list[LabelledFeatures]:
    """Features of two classes, in videos of unequal length."""
    random = np.random.default_rng(seed)
    return [
        LabelledFeatures(random.normal(size=(2, 24 + n % 16, 1280)).astype(np.float16), n % 2)
        for n in range(videos)
    ]


def _apart(one: Any, other: Any) -> dict[str, Any]:
    """How far weights lie apart at most, which of them, and without those that hold attention's keys."""
    apart = {name: float(np.abs(one[name].astype(np.float64) - other[name]).max()) for name in one.files}
    worst = max(apart, key=lambda name: apart[name])
    others = [distance for name, distance in apart.items() if not name.endswith("query_key_value.bias")]
    return {
        "largest_difference": apart[worst],
        "at": worst,
        "largest_difference_but_keys": max(others),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--method", action="append", choices=list(PRESETS), help="repeatable; all without")
    parser.add_argument("--batch", type=int, default=8, help="clips of a step, over all processes")
    parser.add_argument("--steps", type=int, default=20, help="of an epoch, of which there are two")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.method = options.method or list(PRESETS)
    return options


if __name__ == "__main__":
    main()
