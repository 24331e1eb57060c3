"""Timing: turns, percentiles, and every backend on the same clips, in a process of its own."""

import io
import json
import shutil
import time
from types import SimpleNamespace

import numpy as np
import pytest

from normalcy.errors import ConfigError, FallbackWarning, MissingPackage, NormalcyError, VideoTooShort
from normalcy.export.export import ExportRequest, export_bundle
from normalcy.scoring.model import TorchModel
from normalcy.workflows.bench import worker
from normalcy.workflows.bench.backend import TimedBackend
from normalcy.workflows.bench.bench import bench
from normalcy.workflows.bench.eager import EagerModel
from normalcy.workflows.bench.options import BenchOptions
from normalcy.workflows.bench.processes import BackendProcess, backend_processes
from normalcy.workflows.bench.timing import Times, Turn, in_turns, turn
from normalcy.workflows.bench.written import COLUMNS, picture, rows, stage_lines
from small_exports import save_bundle
from small_methods import small
from tiny_scene import scene, write_scene

QUICK = BenchOptions(rounds=2, clips=2, frames=30, batches=(1, 2))


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    images_THWC, _ = scene(30, seed=3, runs=range(18, 30))
    return write_scene(tmp_path_factory.mktemp("bench") / "scene.mp4", images_THWC)


@pytest.fixture(scope="module")
def exported(tiny_run, tmp_path_factory):
    path = tmp_path_factory.mktemp("bench") / "bundle"
    shutil.copytree(tiny_run.bundle, path)
    export_bundle(path, ExportRequest("openvino", "fp32"))
    return path


def test_turns_alternate_and_the_first_round_is_left_out():
    order = []

    def turn_of(name):
        order.append(name)
        return Turn([float(len(order))] * 2, processor_seconds=0.5)

    told = []
    times = in_turns(
        {"a": lambda: turn_of("a"), "b": lambda: turn_of("b")},
        rounds=2,
        on_turn=lambda *so_far: told.append(so_far),
    )
    assert order == ["b", "a", "a", "b", "b", "a"]
    assert [each.milliseconds for each in times.values()] == [(3, 3, 6, 6), (4, 4, 5, 5)]
    assert times["a"].cores_busy == pytest.approx(1.0 * 1000 / 18)
    assert told[-1] == (6, 6)


def test_a_turn_times_each_run():
    found = turn([lambda: time.sleep(0.002), lambda: time.sleep(0.02)])
    assert 2 <= found.milliseconds[0] < 20 <= found.milliseconds[1]
    assert found.processor_seconds < 0.02


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


def test_peak_memory_is_of_the_backend_alone(exported, footage):
    options = BenchOptions(rounds=1, clips=1, frames=12, batches=(1,), backends=("openvino-fp32", "torch"))
    result = bench(exported, footage, options)
    light, heavy = (result.backends[name]["peak_memory_mib"] for name in ("openvino-fp32", "torch"))
    assert 20 < light < heavy


def test_a_backend_that_was_named_and_is_not_there_is_an_error(exported, footage):
    with pytest.raises(ConfigError, match="unknown backend 'abacus'"):
        bench(exported, footage, BenchOptions(backends=("abacus",)))


def test_a_backend_that_nobody_named_is_left_out(exported, footage, monkeypatch):
    monkeypatch.setattr("normalcy.workflows.bench.bench.bench_names", lambda bundle: ("abacus", "torch"))
    with pytest.warns(FallbackWarning, match="abacus is left out"):
        result = bench(exported, footage, QUICK)
    assert list(result.backends) == ["torch"]


def test_nothing_that_runs_is_an_error(exported, footage, monkeypatch):
    monkeypatch.setattr("normalcy.workflows.bench.bench.bench_names", lambda bundle: ("abacus",))
    with pytest.warns(FallbackWarning), pytest.raises(MissingPackage, match="nothing"):
        bench(exported, footage, QUICK)


def test_a_process_that_dies_is_named(exported, footage):
    with backend_processes(exported, ("torch",), footage, QUICK) as processes:
        processes["torch"].opened()
        processes["torch"]._process.kill()
        with pytest.raises(NormalcyError, match=r"process of torch ended \(killed by signal 9\)"):
            processes["torch"].together()


