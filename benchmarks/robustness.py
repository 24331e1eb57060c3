"""How much a bundle's verdicts change when the camera changes and the scene does not.

    python benchmarks/robustness.py RUN --data ucsd-ped2 --root DIR --out results/studies/NAME.json

Scores the test videos as they are, then changed frame by frame as they are read. Double and half size are of the
source's own size, before the method's: a camera of other resolution. The table is also written beside the JSON.

Letters: H height, W width, C channels, T frames of a video, N frames of all videos.
"""

import argparse
import os
import shlex
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy import stats

from normalcy.allocator import keep_freed_memory
from normalcy.datasets import open_dataset
from normalcy.datasets.base import Dataset, LabelledVideo
from normalcy.environment import hardware, versions
from normalcy.evaluation.frame_metrics import VideoScores, micro_auc
from normalcy.evaluation.scored_dataset import read_options
from normalcy.evaluation.tables import markdown_table
from normalcy.run_folder import write_json, write_text
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.model import ScoringModel
from normalcy.scoring.pipeline import SourceScorer
from normalcy.scoring.record import ScoredVideo, as_columns
from normalcy.scoring.track import alarm_rule
from normalcy.video.frame import Frame
from normalcy.video.reader import open_video

Measured = dict[str, float | None]
SEED = 0
NIGHT_BRIGHTNESS = 0.5
NIGHT_NOISE_GREY_LEVELS = 8.0
SHAKE_PX = 1.0


