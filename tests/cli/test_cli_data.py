"""`normalcy data`, in this process."""

import json

from cli_footage import damaged

from normalcy.cli.data import ANOMALIES, SETTINGS
from normalcy.datasets import dataset_names
from normalcy.datasets.walkway.actors import ANOMALY_KINDS
from normalcy.datasets.walkway.manifest import read_manifest
from normalcy.datasets.walkway.settings import SETTING_NAMES

SMALL = ["--size", "48x64", "--train-videos", "1", "--test-videos", "2", "--seconds", "4"]


def test_every_dataset_is_listed(normalcy):
    outcome = normalcy("data", "list")
    assert outcome.code == 0
    assert all(name in outcome.out for name in dataset_names())
    assert list(json.loads(normalcy("data", "list", "--json").out)["datasets"]) == dataset_names()


def test_a_complete_folder(normalcy, scene):
    outcome = normalcy("data", "check", "folder", "--root", scene)
    assert outcome.code == 0
    assert "complete" in outcome.out.splitlines()
    assert "3 train videos of 120 frames" in outcome.out
    assert outcome.err == f"checking Your own folder in {scene}\n"


def test_an_incomplete_benchmark_says_where_to_get_it(normalcy, tmp_path):
    outcome = normalcy("data", "check", "ucsd-ped2", "--root", tmp_path)
    assert outcome.code == 3
    assert "missing all 16 train videos" in outcome.out
    assert "not complete; get it from http" in outcome.out
    result = normalcy("data", "check", "ucsd-ped2", "--root", tmp_path, "--json")
    assert result.code == 3
    assert json.loads(result.out)["complete"] is False


def test_damaged_videos_are_found(normalcy, tmp_path):
    for kind in ("cut-index", "empty", "text"):
        damaged(kind, tmp_path / "train")
    outcome = normalcy("data", "check", "folder", "--root", tmp_path)
    assert outcome.code == 3
    for text in ("moov", "empty", "text, not video"):
        assert text in outcome.out


def test_the_scene_is_made_with_chosen_places_and_kinds(normalcy, tmp_path):
    root = tmp_path / "walk"
    words = ["--settings", "wall", "--settings", "crowd", "--anomalies", "runner", "--anomalies", "cart"]
    outcome = normalcy("data", "synthesize", "--root", root, *SMALL, *words)
    assert outcome.code == 0
    assert outcome.out.splitlines()[0] == "Made 1 normal video and 2 test videos of 4 s."
    assert outcome.out.splitlines()[-1].endswith(f"--data walkway --root {root}")
    recipe = read_manifest(root).recipe
    assert (recipe.settings, recipe.anomalies) == (("wall", "crowd"), ("runner", "cart"))
    assert "drawing the walkway: 3/3" in outcome.err


def test_places_alone_choose_the_kinds_they_can_show(normalcy, tmp_path):
    words = ["data", "synthesize", "--root", tmp_path / "walk", *SMALL, "--settings", "wall", "--json"]
    outcome = normalcy(*words)
    assert json.loads(outcome.out)["files"] == {"walkway": str(tmp_path / "walk")}
    assert "against_flow" not in read_manifest(tmp_path / "walk").recipe.anomalies


def test_what_the_help_names_is_what_there_is():
    assert ", ".join(SETTING_NAMES) == SETTINGS
    assert ", ".join(ANOMALY_KINDS) == ANOMALIES


def test_a_folder_that_holds_something_else_is_left_alone(normalcy, scene):
    before = sorted(scene.rglob("*"))
    outcome = normalcy("data", "synthesize", "--root", scene, *SMALL)
    assert outcome.code == 4
    assert outcome.error.startswith(f"{scene}: ")
    assert sorted(scene.rglob("*")) == before


def test_a_folder_that_cannot_be_written(normalcy, read_only):
    outcome = normalcy("data", "synthesize", "--root", read_only / "walk", *SMALL)
    assert outcome.code == 4
    assert str(read_only) in outcome.error
