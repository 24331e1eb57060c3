import numpy as np
import pytest
from scene_memory_views import COLUMNS, CONFIG, ROWS, everywhere, view

from normalcy.methods.scene_memory.settings import TRUNK_WIDTH
from normalcy.methods.scene_memory.streams.appearance import Appearance


def looks(*, seed: int = 0, away: float = 0.0) -> np.ndarray:
    """A look for each cell, around 0 or that far away."""
    return np.random.default_rng(seed).normal(away, 1, (ROWS, COLUMNS, TRUNK_WIDTH)).astype(np.float32)


def block() -> np.ndarray:
    """Strange in the cells of rows 2 to 4 and columns 3 to 5; with their neighbours, in a frame of one cell more."""
    strange_HW = everywhere(0)
    strange_HW[4:10, 6:12] = 20
    return strange_HW


def learned(*, frames: int = 8) -> Appearance:
    stream = Appearance(CONFIG)
    for seed in range(frames):
        where = ("walk", 10 * seed, seed / 2)
        stream.remember(view(look_RCF=looks(seed=seed), strange_HW=block(), where=where), stream.begin())
    stream.settle()
    return stream


def test_a_look_that_is_not_remembered_is_far_and_one_that_is_is_near():
    stream = learned()
    near_RC = stream.judge(view(look_RCF=looks(seed=50), strange_HW=block()), stream.begin())
    far_RC = stream.judge(view(look_RCF=looks(seed=50, away=30), strange_HW=block()), stream.begin())
    assert 0 < near_RC.max() < 2
    assert far_RC.max() > 5 * near_RC.max()


def test_remembering_it_makes_a_look_near():
    stream = learned()
    odd = view(look_RCF=np.repeat(looks(away=30)[:1, :1], ROWS, 0).repeat(COLUMNS, 1), strange_HW=block())
    before = stream.judge(odd, stream.begin()).max()
    stream.remember(odd, stream.begin())
    stream.settle()
    assert stream.judge(odd, stream.begin()).max() < 0.2 * before


def test_the_map_lies_on_the_foreground_and_a_little_around_it():
    stream = learned()
    map_RC = stream.judge(view(look_RCF=looks(seed=50, away=30), strange_HW=block()), stream.begin())
    assert np.unravel_index(map_RC.argmax(), map_RC.shape) == (3, 4)
    assert (map_RC[:, 10:] == 0).all()


@pytest.mark.parametrize("strange", [0.0, 1.9])
def test_without_foreground_the_map_is_zero_whatever_it_looks_like(strange):
    stream = learned()
    seen = view(look_RCF=looks(away=30), strange_HW=everywhere(strange))
    assert (stream.judge(seen, stream.begin()) == 0).all()


def test_between_looks_the_last_map_stays():
    stream = learned()
    state = stream.begin()
    assert (stream.judge(view(strange_HW=block()), state) == 0).all()
    map_RC = stream.judge(view(look_RCF=looks(away=30), strange_HW=block()), state).copy()
    np.testing.assert_array_equal(stream.judge(view(strange_HW=everywhere(50)), state), map_RC)
    assert (stream.judge(view(look_RCF=looks(away=30)), state) == 0).all()
    assert (stream.judge(view(strange_HW=block()), stream.begin()) == 0).all()


def test_only_the_foreground_is_remembered_with_its_frame_and_cell():
    origins = learned().examples.origins
    assert 0 < len(origins) <= CONFIG.appearance.examples
    for origin in origins:
        assert origin.video == "walk"
        assert origin.frame / 20 == origin.seconds
        assert 1 <= origin.row <= 5
        assert 2 <= origin.column <= 6


def test_frames_without_a_look_are_not_remembered():
    stream = Appearance(CONFIG)
    stream.remember(view(strange_HW=everywhere(50)), stream.begin())
    stream.remember(view(look_RCF=looks()), stream.begin())
    untouched = stream.examples.example_NF.copy()
    stream.settle()
    assert (stream.examples.example_NF == untouched).all()


def test_a_frame_full_of_foreground_gives_no_more_looks_than_so_many(monkeypatch):
    monkeypatch.setattr("normalcy.methods.scene_memory.streams.appearance._CELLS_A_FRAME", 60)
    config = CONFIG.model_copy(
        update={"appearance": CONFIG.appearance.model_copy(update={"examples": 1000, "candidates": 1000})}
    )
    stream = Appearance(config)
    stream.remember(view(look_RCF=looks(), strange_HW=everywhere(50)), stream.begin())
    stream.settle()
    origins = stream.examples.origins
    assert len(origins) == 60
    assert len({(origin.row, origin.column) for origin in origins}) == 60
    # Each is the look of the cell that it names.
    whitened_NF = stream.examples.whiten(np.stack([looks()[o.row, o.column] for o in origins]))
    np.testing.assert_allclose(stream.examples.example_NF, whitened_NF, atol=1e-5)
