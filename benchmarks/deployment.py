"""What bundles lose and gain by being exported: every backend and precision against PyTorch, on a labelled benchmark.

    python benchmarks/deployment.py runs/a runs/b --data ucsd-ped2 --root DIR --out results

Each bundle is exported from a copy, its integers tuned on its own held-out normal video. `parity.json`: scores of test
clips. `bench.json`: how fast each backend is, in turns with plain PyTorch (run it with nothing else running). What is
there of other bundles stays.
"""

import argparse
import json
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from normalcy.datasets import open_dataset
from normalcy.datasets.cache import FrameCache
from normalcy.environment import hardware, versions
from normalcy.errors import ConfigError
from normalcy.evaluation.class_run import at_its_fold
from normalcy.evaluation.frame_metrics import VideoScores, micro_auc
from normalcy.export.export import Exporter, ExportRequest
from normalcy.export.held_out import HeldOut, at_hand, data_of_fit, excerpt, held_out_footage
from normalcy.export.labelled import auc_judge
from normalcy.export.parity import Scored, difference
from normalcy.run_folder import write_json
from normalcy.scoring.backends.choice import open_backend
from normalcy.scoring.backends.record import ExportRecord, FileBackend, Precision
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.model import ScoringModel
from normalcy.scoring.pipeline import SourceScorer
from normalcy.training.config import DataConfig
from normalcy.training.data import Footage
from normalcy.video.writer import VideoWriter
from normalcy.workflows.bench.bench import bench
from normalcy.workflows.bench.models import bench_names
from normalcy.workflows.bench.options import BenchOptions

KINDS: tuple[tuple[FileBackend, Precision], ...] = (
    ("openvino", "fp32"),
    ("openvino", "fp16"),
    ("openvino", "bf16"),
    ("openvino", "int8"),
    ("onnxruntime", "fp32"),
    ("onnxruntime", "int8"),
)


LIMITS = {"rank correlation": 0.01, "AUC": 0.005}
UNTIMED = {"openvino-fp16"}
"""On a processor it is `fp32` with a smaller file."""
TIMED_FRAMES = 40


@dataclass(frozen=True, eq=False)
class TestVideo:
    """A test video as a method reads it, with the truth for each frame."""

    footage: Footage
    label_T: npt.NDArray[np.bool_]


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    command = _command(arguments or sys.argv[1:])
    with _working_folder(options.work) as folder:
        copies = [_copied(run, folder / run.name) for run in options.bundles]
        for copy in copies:
            records = list(_exports(copy, options))
            if not options.no_parity:
                found = parity(copy, records, data=options.data, root=options.root, every=options.every)
                _enter(options.out / "parity.json", found, command=command)
        # At the end, so that only this needs a quiet machine.
        for copy in copies if not options.no_bench else ():
            found = timed(copy, options.data, options.root, rounds=options.rounds)
            _enter(options.out / "bench.json", found, command=command)


def _command(words: Sequence[str]) -> str:
    """What was asked for, wherever copies and results lie."""
    places = [at for at, word in enumerate(words) if word in ("--work", "--out")]
    left_out = {at for place in places for at in (place, place + 1)}
    kept = [word for at, word in enumerate(words) if at not in left_out]
    return shlex.join(["python", "benchmarks/deployment.py", *kept])


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("bundles", nargs="+", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--root", required=True, type=Path)
    parser.add_argument("--out", type=Path, default=Path("results"))
    parser.add_argument("--every", type=int, default=4, help="a clip at every so many frames is compared")
    parser.add_argument("--held-out-frames", type=int, default=400, help="of normal video, at most")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--labelled", action="store_true", help="integers are judged by AUC on these labels, not by rank"
    )
    parser.add_argument("--only", nargs="*", help="such as openvino-int8")
    parser.add_argument("--work", type=Path, help="folder for copies and exports, used again if there")
    parser.add_argument("--no-parity", action="store_true")
    parser.add_argument("--no-bench", action="store_true")
    return parser.parse_args(arguments)


@contextmanager
def _working_folder(kept: Path | None) -> Iterator[Path]:
    if kept:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _copied(run: Path, copy: Path) -> Path:
    """Bundle and configuration, without what was exported before; what is there of the same bundle is used again."""
    weights = Path("bundle") / "model.safetensors"
    if copy.exists() and (copy / weights).read_bytes() == (run / weights).read_bytes():
        return copy
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(run / "bundle", copy / "bundle", ignore=shutil.ignore_patterns("export*"))
    shutil.copy(run / "config.yaml", copy / "config.yaml")
    return copy


def _exports(run: Path, options: argparse.Namespace) -> Iterator[ExportRecord]:
    """Those that the method has; others are named and left out."""
    kinds = [kind for kind in KINDS if not options.only or "-".join(kind) in options.only]
    judged, frames = DataConfig(name=options.data, root=options.root), options.held_out_frames
    data = data_of_fit(run)
    if data and data.name == judged.name:
        data = data.model_copy(update={"root": judged.root})
    data = at_hand(data) if data else None
    spec = Bundle.load(run).method().clip
    held_out: list[HeldOut] = []

    def footage(bundle: Bundle) -> HeldOut:
        if not held_out:
            assert data is not None
            found = held_out_footage(bundle, data, spec=spec)
            held_out.append(HeldOut(excerpt(found.spans, spec=spec, frames=frames), found.is_own))
        return held_out[0]

    bundle = Bundle.load(run)
    auc = auc_judge(judged, bundle, spec=spec) if options.labelled else None
    limit = LIMITS["AUC" if auc else "rank correlation"]
    exporter = Exporter(bundle, footage if data else None, auc)
    made = {record.name: record for record in bundle.exports}
    for backend, precision in kinds:
        if (name := f"{backend}-{precision}") in made:
            yield made[name]
            continue
        try:
            record = exporter.export(ExportRequest(backend, precision, limit=limit))
        except ConfigError as error:
            print(f"  {backend}-{precision}: {error}")
            continue
        print(f"  {record.name}: {record.difference}", flush=True)
        yield record