def every_second(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Half the frame rate: what is left keeps index and time."""
    return islice(frames, 0, None, 2)


def scaled(frames: Iterable[Frame], *, factor: float) -> Iterator[Frame]:
    """A camera of more or fewer pixels."""
    for frame in frames:
        height, width, _ = frame.image_HWC.shape
        yield resized(frame, (max(1, round(height * factor)), max(1, round(width * factor))))


def night_noise(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Darker, with noise of its own on every pixel and channel."""
    for frame in frames:
        noise_HWC = NIGHT_NOISE_GREY_LEVELS * _draw(frame).standard_normal(frame.image_HWC.shape, np.float32)
        night_HWC = (NIGHT_BRIGHTNESS * frame.image_HWC + noise_HWC).round().clip(0, 255)
        yield replace(frame, image_HWC=night_HWC.astype(np.uint8))


def shake(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Each frame shifted by its own part of a pixel down and to the right; cubic, as a linear shift would blur."""
    for frame in frames:
        height, width, channels = frame.image_HWC.shape
        shift_23 = np.column_stack([np.eye(2), _draw(frame).uniform(-SHAKE_PX, SHAKE_PX, 2)])
        shifted: npt.NDArray[Any] = cv2.warpAffine(
            frame.image_HWC, shift_23, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )
        yield replace(frame, image_HWC=shifted.reshape(height, width, channels))


UNCHANGED = "unchanged"
CHANGES: dict[str, Callable[[Iterable[Frame]], Iterator[Frame]]] = {
    UNCHANGED: iter,
    "half frame rate": every_second,
    "double size": partial(scaled, factor=2.0),
    "half size": partial(scaled, factor=0.5),
    "night noise": night_noise,
    "shake": shake,
}
AT_SOURCE_SIZE = ("double size", "half size")
"""Changes of frames as the source has them; the others are of frames at the method's size."""


def resized(frame: Frame, size_px: tuple[int, int]) -> Frame:
    """The frame at (height, width); as it is if it has that already."""
    height, width, channels = frame.image_HWC.shape
    shrinks = size_px[0] <= height and size_px[1] <= width
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    image: npt.NDArray[Any] = cv2.resize(frame.image_HWC, size_px[::-1], interpolation=method)
    return replace(frame, image_HWC=image.reshape(*size_px, channels))


def _draw(frame: Frame) -> np.random.Generator:
    """Chance of this frame alone, whichever others are read."""
    return np.random.default_rng((SEED, zlib.crc32(frame.source_id.encode()), frame.index))


def score(
    model: ScoringModel, bundle: Bundle, dataset: Dataset, video: LabelledVideo, change: str
) -> ScoredVideo:
    """The verdicts on the frames that a change leaves, with their labels."""
    settings, options = bundle.header.scoring, read_options(model.spec, video)
    options = replace(options, size_px=None) if change in AT_SOURCE_SIZE else options
    scorer = SourceScorer(model, settings=settings, calibration=bundle.calibration, source_id=video.name)
    with open_video(video.path, options, source_id=video.name) as reader:
        frames = (resized(frame, model.spec.size_px) for frame in CHANGES[change](reader))
        verdicts = [replace(verdict, map_HW=None) for verdict in scorer.run(frames)]
    label_T = dataset.frame_labels(video)
    assert label_T is not None, f"{video.name} has no labels"
    return as_columns(video.name, verdicts, label_T=label_T[[verdict.index for verdict in verdicts]])


def compare(before: Sequence[ScoredVideo], after: Sequence[ScoredVideo], *, threshold: float) -> Measured:
    """What a change did to the scores of the same videos, on the frames that it leaves; None where undefined.

    The shift is the median absolute change of raw scores in deviations of the unchanged scores of all normal frames;
    shares of normal frames are of smoothed scores, as the threshold is.
    """
    kept_N = np.concatenate([np.isin(a.index_T, b.index_T) for a, b in zip(before, after, strict=True)])
    old_N, old_smooth_N = (_pooled(before, column)[kept_N] for column in ("raw_T", "smoothed_T"))
    new_N, smooth_N, label_N = (_pooled(after, column) for column in ("raw_T", "smoothed_T", "label_T"))
    spread = float(_pooled(before, "raw_T")[~_pooled(before, "label_T")].std())
    assert spread > 0, "there are no normal frames, or all have one score"
    old_auc, auc = (micro_auc([VideoScores("all", score_N, label_N)]) for score_N in (old_N, new_N))
    varies = min(np.ptp(old_N), np.ptp(new_N)) > 0
    return {
        "frames": len(label_N),
        "micro_auc": auc,
        "micro_auc_change": None if auc is None or old_auc is None else auc - old_auc,
        "rank_correlation": float(stats.spearmanr(old_N, new_N).statistic) if varies else None,
        "median_shift": float(np.median(np.abs(new_N - old_N))) / spread,
        "normal_over_threshold_before": float((old_smooth_N[~label_N] >= threshold).mean()),
        "normal_over_threshold": float((smooth_N[~label_N] >= threshold).mean()),
    }


def _pooled(videos: Sequence[ScoredVideo], column: str) -> npt.NDArray[Any]:
    return np.concatenate([getattr(video, column) for video in videos])


def table(changes: dict[str, Measured]) -> str:
    """A row for each change."""
    head = ["camera", *(name.replace("_", " ") for name in changes[UNCHANGED])]
    forms = {int: "d", float: ".3f"}
    cells = [
        ["-" if v is None else format(v, forms[type(v)]) for v in each.values()] for each in changes.values()
    ]
    return markdown_table(head, [[name, *row] for name, row in zip(changes, cells, strict=True)]) + "\n"


def command(options: argparse.Namespace) -> str:
    """What was asked for, paths seen from here."""
    run, root, out = (os.path.relpath(path) for path in (options.run, options.root, options.out))
    words = ["--data", options.data, "--root", root, "--out", out]
    words += ["--videos", str(options.videos)] if options.videos else []
    return shlex.join(["python", "benchmarks/robustness.py", run, *words])


def main() -> None:
    """Scores under every change, prints the table and writes it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--root", required=True, type=Path)
    parser.add_argument("--videos", type=int, help="only the first so many test videos")
    parser.add_argument("--out", required=True, type=Path)
    options = parser.parse_args()
    keep_freed_memory()
    bundle, dataset = Bundle.load(options.run), open_dataset(options.data, options.root)
    header, model = bundle.header, bundle.scoring_model()
    videos = dataset.videos("test")[: options.videos]
    threshold = alarm_rule(header.scoring, bundle.calibration).enter_threshold
    before, changes = list[ScoredVideo](), dict[str, Measured]()
    for name in CHANGES:
        print(name, flush=True)
        after = [score(model, bundle, dataset, video, name) for video in videos]
        before = before or after
        changes[name] = compare(before, after, threshold=threshold)
    fit = header.fit
    about = {"method": header.method, "preset": fit.preset, "seed": fit.seed, "model": header.model}
    place = {"dataset": options.data, "videos": [video.name for video in videos], "threshold": threshold}
    made = {"command": command(options), "versions": versions(), "hardware": hardware()}
    write_json(options.out, about | place | made | {"changes": changes})
    write_text(options.out.with_suffix(".md"), table(changes))
    print(table(changes))


if __name__ == "__main__":
    main()
