"""`normalcy fit`, in this process."""

import json
import shutil
from pathlib import Path

import pytest
from cli_footage import KINDS, damaged, make_scene, make_video

from normalcy.run_folder import RunFolder
from normalcy.scoring.bundle import Bundle


def hidden(folder: Path) -> list[str]:
    """Temporaries that were left behind; the lock is none."""
    return [str(path) for path in folder.rglob(".*") if path.name != ".lock"]


def test_a_fit_ends_by_naming_what_it_wrote_and_what_comes_next(normalcy, flow_words, scene, tmp_path):
    run = tmp_path / "run"
    outcome = normalcy(*flow_words, "--out", run)
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert lines[0] == "Fitted flow-magnitude on 80 frames."
    assert lines[1].startswith("Calibrated on 40 frames that were held out, of ")
    assert f"  bundle         {run / 'bundle'}" in lines
    assert lines[-1] == f"Next: normalcy evaluate {run} --data folder --root {scene}"
    assert "calibrating on held-out normal video: 40/40" in outcome.err
    assert Bundle.load(run).header.method == "flow-magnitude"
    assert hidden(run) == []


def test_json_is_all_there_is_on_standard_output(normalcy, flow_words, tmp_path):
    outcome = normalcy(*flow_words, "--out", tmp_path / "run", "--json")
    result = json.loads(outcome.out)
    assert outcome.code == 0
    assert result["files"]["bundle"] == str(tmp_path / "run" / "bundle")
    assert (result["method"], result["seed"], result["fitted_frames"]) == ("flow-magnitude", 0, 80)


