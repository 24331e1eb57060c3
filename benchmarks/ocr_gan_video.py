"""Measures OCR-GAN Video against a plain eager float32 version of the same network, in one run.

    python benchmarks/ocr_gan_video.py --out results/benchmarks/ocr-gan-video.json

For every preset: seconds of a training step, milliseconds per clip when scoring, peak memory of each variant in a
process of its own. Writes the JSON and, beside it, the same as tables in markdown. Ends with 1 where the two do not
give the same scores and gradients.
"""

import sys
from typing import Any

from ocr_gan_video_agreement import agreement
from ocr_gan_video_variants import SCORING, TRAINING, build, scoring_work, training_work
from speed_command import SCORED_TOGETHER, Benchmark, Kind, option_parser, parsed, run

from normalcy.methods.ocr_gan_video import METHOD
from normalcy.training.config import TrainingConfig

# 16 frames of 224 px with every level's features: a batch of 8 does not fit beside others on an ordinary machine.
PAPER_BATCH = 2


def main() -> int:
    """Measures what was asked for; the exit code."""
    options = parsed(option_parser(__doc__, METHOD.presets))

    def kinds(preset: str) -> list[Kind]:
        scoring = [Kind(f"scoring, batch {size}", scoring_work, SCORING, size) for size in SCORED_TOGETHER]
        return [Kind("training", training_work, TRAINING, options.batch or _batch(preset)), *scoring]

    benchmark = Benchmark(METHOD.name, kinds, agreement, _sizes)
    return run(benchmark, options.preset or list(METHOD.presets), options)


def _batch(preset: str) -> int:
    """Clips in a training step: the preset's own number, where memory allows."""
    own = TrainingConfig(**METHOD.presets[preset].training).batch_size
    return min(own, PAPER_BATCH) if preset.startswith("paper") else own


def _sizes(preset: str) -> dict[str, Any]:
    method = build(preset)
    return {
        "frames": method.clip.length_frames,
        "size_px": list(method.clip.size_px),
        "parameters": sum(weight.numel() for weight in method.parameters()),
        "checkpointed": method.config.checkpointed,
    }


if __name__ == "__main__":
    sys.exit(main())
