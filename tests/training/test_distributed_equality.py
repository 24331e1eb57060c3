"""Two processes with half of each batch do what one does with all of it, whatever is trained."""

import json
from pathlib import Path

import numpy as np
import pytest
import spread_cases
from launched import under_srun

from normalcy.training.distributed.group import ALONE
from normalcy.training.loaders import training_loader

# Two processes start and train five networks; on a busy machine that takes longer than a test usually may.
pytestmark = pytest.mark.timeout(300)
REACH = 1e-5
"""How far weights may lie apart after some steps: Adam divides by gradients, however small they are.

A single weight of a deep backbone whose gradient is next to nothing may lie farther: its steps are of 1e-3.
"""


@pytest.fixture(scope="module")
def together(tmp_path_factory) -> Path:
    """What two processes came to, started as Slurm's srun starts them."""
    folder = tmp_path_factory.mktemp("together")
    spread_cases.break_off(ALONE, folder / "process0" / spread_cases.BEGUN_ALONE)
    for done in under_srun([str(Path(spread_cases.__file__)), str(folder)]):
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def outcome(together) -> dict:
    return json.loads((together / "outcome.json").read_text())


def weights(folder: Path) -> dict[str, np.ndarray]:
    """All but the biases of keys: attention does not depend on them, so their gradients are rounding alone."""
    found = dict(np.load(folder / "weights.npz"))
    for name in [each for each in found if each.endswith("query_key_value.bias")]:
        query, _, value = np.split(found.pop(name), 3)
        found |= {f"{name}.query": query, f"{name}.value": value}
    return found


@pytest.mark.parametrize("name", spread_cases.CASES)
def test_weights_and_logs_are_those_of_one_process(together, tmp_path, name):
    spread_cases.run_case(name, ALONE, tmp_path)
    found, expected = weights(together / "process0" / name), weights(tmp_path)
    assert found.keys() == expected.keys()
    reach = REACH * (50 if name == "cnn-lstm-backbone" else 1)
    for weight, values in expected.items():
        np.testing.assert_allclose(found[weight], values, atol=reach, rtol=0, err_msg=weight)
        assert np.abs(found[weight].astype(np.float64) - values).mean() < REACH, weight
    found, expected = (
        json.loads((folder / "history.json").read_text())
        for folder in (together / "process0" / name, tmp_path)
    )
    assert found.keys() == expected.keys()
    for logged, values in expected.items():
        np.testing.assert_allclose(found[logged], values, rtol=1e-4, atol=1e-6, err_msg=logged)


@pytest.fixture(scope="module")
def in_one_go(tmp_path_factory) -> dict[str, np.ndarray]:
    """Weights of the two epochs that the others resume in."""
    return spread_cases.two_epochs(ALONE, tmp_path_factory.mktemp("in-one-go")).arrays()


@pytest.mark.parametrize("begun", [spread_cases.BEGUN_ALONE, spread_cases.BEGUN_TOGETHER])
def test_two_optimisers_are_resumed_by_more_and_by_fewer(together, in_one_go, begun):
    folder = together / "process0" / begun
    if begun == spread_cases.BEGUN_TOGETHER:
        spread_cases.resume(ALONE, folder)
    found = weights(folder)
    assert found.keys() == in_one_go.keys()
    for weight, values in in_one_go.items():
        # Six steps carry rounding farther; without its optimiser's memory a step of 1e-3 goes elsewhere.
        np.testing.assert_allclose(found[weight], values, atol=1e-4, rtol=0, err_msg=weight)
        assert np.abs(found[weight] - values).mean() < REACH, weight


def test_gradients_are_the_mean_of_all_processes(outcome):
    """Exactly: that weights are equal after Adam, or after clipping, says nothing of a factor."""
    assert outcome["averaged"] == [[[1.5, 3.0, 7.5], [4.0, -1.5, 0.25], None]] * 2


def test_each_clip_is_drawn_once_in_the_batches_of_one_process(outcome):
    spec = spread_cases.small("stae").clip
    given = spread_cases.footage(spec)
    loader = training_loader(given.fitted, spec=spec, config=spread_cases.config(), seed=spread_cases.SEED)
    for epoch in range(2):
        loader.sampler.set_epoch(epoch)
        order = list(loader.sampler)
        assert [places[epoch] for places in outcome["drawn"]] == [order[::2], order[1::2]]
    assert [places[2] for places in outcome["drawn"]] == [[0, 2, 4], [1, 3]]


def test_only_the_first_process_writes(together):
    assert [path.name for path in together.iterdir() if path.is_dir()] == ["process0"]


def test_a_loss_that_is_not_finite_in_one_process_is_told_by_all(outcome):
    first, second = outcome["poisoned"]
    assert first == second
    assert first.startswith("the loss became nan in epoch 0, batch 1.")


def test_what_the_first_shares_reaches_all_and_threads_are_as_the_user_says(outcome):
    assert outcome["shared"] == {"from": 0}
    assert outcome["threads"] == [1, 1]
