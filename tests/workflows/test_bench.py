"""Timing: turns, percentiles, and every backend on the same clips."""

import json

import numpy as np
import pytest

from normalcy.errors import VideoTooShort
from normalcy.export.export import ExportRequest, export_bundle
from normalcy.scoring.model import TorchModel
from normalcy.workflows.bench.bench import BenchOptions, bench
from normalcy.workflows.bench.eager import EagerModel
from normalcy.workflows.bench.timing import Times, in_turns
from normalcy.workflows.bench.written import COLUMNS, picture, rows, stage_lines
from small_methods import small
from tiny_scene import scene, write_scene

QUICK = BenchOptions(rounds=2, clips=2, frames=30, batches=(1, 2), memory=False)


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    images_THWC, _ = scene(30, seed=3, runs=range(18, 30))
    return write_scene(tmp_path_factory.mktemp("bench") / "scene.mp4", images_THWC)


@pytest.fixture(scope="module")
def exported(tiny_run, tmp_path_factory):
    import shutil

    path = tmp_path_factory.mktemp("bench") / "bundle"
    shutil.copytree(tiny_run.bundle, path)
    export_bundle(path, ExportRequest("openvino", "fp32"))
    return path


def test_turns_alternate_and_the_first_round_is_left_out():
    order = []
    times = in_turns(
        {"a": lambda n: order.append(f"a{n}"), "b": lambda n: order.append(f"b{n}")}, rounds=2, runs=2
    )
    assert order == ["b0", "b1", "a0", "a1", "a0", "a1", "b0", "b1", "b0", "b1", "a0", "a1"]
    assert [len(each.milliseconds) for each in times.values()] == [4, 4]


def test_percentiles():
    summary = Times(tuple(float(n) for n in range(101))).summary()
    assert (summary["p50_ms"], summary["p95_ms"], summary["p99_ms"], summary["runs"]) == (50, 95, 99, 101)


def test_every_backend_is_timed_against_plain_torch(exported, footage):
    result = bench(exported, footage, QUICK)
    assert list(result.backends) == ["torch-eager", "torch", "openvino-fp32"]
    assert list(result.stages) == ["decode", "resize", "window", "scoring"]
    for own in result.backends.values():
        assert list(own["batches"]) == ["1", "2"]
        assert own["batches"]["1"]["runs"] == 4
        assert own["batches"]["1"]["p50_ms"] > 0
        assert own["frames_per_second"] > 0
        assert own["model_bytes"] > 0
    assert result.backends["torch-eager"]["times_as_fast"] == {"1": 1.0, "2": 1.0}
    plain = result.backends["torch-eager"]["batches"]["1"]["p50_ms"]
    ours = result.backends["openvino-fp32"]
    assert ours["times_as_fast"]["1"] == pytest.approx(plain / ours["batches"]["1"]["p50_ms"], abs=0.01)
    json.dumps(result.record())


def test_peak_memory_is_of_a_process_of_its_own(exported, footage):
    options = BenchOptions(rounds=1, clips=1, frames=12, batches=(1,), backends=("openvino-fp32", "torch"))
    result = bench(exported, footage, options)
    light, heavy = (result.backends[name]["peak_memory_mib"] for name in ("openvino-fp32", "torch"))
    assert 20 < light < heavy


def test_what_was_measured_is_a_table_and_a_picture(exported, footage):
    result = bench(exported, footage, QUICK)
    table = rows(result.backends)
    assert [row[0] for row in table] == list(result.backends)
    assert all(len(row) == len(COLUMNS) for row in table)
    assert table[0][-1] == "1.00"
    assert stage_lines(result.stages)[0].startswith("decode: ")
    drawn = picture(result.backends, title="stae")
    assert drawn.startswith("<svg")
    assert "openvino-fp32" in drawn


def test_a_video_without_a_clip_is_named(exported, footage):
    with pytest.raises(VideoTooShort, match="no clip fits in"):
        bench(exported, footage, BenchOptions(frames=3, memory=False))


@pytest.mark.parametrize("name", ["stae", "ocr-gan-video", "scene-memory", "cnn-lstm"])
def test_the_plainest_way_says_the_same(name):
    spec = small(name).clip
    random = np.random.default_rng(0)
    shape = (spec.length_frames, spec.channels, *spec.size_px)
    clips = [random.integers(0, 256, shape, np.uint8) for _ in range(2)]
    plain, prepared = EagerModel(small(name)).infer(clips), TorchModel(small(name)).infer(clips)
    for ours, theirs in zip(plain, prepared, strict=True):
        own, other = (
            (each.score_T if hasattr(each, "score_T") else next(iter(each.values())))
            for each in (ours, theirs)
        )
        np.testing.assert_allclose(own, other, rtol=1e-4, atol=1e-4)
