"""A bundle's memory, shown and amended from video files."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from normalcy.errors import BundleError, InputError, OutputError, RunFolderBusy
from normalcy.run_folder import RunFolder
from normalcy.scoring.bundle import Bundle
from normalcy.video.reader import ReadOptions
from normalcy.workflows.memory import Region, amend, remembered, strangest_places
from tiny_scene import FPS, RUNS

TOLD_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def run(tiny_memory_run, tmp_path) -> Path:
    """A run folder of its own."""
    return Path(shutil.copytree(tiny_memory_run.path, tmp_path / "run"))


@pytest.fixture
def runner(tiny_root) -> str:
    return str(tiny_root / "test" / "runner.mp4")


def whole(**span: float) -> ReadOptions:
    return ReadOptions(**span)


def raw_scores(run: Path, video: str) -> np.ndarray:
    from normalcy.workflows.score import score_video

    bundle = Bundle.load(run)
    return score_video(bundle, bundle.scoring_model(), video, options=ReadOptions()).raw_T


def test_what_is_remembered_is_counted_by_video(run):
    memory = remembered(Bundle.load(run))
    assert memory.scenes >= 1
    assert "appearance" in memory.streams
    assert set(memory.examples) == {"a", "b", "c"}
    assert sum(memory.examples.values()) <= 50
    assert memory.amendments == ()


def test_what_was_told_to_be_normal_is_less_surprising_and_stands_in_the_card(run, runner):
    before = raw_scores(run, runner)[RUNS.start : RUNS.stop].mean()
    told = []
    amended = amend(
        run, runner, options=whole(), times=50, told_at=TOLD_AT, progress=lambda *step: told.append(step)
    )
    bundle = Bundle.load(run)
    assert amended.seconds == pytest.approx(30 / FPS)
    assert amended.bundle == run / "bundle"
    assert amended.examples_after == sum(remembered(bundle).examples.values()) > amended.examples_before
    assert raw_scores(run, runner)[RUNS.start : RUNS.stop].mean() < 0.8 * before
    line = "2026-01-02T03:04:05+00:00: runner from 0 s to its end is normal, counted 50 times"
    assert bundle.header.fit.amendments == (line,)
    assert f"| amended | {line} |" in bundle.card
    assert told[-1][1:] == (30, 30)


def test_what_is_forgotten_surprises_as_before(run, runner):
    before = raw_scores(run, runner)
    amend(run, runner, options=whole(start_seconds=1.0, end_seconds=2.2), times=20)
    told = raw_scores(run, runner)
    amend(run, runner, options=whole(start_seconds=1.0, end_seconds=2.2), times=-20, told_at=TOLD_AT)
    assert np.abs(raw_scores(run, runner) - before).max() < 0.1 * np.abs(told - before).max()
    assert len(Bundle.load(run).header.fit.amendments) == 2
    assert Bundle.load(run).header.fit.amendments[1].endswith("from 1 s to 2.2 s is forgotten")


def test_the_rest_of_the_bundle_stays_as_it_was(run, runner):
    before = Bundle.load(run)
    amend(run, runner, options=whole(), times=5)
    after = Bundle.load(run)
    assert after.calibration == before.calibration
    assert after.header.model_copy(update={"fit": before.header.fit}) == before.header
    assert set(after.weights) == set(before.weights)
    for name in before.weights:
        if name.startswith(("fusion.", "trunk.", "scenes.", "motion.")):
            assert (after.weights[name] == before.weights[name]).all(), name


def test_only_the_region_counts_and_the_record_names_it(run, runner):
    before = Bundle.load(run).weights["streams.velocity.count_SKRC"]
    amend(run, runner, options=whole(), times=5, region=Region(0.0, 0.0, 0.5, 1.0))
    bundle = Bundle.load(run)
    more = bundle.weights["streams.velocity.count_SKRC"] - before
    columns = more.shape[-1] // 2
    assert more[..., :columns].sum() > 0
    assert more[..., columns + 1 :].sum() == 0
    assert "within 0, 0, 0.5, 1 is normal" in bundle.header.fit.amendments[0]


@pytest.mark.parametrize("edges", [(0.5, 0, 0.5, 1), (0, 0.9, 1, 0.1), (-0.1, 0, 1, 1), (0, 0, 1, 1.5)])
def test_a_region_outside_of_the_picture_is_an_error_and_nothing_is_written(run, runner, edges):
    before = (run / "bundle" / "model.safetensors").read_bytes()
    with pytest.raises(InputError, match="is no region"):
        amend(run, runner, options=whole(), times=5, region=Region(*edges))
    assert (run / "bundle" / "model.safetensors").read_bytes() == before


def test_a_span_with_nothing_in_it_is_an_error(run, runner):
    for seconds in (2.95, 999):
        with pytest.raises(InputError, match=f"shows nothing after {seconds:g} s"):
            amend(run, runner, options=whole(start_seconds=seconds), times=5)
    assert Bundle.load(run).header.fit.amendments == ()


def test_two_cannot_amend_at_once(run, runner):
    with RunFolder(run).claimed(), pytest.raises(RunFolderBusy):
        amend(run, runner, options=whole(), times=5)


def test_a_method_without_memory_is_named(tiny_flow_run, runner):
    for use in (
        lambda: remembered(Bundle.load(tiny_flow_run.path)),
        lambda: strangest_places(Bundle.load(tiny_flow_run.path), runner, at_seconds=1),
        lambda: amend(tiny_flow_run.path, runner, options=whole(), times=1),
    ):
        with pytest.raises(BundleError, match="holds a flow-magnitude, which keeps no memory"):
            use()


def test_the_strangest_places_are_in_order_and_name_a_normal_look(run, runner):
    places = strangest_places(Bundle.load(run), runner, at_seconds=1.6, count=3)
    assert 1 <= len(places) <= 3
    assert [place.score for place in places] == sorted((place.score for place in places), reverse=True)
    for place in places:
        assert place.video in "abc"
        assert place.seconds == pytest.approx(place.frame / FPS, abs=0.01)
        assert all(0 < part < 1 for part in (place.x, place.y, place.normal_x, place.normal_y))
    assert len({(place.x, place.y) for place in places}) == len(places)


@pytest.mark.parametrize("seconds", [4, 60])
def test_a_time_after_the_end_is_an_error(run, runner, seconds):
    with pytest.raises(InputError, match=f"shows nothing at {seconds} s"):
        strangest_places(Bundle.load(run), runner, at_seconds=seconds)


def test_figures_of_an_amended_bundle_are_not_published(run, runner, tiny_root, tmp_path):
    from normalcy.workflows.judge import judge_run

    amend(run, runner, options=whole(), times=5)
    with pytest.raises(OutputError, match="the bundle was amended after it was fitted"):
        judge_run(run, "folder", tiny_root, command="", report=False, publish=tmp_path / "results")


@pytest.mark.parametrize("times", [float("inf"), float("nan"), 0.0, 0.5, 1e9])
def test_a_number_of_times_that_makes_no_sense_is_an_error(run, runner, times):
    with pytest.raises(InputError, match="times is not from 1 to"):
        amend(run, runner, options=whole(), times=times)
    assert Bundle.load(run).header.fit.amendments == ()


def test_where_there_is_no_bundle_nothing_is_made(tmp_path, runner):
    with pytest.raises(BundleError, match="there is no such folder"):
        amend(tmp_path / "typo", runner, options=whole(), times=5)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("footage/train/a.mp4", "a"),
        ("footage/train/gate/monday.mp4", "gate/monday"),
        ("footage/train/door/monday.mp4", "monday"),
        ("elsewhere/Cam 1.mp4", "Cam_1"),
    ],
)
def test_a_video_is_known_by_the_end_of_its_path(path, name):
    from normalcy.methods.scene_memory.examples import Origin
    from normalcy.methods.scene_memory.method import SceneMemory
    from normalcy.methods.scene_memory.settings import SceneMemoryConfig
    from normalcy.workflows.memory import _known_as

    method = SceneMemory(SceneMemoryConfig(streams=("appearance",), trunk="torch"))
    examples = method.memory.streams["appearance"].examples
    known = ("a", "gate/monday", "b")
    examples.add(np.zeros((3, examples.dims), np.float32), [Origin(each, 0, 0.0, 0, 0) for each in known])
    assert _known_as(path, method) == name


def test_what_was_fitted_on_is_forgotten_by_its_name(run, tiny_root, tmp_path):
    video = shutil.copy(tiny_root / "train" / "a.mp4", tmp_path / "Train001.mp4")
    amend(run, str(video), options=whole(), times=-1)
    before = remembered(Bundle.load(run)).examples["a"]
    assert before > 5
    amend(run, str(video), options=whole(), times=-1, video="a")
    assert remembered(Bundle.load(run)).examples.get("a", 0) < before / 2


def parked(path: Path, *, from_frame: int, frames: int = 300) -> str:
    """The tiny scene without anybody, and from some frame on something that stays."""
    from tiny_scene import scene, write_scene

    ground = np.repeat(scene(1, seed=7)[0][:, :, 40:], 2, axis=2)[:, :, : scene(1, seed=7)[0].shape[2]]
    film = np.repeat(ground, frames, axis=0)
    film[from_frame:, 8:22, 8:22] = 250
    return str(write_scene(path, film))


def test_what_was_there_long_before_the_span_is_told_as_well(run, tmp_path):
    """The camera sees it come and is alarmed; the span begins long after."""
    video = parked(tmp_path / "parked.mp4", from_frame=60)

    def stillness() -> float:
        from normalcy.workflows.score import score_video

        bundle = Bundle.load(run)
        scored = score_video(bundle, bundle.scoring_model(), video, options=ReadOptions())
        return float(np.max(scored.parts["stillness"][200:]))

    before = stillness()
    assert before > 3
    amend(run, video, options=whole(start_seconds=26.0), times=1000)
    assert stillness() < 0.5 * before
