"""A run judged and written down."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from normalcy.errors import OutputError, RunFolderBusy, SkippedVideoWarning
from normalcy.evaluation.protocols import METRIC_NOTES
from normalcy.evaluation.results import read_result
from normalcy.run_folder import RunFolder
from normalcy.scoring.bundle import Bundle
from normalcy.video.reader import open_video, probe
from normalcy.workflows.judge import judge_run, settings_sha256
from tiny_scene import write_scene

COMMAND = "normalcy evaluate runs/tiny --data folder --root '/my videos'"


@pytest.fixture(scope="module")
def judged(tiny_run, tiny_root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("judged")
    return judge_run(tiny_run.path, "folder", tiny_root, command=COMMAND, folder=folder, videos=True)


@pytest.fixture(scope="module")
def folder(judged) -> RunFolder:
    return RunFolder(judged.files["metrics"].parent)


def judge_flow(tiny_flow_run, root, folder, **options):
    return judge_run(tiny_flow_run.path, "folder", root, command=COMMAND, folder=folder, **options)


def test_every_file_is_named_and_there(judged, folder):
    assert judged.files == {
        "metrics": folder.metrics,
        "scores": folder.scores,
        "events": folder.events,
        "report": folder.report,
        "videos": folder.videos,
    }
    found = {str(path.relative_to(folder.path)) for path in folder.path.rglob("*") if path.is_file()}
    assert found - {".lock"} == {
        "metrics.json",
        "scores.parquet",
        "events.json",
        "report.html",
        "videos/calm.mp4",
        "videos/runner.mp4",
    }


def test_metrics_json_is_the_record(judged, folder):
    record = json.loads(folder.metrics.read_text(), parse_constant=pytest.fail)
    assert record == json.loads(json.dumps(judged.record))
    assert set(record) >= {
        *("method", "dataset", "preset", "seed", "settings", "metrics", "floors", "parts", "events"),
        *("pixel_criterion_auc", "calibration", "fit_seconds", "frames_per_second", "left_out"),
        *("command", "versions", "hardware"),
    }
    assert (record["method"], record["dataset"], record["preset"], record["seed"]) == (
        "stae",
        "folder",
        "paper",
        0,
    )
    assert list(record["metrics"]) == list(METRIC_NOTES)
    assert list(record["floors"]) == ["noise", "flow-magnitude"]
    assert record["command"] == COMMAND
    assert record["left_out"] == []
    assert record["events"]["true_events"] == 1
    assert {"python", "torch"} <= {name.lower() for name in record["versions"]}
    assert record["hardware"]
    assert "clip_len_frames: 4" in record["settings"]


def test_scores_hold_every_frame_with_its_label_and_its_parts(folder, judged):
    table = pq.read_table(folder.scores)
    assert table["video"].to_pylist() == ["calm"] * 30 + ["runner"] * 30
    assert table["frame"].to_pylist() == [*range(30)] * 2
    assert sum(table["label"].to_pylist()) == 9
    assert {f"part.{name}" for name in judged.evaluation.parts} <= set(table.column_names)


def test_events_are_those_of_the_videos(folder, judged):
    events = json.loads(folder.events.read_text(), parse_constant=pytest.fail)
    expected = [event for video in judged.evaluation.videos for event in video.events]
    assert [(e["source_id"], e["start_index"], e["end_index"]) for e in events] == [
        (event.source_id, event.start_index, event.end_index) for event in expected
    ]


def test_the_report_shows_the_figures(folder, judged):
    page = folder.report.read_text()
    assert "Spatio-temporal autoencoder on Your own folder" in page
    assert f"{judged.evaluation.metrics['micro_auc']:.3f}".lstrip("0") in page
    assert "runner" in page
    assert "&#39;/my videos&#39;" in page or COMMAND in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_the_report_shows_the_training_of_the_run_that_holds_the_bundle(folder, judged):
    """The folder that is written to is another one here, and has no logs."""
    page = folder.report.read_text()
    assert not folder.logs.exists()
    assert '<section id="training">' in page
    assert "Loss by epoch: training from " in page
    assert "in epoch 3; validation from " in page
    assert "<span>3 epochs</span>" in page
    assert re.search("lowest and kept: [0-9.]+ in epoch [123]<", page)


def test_a_method_without_training_has_no_such_section(tiny_flow_run, tiny_root, tmp_path):
    judge_flow(tiny_flow_run, tiny_root, tmp_path)
    assert 'id="training"' not in (tmp_path / "report.html").read_text()


def test_warnings_of_the_training_are_in_the_report(tiny_run, tiny_root, tmp_path):
    run = RunFolder(shutil.copytree(tiny_run.path, tmp_path / "run"))
    shutil.rmtree(run.logs)
    bundle = Bundle.load(run.bundle)
    training = {**bundle.header.fit.training, "warnings": ["mode collapse <of the game>"]}
    fit = bundle.header.fit.model_copy(update={"training": training})
    replace(bundle, header=bundle.header.model_copy(update={"fit": fit})).save(run.bundle)
    judge_run(run.path, "folder", tiny_root, command=COMMAND)
    page = run.report.read_text()
    assert "<li>Training: mode collapse &lt;of the game&gt;</li>" in page
    assert "The logs of the training are not beside the bundle" in page


def test_the_annotated_videos_play_all_frames(folder):
    assert probe(folder.videos / "runner.mp4").frame_count == 30
    with open_video(folder.videos / "calm.mp4") as video:
        assert sum(1 for _ in video) == 30


def test_a_report_and_videos_only_where_asked_for(tiny_flow_run, tiny_root, tmp_path):
    judged = judge_flow(tiny_flow_run, tiny_root, tmp_path, report=False)
    assert set(judged.files) == {"metrics", "scores", "events"}
    assert {path.name for path in tmp_path.iterdir()} - {".lock"} == {
        "metrics.json",
        "scores.parquet",
        "events.json",
    }


def test_the_run_folder_of_the_bundle_is_the_place(tiny_flow_run, tiny_root, tmp_path):
    run = RunFolder(shutil.copytree(tiny_flow_run.path, tmp_path / "run"))
    for path in (run.path, run.bundle):
        run.metrics.unlink(missing_ok=True)
        judge_run(path, "folder", tiny_root, command=COMMAND, report=False)
        assert run.metrics.is_file()
    assert {path.name for path in run.bundle.iterdir()} == {
        "method.yaml",
        "model.safetensors",
        "calibration.json",
        "card.md",
    }


def test_a_busy_run_folder_is_left_alone(tiny_flow_run, tiny_root, tmp_path):
    with RunFolder(tmp_path).claimed(), pytest.raises(RunFolderBusy):
        judge_flow(tiny_flow_run, tiny_root, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} <= {".lock"}


def with_seed(run: RunFolder, seed: int, folder: Path) -> Path:
    """A copy of a run as if another seed had made it."""
    copy = RunFolder(shutil.copytree(run.path, folder))
    header = copy.bundle / "method.yaml"
    header.write_text(header.read_text().replace("  seed: 0\n", f"  seed: {seed}\n"))
    return copy.path


def test_publishing_brings_the_seeds_together(tiny_flow_run, tiny_root, tmp_path):
    results = tmp_path / "results"
    for seed in (0, 1, 1):
        judged = judge_run(
            with_seed(tiny_flow_run, seed, tmp_path / f"run-{len(list(tmp_path.iterdir()))}"),
            "folder",
            tiny_root,
            command=f"{COMMAND} # {seed}",
            report=False,
            publish=results,
        )
        assert judged.files["results"] == results / "folder" / "flow-magnitude.json"
    result = read_result(results / "folder" / "flow-magnitude.json")
    assert result.seeds == [0, 1]
    assert (result.method, result.dataset, result.preset) == ("flow-magnitude", "folder", "full")
    assert result.metrics["micro_auc"].mean == judged.evaluation.metrics["micro_auc"]
    assert result.metrics["micro_auc"].sd == 0
    assert {name: part.mean for name, part in result.parts.items()} == judged.evaluation.parts
    assert result.command == f"{COMMAND} # 1"
    noise = read_result(results / "folder" / "noise.json")
    assert len(noise.seeds) == 20
    assert noise.metrics["micro_auc"].mean == pytest.approx(
        judged.evaluation.floors["noise"]["micro_auc"], abs=1e-9
    )
    assert noise.fit_seconds.mean is None
    assert noise.parts == {}
    # Noise is the same whoever is judged: later runs leave the record of its making alone.
    assert noise.command.endswith(f"{COMMAND} # 0")


@pytest.fixture
def damaged_root(tiny_root, tmp_path):
    root = shutil.copytree(tiny_root, tmp_path / "root")
    (root / "test" / "zzz.mp4").write_text("no video")
    return root


def test_figures_of_a_part_of_the_test_videos_are_not_published(tiny_flow_run, damaged_root, tmp_path):
    results, run = tmp_path / "results", tmp_path / "run"
    with (
        pytest.warns(SkippedVideoWarning),
        pytest.raises(
            OutputError, match="1 test videos could not be scored, so the figures are not published"
        ),
    ):
        judge_flow(tiny_flow_run, damaged_root, run, report=False, publish=results)
    assert not results.exists()
    (said,) = json.loads((run / "metrics.json").read_text())["left_out"]
    assert "zzz.mp4" in said


@pytest.fixture
def unlabelled_root(tiny_root, tmp_path):
    root = tmp_path / "root"
    shutil.copytree(tiny_root / "test", root / "test")
    (root / "train").mkdir()
    return root


def test_without_labels_there_is_a_report_and_nothing_is_published(tiny_flow_run, unlabelled_root, tmp_path):
    run = RunFolder(tmp_path / "run")
    judged = judge_flow(tiny_flow_run, unlabelled_root, run.path, publish=tmp_path / "results", videos=True)
    assert not (tmp_path / "results").exists()
    assert set(judged.files) == {"metrics", "scores", "events", "report", "videos"}
    record = json.loads(run.metrics.read_text())
    assert (record["metrics"], record["floors"], record["parts"], record["events"]) == ({}, {}, {}, None)
    assert pq.read_table(run.scores)["label"].null_count == 60
    page = run.report.read_text()
    assert "runner" in page
    assert "no labels" in page.lower()


def test_videos_in_folders_keep_their_names(tiny_flow_run, tiny_root, tmp_path):
    """A test video is named by its path below `test/`, and so is its annotated video."""
    (tmp_path / "root" / "train").mkdir(parents=True)
    with open_video(tiny_root / "test" / "calm.mp4") as video:
        write_scene(tmp_path / "root" / "test" / "yard" / "monday.mp4", [frame.image_HWC for frame in video])
    judge_flow(tiny_flow_run, tmp_path / "root", tmp_path / "run", videos=True)
    assert (tmp_path / "run" / "videos" / "yard" / "monday.mp4").is_file()


def test_progress_is_never_more_than_all(tiny_flow_run, tiny_root, tmp_path):
    told = []
    judge_flow(tiny_flow_run, tiny_root, tmp_path, videos=True, progress=lambda *step: told.append(step))
    assert all(done <= total for _, done, total in told)
    stages = list(dict.fromkeys(what.split(",")[0].split()[0] for what, *_ in told))
    assert stages == ["judging", "picturing", "annotating"]


def test_a_setting_that_is_spelled_out_at_its_default_changes_no_hash(flow_header):
    spelled = flow_header.model_copy(update={"model": {**flow_header.model, "flow_preset": "medium"}})
    other = flow_header.model_copy(update={"model": {**flow_header.model, "flow_preset": "fast"}})
    assert settings_sha256(spelled) == settings_sha256(flow_header) != settings_sha256(other)


@pytest.fixture
def flow_header(tiny_flow_run):
    header = Bundle.load(tiny_flow_run.path).header
    model = {name: value for name, value in header.model.items() if name != "flow_preset"}
    return header.model_copy(update={"model": model})
