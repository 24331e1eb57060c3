"""`normalcy` on labelled clips: data check, fit, evaluate, score and pipeline, in this process."""

import json

import pytest
import yaml

from tiny_classes import TINY_CNN_LSTM, write_tiny_classes


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Clips, and where features and hashes are kept."""
    folder = tmp_path_factory.mktemp("cli-classes")
    patch = pytest.MonkeyPatch()
    patch.setattr("normalcy.datasets.class_folder.HASHES", folder / "hashes")
    write_tiny_classes(folder / "clips")
    yield folder
    patch.undo()


def data(place):
    return ["--data", "class-folder", "--root", place / "clips"]


def settings(place):
    own = [f"data.features={place / 'features'}", f"data.cache={place / 'frames'}", "training.epochs=2"]
    return [word for each in (*TINY_CNN_LSTM, *own) for word in ("--set", each)]


@pytest.fixture
def run(normalcy, place):
    folder = place / "run"
    if not folder.is_dir():
        outcome = normalcy("fit", "cnn-lstm", *data(place), *settings(place), "--out", folder)
        assert outcome.code == 0, outcome.err
    return folder


def test_check_tells_of_classes_and_scenes(normalcy, place):
    outcome = normalcy("data", "check", "class-folder", "--root", place / "clips")
    assert outcome.code == 0
    assert "20 videos show 20 scenes" in outcome.out
    assert "5 folds" in outcome.out


def test_evaluate_says_what_is_taken_for_what(normalcy, place, run):
    outcome = normalcy("evaluate", run, *data(place), "--no-report", "--features", place / "features")
    assert outcome.code == 0, outcome.err
    assert "Classes of 4 videos of fold 0, each as a whole:" in outcome.out
    rows = [line.split() for line in outcome.out.splitlines()]
    assert ["class", "precision", "recall", "f1", "auc", "videos", "as", "normal", "as", "passing"] in rows
    assert {row[0] for row in rows if row} >= {"accuracy", "balanced_accuracy", "expected_calibration_error"}


def test_switches_of_classes_are_said(normalcy, place, run):
    words = [
        "--views",
        "2",
        "--no-temperature",
        "--with",
        run,
        "--no-report",
        "--features",
        place / "features",
    ]
    outcome = normalcy("evaluate", run, *data(place), *words, "--json")
    assert json.loads(outcome.out)["classes"]["how"] == [
        "mean of 2 bundles",
        "mean over 2 views of each video",
        "without temperature",
    ]


def test_score_takes_these_bundles_too(normalcy, place, run, tmp_path):
    clip = place / "clips" / "passing" / "p1.mp4"
    outcome = normalcy("score", run / "bundle", clip, "--out", tmp_path / "scored", "--json")
    assert outcome.code == 0, outcome.err
    assert next(iter(json.loads(outcome.out)["videos"].values()))["frames"] == 40


def test_a_dataset_without_classes(normalcy, place, scene, tmp_path):
    outcome = normalcy("fit", "cnn-lstm", "--data", "folder", "--root", scene, "--out", tmp_path / "run")
    assert outcome.code == 2
    assert outcome.error.startswith("data.name: folder has no classes")
    assert not (tmp_path / "run").exists()


def test_switches_of_classes_need_classes(normalcy, flow_run, scene):
    outcome = normalcy("evaluate", flow_run, "--data", "folder", "--root", scene, "--views", "2")
    assert outcome.code == 2
    assert "knows no classes" in outcome.error


def test_a_pipeline_from_one_file(normalcy, place, tmp_path):
    file = tmp_path / "pipeline.yaml"
    file.write_text(
        yaml.safe_dump(
            {
                "method": "cnn-lstm",
                "data": {
                    "name": "class-folder",
                    "root": str(place / "clips"),
                    "features": str(place / "features"),
                    "cache": str(place / "frames"),
                },
                "pipeline": {"out": str(tmp_path / "run"), "report": False},
            }
        )
    )
    words = [word for each in (*TINY_CNN_LSTM, "training.epochs=1") for word in ("--set", each)]
    first = normalcy("pipeline", file, *words, "--demo-duration", "1", "--target-platform", "edge")
    assert first.code == 0, first.err
    assert [line.split()[:2] for line in first.out.splitlines()[:4]] == [
        ["train", "done"],
        ["evaluate", "done"],
        ["optimise", "not"],
        ["demo", "done"],
    ]
    again = normalcy("pipeline", file, *words, "--demo-duration", "1", "--json")
    stages = {each["stage"]: each["status"] for each in json.loads(again.out)["stages"]}
    assert stages == {
        "train": "unchanged",
        "evaluate": "unchanged",
        "optimise": "not available",
        "demo": "unchanged",
    }


def test_a_platform_that_there_is_not(normalcy, tmp_path):
    file = tmp_path / "pipeline.yaml"
    file.write_text("method: stae\ndata: {name: folder, root: .}\n")
    outcome = normalcy("pipeline", file, "--target-platform", "phone")
    assert outcome.code == 2
    assert "platform" in outcome.error


def test_a_demo_that_fails_says_so_in_its_exit_code(normalcy, place, tmp_path, flow_run, scene):
    file = tmp_path / "pipeline.yaml"
    file.write_text(
        yaml.safe_dump(
            {
                "method": "flow-magnitude",
                "data": {"name": "folder", "root": str(scene), "cache": str(tmp_path / "cache")},
                "model": {"size_px": [48, 64]},
                "pipeline": {
                    "out": str(tmp_path / "run"),
                    "report": False,
                    "demo": {"source": str(tmp_path / "nowhere.mp4")},
                },
            }
        )
    )
    outcome = normalcy("pipeline", file)
    assert outcome.code == 3
    assert "demo failed" in outcome.out
