"""Measures future frame prediction against a plain eager float32 version of the same networks, in one run.

    python benchmarks/future_frame.py --out results/benchmarks/future-frame.json

For every preset: seconds of a training step, milliseconds per frame when scoring, peak memory of each variant in a
process of its own. Writes the JSON and, beside it, the same as tables in markdown. Ends with 1 where the two do not
give the same losses, gradients and scores.
"""

import argparse
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from future_frame_agreement import agreement
from future_frame_variants import (
    SCORING,
    SCORING_COMPILED,
    TRAINING,
    TRAINING_COMPILED,
    build,
    scoring_work,
    training_work,
    write_random_flow_weights,
)
from speed_command import SCORED_TOGETHER, Benchmark, Kind, option_parser, parsed, run

from normalcy.methods.future_frame import METHOD
from normalcy.training.config import TrainingConfig


def main() -> int:
    """Measures what was asked for; the exit code."""
    parser = option_parser(__doc__, METHOD.presets)
    parser.add_argument("--flow-weights", type=Path, help="SPyNet's weights; random ones without")
    parser.add_argument("--compile", action="store_true", help="our networks by torch.compile as well")
    options = parsed(parser)
    with tempfile.TemporaryDirectory() as folder:
        flow_weights = options.flow_weights or write_random_flow_weights(Path(folder) / "spynet.safetensors")
        return run(_benchmark(options, flow_weights), options.preset or list(METHOD.presets), options)


def _benchmark(options: argparse.Namespace, flow_weights: Path) -> Benchmark:
    training = partial(training_work, flow_weights=flow_weights)
    compiled: tuple[tuple[str, ...], ...] = (
        (TRAINING_COMPILED, SCORING_COMPILED) if options.compile else ((), ())
    )

    def kinds(preset: str) -> list[Kind]:
        batch = options.batch or TrainingConfig(**METHOD.presets[preset].training).batch_size
        scoring = [
            Kind(f"scoring, batch {size}", scoring_work, SCORING + compiled[1], size)
            for size in SCORED_TOGETHER
        ]
        return [Kind("training", training, TRAINING + compiled[0], batch), *scoring]

    return Benchmark(
        METHOD.name,
        kinds,
        partial(agreement, flow_weights=flow_weights),
        _sizes,
        {"flow_weights": options.flow_weights.name if options.flow_weights else "random"},
    )


def _sizes(preset: str) -> dict[str, Any]:
    method = build(preset)
    return {
        "frames": method.clip.length_frames,
        "size_px": list(method.clip.size_px),
        "channels": method.clip.channels,
        "flow_scale": method.config.flow.scale,
        "parameters": sum(weight.numel() for weight in method.parameters()),
    }


if __name__ == "__main__":
    sys.exit(main())
