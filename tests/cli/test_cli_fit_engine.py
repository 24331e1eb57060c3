"""`normalcy fit --engine`, in this process and in those of the engine."""

import json

import pytest

from normalcy.scoring.bundle import Bundle


@pytest.fixture
def words(tiny_root, tiny_cache) -> list[str]:
    """A fit of scene memory that watches how things move, which needs no weights."""
    sets = ["model.size_px=[64,88]", 'model.streams=["speed","velocity"]', f"data.cache={tiny_cache}"]
    named = [word for each in sets for word in ("--set", each)]
    return ["fit", "scene-memory", "--data", "folder", "--root", str(tiny_root), *named]


def test_a_memory_is_fitted_by_a_worker_as_without_one(normalcy, words, tmp_path):
    alone = normalcy(*words, "--out", tmp_path / "alone")
    spread = normalcy(*words, "--out", tmp_path / "spread", "--engine", "local", "--workers", "1", "--json")
    assert (alone.code, spread.code) == (0, 0), spread.err
    result = json.loads(spread.out)
    assert (result["parts"], result["held_out_turns"], result["fitted_frames"]) == (2, 2, 90)
    assert "remembering normal video: 90/90" in spread.err
    first, second = (Bundle.load(tmp_path / name) for name in ("alone", "spread"))
    assert all((second.weights[name] == array).all() for name, array in first.weights.items())
    assert first.calibration == second.calibration


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--workers", "2"], "--workers: nothing is spread without an engine. Add --engine local, or ray"),
        (["--address", "auto"], "--address: nothing is spread without an engine. Add --engine local, or ray"),
        (["--engine", "dask"], "--engine: unknown engine 'dask'. Known are local, ray"),
        (
            ["--engine", "local", "--address", "auto"],
            "--address: local workers have no address. Add --engine ray",
        ),
    ],
)
def test_options_that_do_not_go_together_cost_no_run_folder(normalcy, words, tmp_path, more, message):
    outcome = normalcy(*words, "--out", tmp_path / "run", *more)
    assert (outcome.code, outcome.error) == (2, message)
    assert not (tmp_path / "run").exists()


def test_what_trains_by_gradients_is_told_what_to_use(normalcy, stae_words, tmp_path):
    outcome = normalcy(*stae_words, "--out", tmp_path / "run", "--engine", "local")
    assert (outcome.code, outcome.error) == (2, "--engine: stae trains by gradients. Use --devices")
    assert not (tmp_path / "run").exists()