def test_no_process_outlives_the_timing(exported, footage):
    with (
        pytest.raises(RuntimeError, match="interrupted"),
        backend_processes(exported, ("torch", "openvino-fp32"), footage, QUICK) as processes,
    ):
        raise RuntimeError("interrupted")
    assert all(each._process.returncode is not None for each in processes.values())


def test_a_process_that_is_opening_ends_at_once(exported, footage, capfd):
    process = BackendProcess(exported, "torch", footage, QUICK)
    start = time.perf_counter()
    process.close()
    assert time.perf_counter() - start < 5
    assert process._process.returncode == -9
    assert capfd.readouterr().err == ""


def test_a_damaged_export_is_left_out(exported, footage, tmp_path):
    path = shutil.copytree(exported, tmp_path / "bundle")
    graph = next(path.rglob("*.xml"))
    graph.write_bytes(graph.read_bytes()[:100].ljust(graph.stat().st_size))
    with pytest.warns(FallbackWarning, match="openvino-fp32 is left out"):
        result = bench(path, footage, QUICK)
    assert list(result.backends) == ["torch-eager", "torch"]


@pytest.mark.parametrize("name", ["cnn-lstm", "scene-memory"])
def test_what_a_camera_does_is_timed_as_well(name, tmp_path, footage, monkeypatch):
    path = save_bundle(name, tmp_path / name)
    backend = TimedBackend(path, "torch", footage, QUICK)
    asked = []
    camera = backend._model.camera("any")

    def scores(stamps, look):
        asked.append(stamps)
        return type(camera).scores(camera, stamps, look)

    monkeypatch.setattr(backend._model, "camera", lambda source_id: SimpleNamespace(scores=scores))
    assert len(backend.infer(batch=2).milliseconds) == 1
    assert len(asked) == 2


def test_a_worker_answers_line_by_line(exported, footage):
    answers = io.StringIO()
    requests = [json.dumps({"do": "infer", "batch": 2}), json.dumps({"do": "together"})]
    given = json.dumps({"rounds": 1, "clips": 4, "frames": 12, "backends": [], "batches": [1]})
    names = (str(exported), "openvino-fp32", str(footage), given)
    worker.main(*names, requests=[*requests, json.dumps({"do": "stages"})], answers=answers)
    opened, inferred, together, stages = (
        json.loads(line)["answer"] for line in answers.getvalue().splitlines()
    )
    assert opened["spec"]["frames"] == 12
    assert opened["warnings"] == []
    assert len(inferred["milliseconds"]) == 2
    assert len(together["milliseconds"]) == 1
    assert list(stages) == ["decode", "resize", "window", "scoring"]
    with pytest.raises(ValueError, match="unknown request 'sing'"):
        worker.main(*names, requests=['{"do": "sing"}'], answers=answers)


def test_a_worker_tells_why_it_cannot_open(exported, footage):
    answers = io.StringIO()
    given = json.dumps({"frames": 3, "backends": [], "batches": [1]})
    worker.main(str(exported), "openvino-fp32", str(footage), given, requests=[], answers=answers)
    told = json.loads(answers.getvalue())
    assert (told["error"], told["where"]) == ("VideoTooShort", str(footage))


def test_threads_are_those_asked_for(exported, footage):
    import torch

    before = torch.get_num_threads()
    try:
        TimedBackend(exported, "torch", footage, BenchOptions(frames=12, threads=1))
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_what_was_measured_is_a_table_and_a_picture(exported, footage):
    result = bench(exported, footage, QUICK)
    table = rows(result.backends)
    assert [row[0] for row in table] == 2 * list(result.backends)
    assert all(len(row) == len(COLUMNS) for row in table)
    assert [row[1] for row in table] == ["1"] * 3 + ["2"] * 3
    assert table[0][6] == table[0][8] == table[3][6] == "1.00"
    assert stage_lines(result.stages)[0].startswith("decode: ")
    drawn = picture(result.backends, title="stae")
    assert drawn.startswith("<svg")
    assert "openvino-fp32" in drawn


def test_a_video_without_a_clip_is_named(exported, footage):
    with pytest.raises(VideoTooShort, match="has 3 frames"):
        bench(exported, footage, BenchOptions(frames=3))


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
