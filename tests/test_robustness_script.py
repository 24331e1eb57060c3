"""That the robustness study changes the camera as it says, and compares like with like."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from normalcy.datasets import open_dataset
from normalcy.evaluation.run import evaluate
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.record import ScoredVideo
from normalcy.video.frame import Frame
from tiny_scene import RUNS, texture

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture
def robustness(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    module = importlib.import_module("robustness")
    monkeypatch.delitem(sys.modules, "robustness")
    return module


def frames(count=4, *, size_px=(24, 32), channels=1):
    image_HW = texture(np.random.default_rng(0), size_px, 60, 180)
    image_HWC = np.repeat(image_HW[..., None], channels, axis=2)
    return [Frame(image_HWC, index, index / 10, "camera") for index in range(count)]


def images(changed):
    return np.stack([frame.image_HWC for frame in changed])


def scored(raw_T, label_T, *, index_T=None) -> ScoredVideo:
    raw_T = np.asarray(raw_T, np.float64)
    index_T = np.arange(len(raw_T)) if index_T is None else np.asarray(index_T)
    unknown_T, no_T = np.full(len(raw_T), np.nan), np.zeros(len(raw_T), bool)
    return ScoredVideo(
        "v", index_T, index_T / 10, raw_T, raw_T, unknown_T, no_T, ~no_T, label_T=np.asarray(label_T, bool)
    )


def test_half_the_frame_rate_keeps_index_and_time(robustness):
    given = frames(5)
    assert list(robustness.CHANGES["half frame rate"](given)) == [given[0], given[2], given[4]]


def test_unchanged_frames_are_the_same(robustness):
    given = frames()
    assert list(robustness.CHANGES["unchanged"](given)) == given


@pytest.mark.parametrize(("name", "size_px"), [("double size", (48, 64)), ("half size", (12, 16))])
def test_a_camera_of_other_size_sees_the_same_at_its_own_size(robustness, name, size_px):
    given = frames(1, channels=3)
    (changed,) = robustness.CHANGES[name](given)
    assert changed.image_HWC.shape == (*size_px, 3)
    back = robustness.resized(changed, (24, 32))
    difference_HWC = np.abs(back.image_HWC.astype(float) - given[0].image_HWC)
    assert 0 < difference_HWC.mean() < 8
    # One that fits is not touched.
    assert (robustness.resized(given[0], (24, 32)).image_HWC == given[0].image_HWC).all()


def test_at_night_it_is_half_as_bright_and_noisy(robustness):
    even = [Frame(np.full((64, 64, 1), 120, np.uint8), index, index / 10, "camera") for index in range(2)]
    first, second = images(robustness.CHANGES["night noise"](even)).astype(float)
    assert first.mean() == pytest.approx(60, abs=0.5)
    assert first.std() == pytest.approx(8, rel=0.05)
    assert (first != second).mean() > 0.9
    dark = [Frame(np.zeros((8, 8, 3), np.uint8), 0, 0.0, "camera")]
    assert images(robustness.CHANGES["night noise"](dark)).max() < 60, "negative values wrap around"


@pytest.mark.parametrize("channels", [1, 3])
def test_shaking_moves_the_whole_frame_by_up_to_a_pixel(robustness, channels):
    ramp_HW = np.add.outer(np.arange(24) * 2, np.arange(32) * 4)
    ramp_HWC = np.repeat(ramp_HW[..., None], channels, axis=2).astype(np.uint8)
    given = [Frame(ramp_HWC, index, index / 10, "camera") for index in range(20)]
    shaken = images(robustness.CHANGES["shake"](given)).astype(float)
    assert shaken.shape == (20, 24, 32, channels)
    moved = (shaken - ramp_HWC)[:, 3:-3, 3:-3]
    # On a ramp, a shift is one difference everywhere: at most 2 grey levels down and 4 to the right, and rounding.
    assert np.ptp(moved, axis=(1, 2, 3)).max() <= 1
    assert 2 < np.abs(moved).max() <= 7
    # Whole pixels would move all by even levels.
    assert (moved % 2 == 1).any()


@pytest.mark.parametrize("name", ["night noise", "shake"])
def test_chance_is_of_the_frame_and_nothing_is_written_to(robustness, name):
    given = frames()
    kept = images(given)
    whole, again = (images(robustness.CHANGES[name](given)) for _ in range(2))
    assert (whole == again).all()
    assert (images(given) == kept).all()
    assert (images(robustness.CHANGES[name](given[::2])) == whole[::2]).all()
    changed = next(iter(robustness.CHANGES[name](given[1:])))
    assert (changed.index, changed.pts_seconds, changed.source_id) == (1, 0.1, "camera")
    assert changed.image_HWC.dtype == np.uint8


def test_a_change_of_nothing_compares_as_nothing(robustness):
    video = scored([1, 2, 3, 9, 8], [0, 0, 0, 1, 1])
    found = robustness.compare([video], [video], threshold=3)
    assert found == {
        "frames": 5,
        "micro_auc": 1,
        "micro_auc_change": 0,
        "rank_correlation": pytest.approx(1),
        "median_shift": 0,
        "normal_over_threshold_before": pytest.approx(1 / 3),
        "normal_over_threshold": pytest.approx(1 / 3),
    }


def test_what_is_compared_is_of_the_frames_that_both_have(robustness):
    before = [scored([0, 50, 2, 60, 10, 70], [0, 0, 0, 0, 1, 1]), scored([0, 2], [0, 0])]
    after = [scored([3, 5, 4], [0, 0, 1], index_T=[0, 2, 4]), scored([3], [0], index_T=[0])]
    found = robustness.compare(before, after, threshold=2)
    spread = np.std([0, 50, 2, 60, 0, 2])
    assert found["frames"] == 4
    assert found["micro_auc"] == pytest.approx(2 / 3)
    assert found["micro_auc_change"] == pytest.approx(2 / 3 - 1)
    assert found["rank_correlation"] == pytest.approx(7 / 9)
    assert found["median_shift"] == pytest.approx(3 / spread)
    assert (found["normal_over_threshold_before"], found["normal_over_threshold"]) == (
        pytest.approx(1 / 3),
        1,
    )


def test_what_is_undefined_is_told_as_such(robustness):
    found = robustness.compare([scored([1, 2], [0, 0])], [scored([5, 5], [0, 0])], threshold=9)
    assert found["micro_auc"] is found["micro_auc_change"] is found["rank_correlation"] is None
    assert robustness.table({"unchanged": found}).splitlines()[-1].startswith("| unchanged | 2 | - | - | - |")


def test_the_script_writes_a_row_for_each_change(
    robustness, tiny_flow_run, tiny_root, tmp_path, monkeypatch, capsys
):
    out = tmp_path / "robustness.json"
    words = [tiny_flow_run.path, "--data", "folder", "--root", tiny_root, "--out", out]
    monkeypatch.setattr(sys, "argv", ["robustness.py", *map(str, words)])
    robustness.main()
    record = json.loads(out.read_text())
    changes = record["changes"]
    assert list(changes) == list(robustness.CHANGES)
    unchanged = changes["unchanged"]
    assert (unchanged["rank_correlation"], unchanged["median_shift"]) == (pytest.approx(1), 0)
    # As `evaluate` judges it.
    judged = evaluate(Bundle.load(tiny_flow_run.bundle), open_dataset("folder", tiny_root))
    assert unchanged["micro_auc"] == judged.metrics["micro_auc"]
    assert [changes[name]["frames"] for name in changes] == [60, 30, 60, 60, 60, 60]
    assert all(changes[name]["median_shift"] > 0 for name in list(changes)[1:])
    assert all(-1 <= each["micro_auc_change"] <= 1 for each in changes.values())
    assert record["videos"] == ["calm", "runner"]
    assert (record["method"], record["dataset"], record["seed"]) == ("flow-magnitude", "folder", 0)
    assert " /" not in record["command"]
    table = out.with_suffix(".md").read_text()
    assert table in capsys.readouterr().out
    assert [line.split(" | ")[0] for line in table.splitlines()[2:]] == [f"| {name}" for name in changes]
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--videos", "1"])
    robustness.main()
    record = json.loads(out.read_text())
    assert (record["videos"], record["command"].endswith(" --videos 1")) == (["calm"], True)
    assert record["changes"]["shake"]["micro_auc"] is None, "the calm video is of one class"


def test_half_the_frame_rate_drops_labels_alike(robustness, tiny_flow_run, tiny_root):
    bundle, dataset = Bundle.load(tiny_flow_run.bundle), open_dataset("folder", tiny_root)
    runner = next(video for video in dataset.videos("test") if video.name == "runner")
    verdicts = robustness.score(bundle.scoring_model(), bundle, dataset, runner, "half frame rate")
    assert verdicts.index_T.tolist() == list(range(0, 30, 2))
    assert verdicts.pts_seconds_T == pytest.approx(np.arange(0, 30, 2) / 10)
    assert verdicts.label_T.tolist() == [index in RUNS for index in range(0, 30, 2)]


@pytest.mark.parametrize(
    ("name", "size_px"), [("double size", (48, 64)), ("half size", (48, 64)), ("shake", (35, 43))]
)
def test_size_changes_are_of_the_sources_size_and_others_of_the_methods(
    robustness, tiny_run, tiny_root, monkeypatch, name, size_px
):
    bundle, dataset = Bundle.load(tiny_run.bundle), open_dataset("folder", tiny_root)
    seen, change = set(), robustness.CHANGES[name]

    def watched(frames):
        for frame in frames:
            seen.add(frame.image_HWC.shape)
            yield frame

    monkeypatch.setitem(robustness.CHANGES, name, lambda frames: change(watched(frames)))
    robustness.score(bundle.scoring_model(), bundle, dataset, dataset.videos("test")[0], name)
    assert seen == {(*size_px, 1)}
