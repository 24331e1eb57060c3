"""`normalcy evaluate` and `normalcy demo`, in this process."""

import json
import shutil

import pytest
from cli_footage import damaged

from normalcy.cli.console import say_table
from normalcy.cli.evaluate import kinds_table
from normalcy.workflows.judge import judge_run


@pytest.fixture
def run(flow_run, tmp_path):
    return shutil.copytree(flow_run, tmp_path / "run")


def test_the_verdict_is_a_table_and_a_line_on_events(normalcy, run, scene):
    outcome = normalcy("evaluate", run, "--data", "folder", "--root", scene)
    assert outcome.code == 0
    assert outcome.out.startswith("Scored 2 videos of 80 frames, ")
    table = [line.split() for line in outcome.out.splitlines()]
    assert ["metric", "value", "noise", "meaning"] in table
    (micro,) = [row for row in table if row[:1] == ["micro_auc"]]
    assert float(micro[1]) > 0.9
    assert "At the calibrated threshold: " in outcome.out
    for name in ("metrics.json", "scores.parquet", "events.json", "report.html"):
        assert f"{run / name}\n" in outcome.out
        assert (run / name).stat().st_size > 0


def test_json_is_all_there_is_and_knows_the_command(normalcy, run, scene, tmp_path):
    words = [
        "evaluate",
        run,
        "--data",
        "folder",
        "--root",
        scene,
        "--no-report",
        "--out",
        tmp_path / "out",
        "--json",
    ]
    result = json.loads(normalcy(*words).out)
    assert result["command"].startswith("normalcy fit flow-magnitude ")
    assert result["command"].endswith(" && " + " ".join(map(str, ["normalcy", *words])))
    assert result["metrics"]["micro_auc"] > 0.9
    assert result["files"]["metrics"] == str(tmp_path / "out" / "metrics.json")
    assert not (run / "metrics.json").exists()


def test_threads_are_limited(normalcy, run, scene, monkeypatch):
    asked = []
    monkeypatch.setattr("cv2.setNumThreads", asked.append)
    monkeypatch.setattr("torch.set_num_threads", asked.append)
    words = ["--data", "folder", "--root", scene, "--no-report", "--threads", "2"]
    assert normalcy("evaluate", run, *words).code == 0
    assert asked[:2] == [2, 2]


def test_kinds_are_a_table_of_parts_by_kind(capsys):
    kinds = {
        "score": {"against_flow": 0.7654, "runner": 1.0},
        "motion": {"against_flow": None, "runner": 0.5},
    }
    say_table(kinds_table(kinds))
    head, below, *rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert (head, below) == (["micro", "AUC", "against"], ["by", "kind", "flow", "runner"])
    assert rows == [["score", "0.765", "1.000"], ["motion", "-", "0.500"]]


def test_without_kinds_there_is_no_such_table(normalcy, run, scene):
    outcome = normalcy("evaluate", run, "--data", "folder", "--root", scene, "--no-report")
    assert "by kind" not in outcome.out


def test_results_are_published(normalcy, run, scene, tmp_path):
    words = [
        "evaluate",
        run,
        "--data",
        "folder",
        "--root",
        scene,
        "--no-report",
        "--publish",
        tmp_path / "results",
    ]
    assert normalcy(*words).code == 0
    published = json.loads((tmp_path / "results" / "folder" / "flow-magnitude.json").read_text())
    assert published["seeds"] == [0]


def test_damaged_test_videos_are_left_out_and_named(normalcy, stae_run, scene, tmp_path):
    root = shutil.copytree(scene, tmp_path / "scene")
    (root / "labels.csv").unlink()
    kinds = ("cut-index", "empty", "text", "three-frames")
    for kind in kinds:
        damaged(kind, root / "test")
    words = ["--data", "folder", "--root", root, "--out", tmp_path / "out", "--no-report"]
    outcome = normalcy("evaluate", stae_run, *words)
    assert outcome.code == 0
    assert len(outcome.warnings) == len(kinds)
    for kind in kinds:
        assert any(warning.startswith("left out: ") and kind in warning for warning in outcome.warnings)
    assert "Scored 2 videos" in outcome.out
    assert "There are no labels" in outcome.out


@pytest.mark.parametrize(("interval", "code"), [("1.0,2.0", 0), ("7.0,7.5", 3)])
def test_labels_of_a_video_that_was_cut(normalcy, flow_run, scene, tmp_path, interval, code):
    root = shutil.copytree(scene, tmp_path / "scene")
    (root / "labels.csv").write_text(
        f"video,start_seconds,end_seconds\nx,1.5,2.5\ny,1.5,2.5\ncut,{interval}\n"
    )
    damaged("cut", root / "test")
    words = ["--data", "folder", "--root", root, "--out", tmp_path / "out", "--no-report"]
    outcome = normalcy("evaluate", flow_run, *words)
    assert outcome.code == code
    assert any("the last packet is incomplete" in warning for warning in outcome.warnings)
    if code:
        assert f"{root / 'labels.csv'}:4: 7 to 7.5 s does not fit 'cut'" in outcome.error


def test_damaged_frames_are_judged_with_a_warning(normalcy, flow_run, scene, tmp_path):
    root = shutil.copytree(scene, tmp_path / "scene")
    for kind in ("bad-jpg", "resized"):
        damaged(kind, root / "test")
    outcome = normalcy("evaluate", flow_run, "--data", "folder", "--root", root, "--out", tmp_path / "out")
    assert outcome.code == 0
    assert len(outcome.warnings) == len(set(outcome.warnings))
    for text in ("011.jpg cannot be read", "from frame 20 on pictures are 96x64"):
        assert any(text in warning for warning in outcome.warnings)


def test_without_test_videos(normalcy, run, tmp_path):
    outcome = normalcy("evaluate", run, "--data", "folder", "--root", tmp_path)
    assert outcome.code == 3
    assert "no test videos" in outcome.error


def test_an_out_folder_that_cannot_be_used(normalcy, run, scene, read_only, tmp_path):
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", read_only):
        outcome = normalcy("evaluate", run, "--data", "folder", "--root", scene, "--out", out)
        assert outcome.code == 4
        assert outcome.error.startswith(f"{out}: ")


def test_the_demo_ends_by_saying_where_its_results_lie(normalcy, run, scene, monkeypatch, tmp_path):
    def run_small(folder, *, seed, command, progress=None):
        assert (folder, seed) == (tmp_path / "demo", 2)
        return judge_run(run, "folder", scene, command=command, folder=folder, progress=progress)

    monkeypatch.setattr("normalcy.workflows.demo.run_demo", run_small)
    outcome = normalcy("demo", "--out", tmp_path / "demo", "--seed", "2")
    assert outcome.code == 0
    assert f"Open {tmp_path / 'demo' / 'report.html'} in a browser" in outcome.out