def test_the_run_folder_is_named_by_method_data_and_seed(normalcy, flow_words, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert normalcy(*flow_words, "--seed", "3").code == 0
    assert Path("runs/flow-magnitude-folder-seed3/bundle/model.safetensors").is_file()


def test_a_run_is_neither_replaced_nor_mixed_in_silence(normalcy, flow_words, flow_run, tmp_path):
    run = shutil.copytree(flow_run, tmp_path / "run")
    before = (run / "bundle" / "method.yaml").read_bytes()
    again = normalcy(*flow_words, "--out", run)
    assert again.code == 4
    assert "Use --resume to go on with it, --overwrite to start again" in again.error
    other = normalcy(*flow_words, "--out", run, "--resume", "--seed", "1")
    assert other.code == 4
    assert "holds a run with another seed" in other.error
    assert (run / "bundle" / "method.yaml").read_bytes() == before
    assert normalcy(*flow_words, "--out", run, "--resume").code == 0
    assert normalcy(*flow_words, "--out", run, "--overwrite", "--seed", "1").code == 0
    assert Bundle.load(run).header.fit.seed == 1


def test_a_mistake_that_shows_late_does_not_take_the_run_folder(normalcy, scene, flow_words, tmp_path):
    words = [*flow_words, "--out", tmp_path / "run"]
    words[words.index(str(scene))] = tmp_path
    outcome = normalcy(*words)
    assert (outcome.code, "no train videos" in outcome.error) == (3, True)
    assert normalcy(*flow_words, "--out", tmp_path / "run").code == 0


@pytest.mark.parametrize("place", ["a-file", "a-file/below", "/proc/run"])
def test_an_out_folder_that_cannot_be_made(normalcy, flow_words, tmp_path, place):
    (tmp_path / "a-file").write_text("kept")
    outcome = normalcy(*flow_words, "--out", tmp_path / place)
    assert outcome.code == 4
    assert outcome.error.startswith(f"{tmp_path / place}: ")
    assert (tmp_path / "a-file").read_text() == "kept"


def test_an_out_folder_that_cannot_be_written(normalcy, flow_words, read_only):
    for run in (read_only, read_only / "run"):
        outcome = normalcy(*flow_words, "--out", run)
        assert outcome.code == 4
        assert f"{run}: cannot be" in outcome.error


def test_a_cache_that_cannot_be_written(normalcy, flow_words, read_only, tmp_path):
    outcome = normalcy(*flow_words, "--set", f"data.cache={read_only}", "--out", tmp_path / "run")
    assert outcome.code == 4
    assert str(read_only) in outcome.error


def test_a_busy_run_folder_is_left_alone(normalcy, flow_words, flow_run, tmp_path):
    run = shutil.copytree(flow_run, tmp_path / "run")
    with RunFolder(run).claimed():
        outcome = normalcy(*flow_words, "--out", run, "--resume")
    assert outcome.code == 4
    assert (
        "another normalcy is writing here. Wait for it, or choose another folder with --out" in outcome.error
    )


def test_damaged_videos_are_used_as_far_as_they_go_or_left_out(normalcy, stae_words, tmp_path):
    root = make_scene(tmp_path / "scene")
    for kind in KINDS:
        damaged(kind, root / "train")
    words = [tmp_path / "scene" if word == stae_words[5] else word for word in stae_words]
    assert words[4:6] == ["--root", root]
    outcome = normalcy(*words, "--set", "training.epochs=1", "--out", tmp_path / "run")
    assert outcome.code == 0
    warnings = sorted(outcome.warnings)
    assert [kind for kind in sorted(KINDS) if any(f"/{kind}" in warning for warning in warnings)] == sorted(
        KINDS
    )
    left_out = [warning for warning in warnings if warning.startswith("left out: ")]
    assert len(warnings) == len(KINDS)
    assert len(left_out) == 4
    for text in ("its index (the moov box", "empty (0 bytes)", "this is text, not video", "has 3 frames"):
        assert any(text in warning for warning in left_out), text
    for text in (
        "011.jpg cannot be read, frames lost: 1",
        "from frame 20 on pictures are",
        "Frames read and used:",
    ):
        assert any(text in warning for warning in warnings), text
    assert Bundle.load(tmp_path / "run").header.fit.fitted_frames > 3 * 40


def test_nothing_but_damaged_videos(normalcy, flow_words, tmp_path):
    for kind in ("empty", "text", "cut-index"):
        damaged(kind, tmp_path / "data" / "train")
    words = [tmp_path / "data" if place == 5 else word for place, word in enumerate(flow_words)]
    outcome = normalcy(*words, "--out", tmp_path / "run")
    assert outcome.code == 3
    assert "none of 3 training videos can be used" in outcome.error


def test_too_little_normal_video(normalcy, flow_words, tmp_path):
    make_video(tmp_path / "data" / "short.mp4", frames=30)
    words = [tmp_path / "data" if place == 5 else word for place, word in enumerate(flow_words)]
    outcome = normalcy(*words, "--out", tmp_path / "run")
    assert outcome.code == 3
    assert "too little normal video is left for calibration" in outcome.error


def test_a_detector_is_calibrated_for_another_scene(normalcy, stae_run, scene, tmp_path):
    words = ["calibrate", stae_run, "--data", "folder", "--root", scene, "--out", tmp_path / "anew"]
    outcome = normalcy(*words)
    assert outcome.code == 0, outcome.err
    assert "Calibrated stae on normal video of folder" in outcome.out
    assert "calibrated on" in (tmp_path / "anew" / "bundle" / "method.yaml").read_text()
    again = normalcy(*words)
    assert again.code == 4
    assert "holds a bundle already" in again.error


def test_what_keeps_no_memory_does_not_learn(normalcy, stae_run, scene, tmp_path):
    words = ["calibrate", stae_run, "--data", "folder", "--root", scene, "--out", tmp_path / "anew"]
    outcome = normalcy(*words, "--learn", "2")
    assert outcome.code == 2
    assert "keeps no memory that could learn" in outcome.error
    assert not (tmp_path / "anew" / "bundle").exists()


def test_a_fit_that_starts_from_another_network_is_refused(normalcy, stae_words, stae_run, tmp_path):
    words = [
        *stae_words,
        "--set",
        "model.lstm_channels=[6,4]",
        "--start-from",
        stae_run,
        "--out",
        tmp_path / "x",
    ]
    outcome = normalcy(*words)
    assert outcome.code == 2
    assert "another network" in outcome.error
    assert not (tmp_path / "x").exists()
