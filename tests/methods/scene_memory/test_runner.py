"""Scene memory from its weights alone, without PyTorch."""

import copy
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from scene_memory_views import CONFIG, fitted, scored, stamps, walk

from normalcy.errors import BundleError
from normalcy.methods.scene_memory.method import SceneMemory
from normalcy.methods.scene_memory.picture import CompiledTrunk
from normalcy.methods.scene_memory.runner import SceneMemoryRunner

FILM = walk(17, seed=7, step_px=-8, row=4)


def weights_of(method: SceneMemory) -> dict[str, np.ndarray]:
    """As a bundle keeps them, the trunk's own among them."""
    return {name: tensor.numpy() for name, tensor in method.state_dict().items()}


def verdicts(runner: SceneMemoryRunner, film: list[np.ndarray]):
    camera = runner.camera("film")
    looks = runner.infer([np.stack(film[start : start + 3]) for start in range(0, len(film) - 2, 2)])
    return [camera.scores(stamps(2 * number), look) for number, look in enumerate(looks)]


def test_the_runner_says_what_the_method_says_to_the_bit():
    method = fitted()
    runner = SceneMemoryRunner(CONFIG, weights_of(method), trunk=method.trunk)
    assert runner.spec == method.clip
    for one, other in zip(scored(method, FILM), verdicts(runner, FILM), strict=True):
        np.testing.assert_array_equal(one.score_T, other.score_T)
        np.testing.assert_array_equal(one.map_THW, other.map_THW)
        assert set(one.parts) == set(other.parts)
        for name, part_T in one.parts.items():
            np.testing.assert_array_equal(part_T, other.parts[name])


def test_weights_are_copied():
    weights = {name: array.copy() for name, array in weights_of(fitted()).items()}
    runner = SceneMemoryRunner(CONFIG, weights, trunk=fitted().trunk)
    before = verdicts(runner, FILM)[-1].score_T
    for array in weights.values():
        array.fill(0)
    np.testing.assert_array_equal(verdicts(runner, FILM)[-1].score_T, before)


def test_a_trunk_that_nobody_asks_for_is_not_run():
    config = CONFIG.model_copy(update={"streams": ("speed", "dwell")})
    runner = SceneMemoryRunner(config, weights_of(SceneMemory(config)), trunk=CompiledTrunk(lambda _: 1 / 0))
    assert set(verdicts(runner, FILM)[0].parts) == {"speed", "dwell"}


def test_without_a_trunk_looks_cannot_be_watched():
    with pytest.raises(BundleError, match="there is no trunk"):
        SceneMemoryRunner(CONFIG, weights_of(fitted()))


def test_weights_of_other_settings_are_named():
    config = CONFIG.model_copy(update={"size_px": (64, 64)})
    with pytest.raises(BundleError, match=r"do not fit: motion|do not fit: scenes"):
        SceneMemoryRunner(config, weights_of(fitted()), trunk=fitted().trunk)


def test_a_compiled_trunk_is_run_on_the_enlarged_picture():
    given: list[np.ndarray] = []

    def run(image_1HW3: np.ndarray) -> np.ndarray:
        given.append(image_1HW3)
        return np.full((1, 8, 12, 4), len(given), np.float32)

    trunk = CompiledTrunk(run)
    image_HW3 = FILM[0].transpose(1, 2, 0)
    first, second = trunk.look(image_HW3), trunk.look(image_HW3)
    assert given[0].shape == (1, 128, 192, 3)
    assert given[0].dtype == np.uint8
    np.testing.assert_array_equal(given[0][0], cv2.resize(image_HW3, (192, 128)))
    assert first.shape == (8, 12, 4)
    assert (first == 1).all()
    assert (second == 2).all()


def test_a_copy_looks_by_its_own_trunk():
    copied = copy.deepcopy(fitted())
    assert copied.memory.trunk is copied.trunk
    assert copied.trunk is not fitted().trunk


def test_weights_that_do_not_fit_are_refused_as_of_any_network():
    method, state = SceneMemory(CONFIG), SceneMemory(CONFIG).state_dict()
    for wrong in (
        {**state, "streams.speed.usual.usual_SR": torch.zeros(1, 3)},
        {**state, "other": torch.zeros(1)},
        {name: tensor for name, tensor in state.items() if name != "motion.pace_R"},
    ):
        with pytest.raises(RuntimeError, match=r"usual_SR|other|motion\.pace_R"):
            method.load_state_dict(wrong)


ALONE = """
import json, sys
for name in ("torch", "sklearn", "scipy", "lightning", "torchvision"):
    sys.modules[name] = None
sys.path.insert(0, {here!r})
import numpy as np
from colours import colours
from normalcy.methods.contract import FrameStamp
from normalcy.methods.scene_memory.picture import CompiledTrunk
from normalcy.methods.scene_memory.runner import SceneMemoryRunner
from normalcy.methods.scene_memory.settings import SceneMemoryConfig
given = dict(np.load({arrays!r}))
film = given.pop("film")
config = SceneMemoryConfig(**json.loads({config!r}))
runner = SceneMemoryRunner(config, given, trunk=CompiledTrunk(colours))
camera, scores = runner.camera("film"), []
for start in range(0, len(film) - 2, 2):
    (look,) = runner.infer([film[start : start + 3]])
    stamps = tuple(FrameStamp(t, t * 0.1) for t in range(start, start + 3))
    scores.append(camera.scores(stamps, look).score_T.tolist())
runner.memory.settle()
print(json.dumps(scores))
"""


def test_nothing_of_pytorch_or_scikit_learn_is_needed_to_score(tmp_path):
    """What another process says that has none of them."""
    from colours import colours

    method, arrays = fitted(), tmp_path / "weights.npz"
    np.savez(arrays, film=np.stack(FILM), **weights_of(method))
    script = ALONE.format(
        here=str(Path(__file__).parent), arrays=str(arrays), config=method.config.model_dump_json()
    )
    made = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100)
    assert made.returncode == 0, made.stderr
    runner = SceneMemoryRunner(CONFIG, weights_of(method), trunk=CompiledTrunk(colours))
    expected = [found.score_T.tolist() for found in verdicts(runner, FILM)]
    assert json.loads(made.stdout) == expected
    assert len({score for pair in expected for score in pair}) > 10