def parity(
    run: Path, records: Sequence[ExportRecord], *, data: str, root: Path, every: int
) -> dict[str, Any]:
    """Differences of each export from torch on test clips."""
    bundle = Bundle.load(run)
    videos = _test_videos(bundle, data, root)
    own, auc_torch = _scores(open_backend(bundle).model, bundle, videos, every)
    exports: dict[str, Any] = {}
    for record in records:
        other, auc = _scores(open_backend(bundle, record.name).model, bundle, videos, every)
        found = difference(own, other)
        exports[record.name] = {
            **found.model_dump(exclude_none=True),
            "auc": auc,
            "auc_difference": auc - auc_torch,
            "on_held_out_normal_video": record.difference.model_dump(exclude_none=True)
            if record.difference
            else None,
            "recalibrated": record.recalibrated,
            "rounding": {
                graph.name: graph.rounding.model_dump(mode="json")
                for graph in record.graphs
                if graph.rounding
            },
            "exporters": sorted({graph.exporter for graph in record.graphs}),
            "bytes": sum(graph.size_bytes for graph in record.graphs),
        }
        print(f"  {record.name}: AUC {auc:.4f} (torch {auc_torch:.4f}), {found}", flush=True)
    return {**_about(bundle, data), "clips": len(own.raw), "auc_torch": auc_torch, "exports": exports}


def _about(bundle: Bundle, data: str) -> dict[str, Any]:
    fit = bundle.header.fit
    return {
        "method": bundle.header.method,
        "preset": fit.preset,
        "dataset": data,
        "fitted_by": fit.command,
    }


def _test_videos(bundle: Bundle, data: str, root: Path) -> list[TestVideo]:
    dataset, spec = at_its_fold(bundle, open_dataset(data, root)), bundle.method().clip
    cache = FrameCache(DataConfig(name=data, root=root).cache.expanduser())
    found = []
    for video in dataset.videos("test"):
        label_T = dataset.frame_labels(video)
        assert label_T is not None
        entry = cache.open(video, size_px=spec.size_px, channels=spec.channels)
        footage = Footage(video.name, entry.frames_TCHW, entry.indices_T, entry.pts_seconds_T)
        found.append(TestVideo(footage, label_T))
    return found


def _scores(
    model: ScoringModel, bundle: Bundle, videos: Sequence[TestVideo], every: int
) -> tuple[Scored, float]:
    """Raw scores of the frames that clips score, and their micro AUC."""
    settings = bundle.header.scoring
    settings = settings.model_copy(update={"hop_frames": max(every, settings.hop_frames)})
    raw, smoothed, judged = list[float](), [], []
    for video in videos:
        scorer = SourceScorer(model, settings=settings, calibration=None, source_id=video.footage.name)
        verdicts = list(scorer.run(video.footage.frames()))
        scored = [verdict for verdict in verdicts if verdict.own]
        raw += [verdict.raw for verdict in scored]
        smoothed.append(np.array([verdict.smoothed for verdict in verdicts]))
        labels = np.array([video.label_T[verdict.index] for verdict in scored])
        judged.append(VideoScores(video.footage.name, np.array([each.raw for each in scored]), labels))
    auc = micro_auc(judged)
    assert auc is not None
    return Scored(np.array(raw), tuple(smoothed)), auc


def timed(run: Path, data: str, root: Path, *, rounds: int) -> dict[str, Any]:
    """How fast the bundle and its exports are on a test video, as H.264."""
    dataset = open_dataset(data, root)
    video = dataset.videos("test")[0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        _encode(video.path, path, fps=video.fps or 10.0)
        names = tuple(name for name in bench_names(Bundle.load(run)) if name not in UNTIMED)
        options = BenchOptions(backends=names, rounds=rounds, frames=TIMED_FRAMES)
        result = bench(run, path, options)
    bundle = Bundle.load(run)
    for name, own in result.backends.items():
        print(f"  {name}: {own['batches']['1']['p50_ms']} ms, {own.get('times_as_fast')}", flush=True)
    return {**_about(bundle, data), **result.record()}


def _encode(source: Path, path: Path, *, fps: float) -> None:
    from normalcy.video.reader import ReadOptions, open_video

    with open_video(source, ReadOptions(fps=fps)) as reader, VideoWriter(path, fps=fps) as writer:
        for frame in reader:
            writer.write(frame.image_HWC)


def _enter(path: Path, found: dict[str, Any], *, command: str) -> None:
    """In the place of what is there of the same method, preset and dataset."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    others = [each for each in known.get("bundles", []) if _place(each) != _place(found)]
    found = {**found, "command": command, "versions": versions(), "hardware": hardware()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"bundles": sorted([*others, found], key=_place)})


def _place(found: Mapping[str, Any]) -> tuple[str, ...]:
    return found["method"], found["preset"], found["dataset"]


if __name__ == "__main__":
    main()
