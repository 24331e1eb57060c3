import copy
import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

from normalcy.errors import ConfigError
from normalcy.layers import flow_networks
from normalcy.layers.flow_networks import FLOW_NETWORKS, FrozenFlow, flow_network
from normalcy.layers.flownet_sd import FlowNetSD
from normalcy.layers.raft import raft_small
from normalcy.layers.spynet import SpyNet

NETWORKS = {"spynet": SpyNet, "raft-small": raft_small, "flownet2-sd": FlowNetSD}
WEIGHTS = {"spynet": "spynet_reds.safetensors", "raft-small": "raft_small.safetensors"}


class Constant(nn.Module):
    """The same flow everywhere; remembers what it was shown."""

    def __init__(self, *flow: float) -> None:
        super().__init__()
        self.flow, self.seen = torch.tensor(flow), None

    def forward(self, first, second):
        assert first.shape == second.shape
        self.seen = first
        return self.flow[None, :, None, None].expand(len(first), 2, *first.shape[2:])


def contiguous(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.contiguous() for name, tensor in network.state_dict().items()}


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    """Files of random weights, by network."""
    folder = tmp_path_factory.mktemp("weights")
    for name, build in NETWORKS.items():
        torch.manual_seed(0)
        save_file(contiguous(build()), folder / f"{name}.safetensors")
    return {name: folder / f"{name}.safetensors" for name in NETWORKS}


@pytest.fixture(params=NETWORKS)
def network(request, files) -> FrozenFlow:
    return flow_network(request.param, weights=files[request.param], iterations=2)


def pictures(*shape: int) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.rand(2, *shape)


def shifted_pair(across: int, down: int, *, size=(128, 192)) -> tuple[torch.Tensor, torch.Tensor]:
    """A smooth random texture, and the same moved right and down."""
    torch.manual_seed(0)
    height, width = size
    cells = torch.rand(1, 3, height // 4 + 8, width // 4 + 8)
    canvas = F.interpolate(cells, scale_factor=4, mode="bicubic").clamp(0, 1)
    first = canvas[..., 16 : 16 + height, 16 : 16 + width]
    second = canvas[..., 16 - down : 16 - down + height, 16 - across : 16 - across + width]
    return first, second


@pytest.mark.parametrize(
    ("size", "scale", "computed", "expected"),
    [
        ((64, 96), 1.0, (64, 96), (1.5, -2.0)),
        ((70, 101), 1.0, (96, 128), (1.5, -2.0)),
        ((256, 192), 0.5, (128, 96), (3.0, -4.0)),
        ((64, 64), 2.0, (128, 128), (0.75, -1.0)),
        # The shorter side would come out at 50 px, and must have 64: 101 -> 64 and 201 -> 127, padded to 128.
        ((101, 201), 0.5, (64, 128), (1.5 * 201 / 127, -2 * 101 / 64)),
    ],
)
def test_flow_is_in_pixels_of_the_given_pictures(size, scale, computed, expected):
    inner = Constant(1.5, -2.0)
    flow = FrozenFlow(inner, multiple_px=32, smallest_px=64, scale=scale)(*pictures(1, 3, *size))
    assert inner.seen.shape[2:] == computed
    assert flow.shape == (1, 2, *size)
    assert torch.allclose(flow, torch.tensor(expected)[None, :, None, None].expand_as(flow), atol=1e-5)


def test_odd_pictures_keep_their_place_and_are_continued_by_their_border():
    inner = Constant(0.0, 0.0)
    first, second = pictures(1, 3, 67, 90)
    FrozenFlow(inner, multiple_px=32, smallest_px=64)(first, second)
    assert torch.equal(inner.seen[..., :67, :90], first)
    assert torch.equal(inner.seen[..., 67:, :90], first[..., -1:, :].expand(-1, -1, 29, -1))
    assert torch.equal(inner.seen[..., :67, 90:], first[..., -1:].expand(-1, -1, -1, 6))


@pytest.mark.parametrize("size", [(64, 64), (65, 131)])
def test_any_size_will_do(network, size):
    flow = network(*pictures(2, 3, *size))
    assert flow.shape == (2, 2, *size)
    assert flow.isfinite().all()


def test_only_the_pictures_receive_a_gradient(network):
    network.train()
    assert not any(module.training for module in network.modules())
    first, second = pictures(1, 3, 64, 72).requires_grad_()
    gradients = torch.autograd.grad(network(first, second).abs().mean(), (first, second))
    for gradient in gradients:
        assert gradient.isfinite().all()
        assert gradient.any()
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_a_network_in_use_can_be_copied(network):
    first, second = pictures(1, 3, 64, 64).requires_grad_()
    flow = network(first, second)
    assert torch.equal(copy.deepcopy(network)(first, second), flow)


def test_pictures_and_flow_need_not_have_the_precision_of_the_training(network):
    first, second = pictures(1, 3, 64, 64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        flow = network(first, second.bfloat16())
    exact = network(first, second)
    assert flow.dtype == torch.float32
    assert (flow - exact).abs().mean() < 0.1 * exact.abs().mean()


def test_more_iterations_are_other_flow(files):
    few, many = (flow_network("raft-small", weights=files["raft-small"], iterations=n) for n in (1, 2))
    pair = pictures(1, 3, 128, 128)
    assert not torch.allclose(few(*pair), many(*pair))


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_may_be_a_file_of_pytorch(name, files, tmp_path):
    weights = load_file(files[name])
    torch.save(weights, tmp_path / "plain.pth")
    torch.save({"state_dict": weights, "epoch": 3}, tmp_path / "nested.pth.tar")
    pair = pictures(1, 3, 64, 64)
    expected = flow_network(name, weights=files[name])(*pair)
    for file in ("plain.pth", "nested.pth.tar"):
        assert torch.equal(flow_network(name, weights=tmp_path / file)(*pair), expected)


def test_spynet_reads_the_names_of_openmmlab(files, tmp_path):
    theirs = {"mean": torch.zeros(1, 3, 1, 1), "std": torch.ones(1, 3, 1, 1)}
    for name, tensor in load_file(files["spynet"]).items():
        _, level, place, kind = name.split(".")
        theirs[f"basic_module.{level}.basic_module.{int(place) // 2}.conv.{kind}"] = tensor
    torch.save(theirs, tmp_path / "theirs.pth")
    pair = pictures(1, 3, 64, 64)
    expected = flow_network("spynet", weights=files["spynet"])(*pair)
    assert torch.equal(flow_network("spynet", weights=tmp_path / "theirs.pth")(*pair), expected)


SOURCES = {
    "spynet": ["spynet_20210409-c6c1bd09.pth", "https://download.openmmlab.com/", "use raft-small"],
    "raft-small": [
        "Raft_Small_Weights.C_T_V2",
        "https://download.pytorch.org/models/raft_small_C_T_V2-01064c6d.pth",
        "use spynet",
    ],
    "flownet2-sd": ["FlowNet2-SD_checkpoint.pth.tar", "NVIDIA", "research only", "use raft-small or spynet"],
}


@pytest.mark.parametrize("name", NETWORKS)
def test_missing_weights_are_named_with_their_source_and_what_else_to_use(name, tmp_path):
    for weights in (tmp_path / "nowhere.safetensors", tmp_path):
        with pytest.raises(ConfigError) as error:
            flow_network(name, weights=weights)
        for word in [name, *SOURCES[name], "a flow weight of 0", f"there is no file {weights}"]:
            assert word in str(error.value)


def test_weights_whose_owner_wants_to_be_asked_are_not_fetched(monkeypatch):
    monkeypatch.setattr(flow_networks, "download_url_to_file", None)
    with pytest.raises(
        ConfigError, match=r"flownet2-sd: needs a file of weights\. Get FlowNet2-SD_checkpoint"
    ):
        flow_network("flownet2-sd", weights=None)


@pytest.fixture
def public(files, tmp_path, monkeypatch):
    """Puts SPyNet's weights where a browser would find them, under a name with these digits of their hash."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))

    def put(digits: int | str) -> Path:
        file = tmp_path / "public.pth"
        torch.save(load_file(files["spynet"]), file)
        prefix = hashlib.sha256(file.read_bytes()).hexdigest()[:digits] if isinstance(digits, int) else digits
        named = file.rename(tmp_path / f"spynet-{prefix}.pth")
        kind = replace(FLOW_NETWORKS["spynet"], url=named.as_uri())
        monkeypatch.setitem(FLOW_NETWORKS, "spynet", kind)
        return named

    return put


def test_public_weights_are_fetched_once(public, files):
    published = public(8)
    pair = pictures(1, 3, 64, 64)
    expected = flow_network("spynet", weights=files["spynet"])(*pair)
    assert torch.equal(flow_network("spynet", weights=None)(*pair), expected)
    published.unlink()
    assert torch.equal(flow_network("spynet", weights=None)(*pair), expected)


def test_weights_that_are_not_the_published_ones_are_not_kept(public):
    public("00000000")
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"spynet: its weights could not be fetched \(invalid hash"):
            flow_network("spynet", weights=None)


def test_without_a_network_the_file_is_named(public):
    public(8).unlink()
    with pytest.raises(
        ConfigError, match=r"could not be fetched .* Get spynet_20210409-c6c1bd09\.pth .*raft-small"
    ):
        flow_network("spynet", weights=None)


@pytest.mark.parametrize(
    ("name", "hint"), [("spinet", "mean 'spynet'"), ("dis", "raft-small, spynet, flownet2-sd")]
)
def test_an_unknown_network_is_an_error_that_helps(name, hint):
    with pytest.raises(ConfigError, match=hint):
        flow_network(name, weights=None)


@pytest.mark.parametrize("setting", [{"scale": 0.0}, {"scale": -1.0}, {"iterations": 0}])
def test_settings_that_make_no_sense_are_refused(setting, files):
    with pytest.raises(ConfigError, match="positive"):
        flow_network("spynet", weights=files["spynet"], **setting)


def test_weights_that_do_not_fit_are_named(files, tmp_path):
    weights = load_file(files["spynet"])
    weights["basic.6.0.bias"] = weights.pop("basic.5.8.bias")
    weights["basic.0.0.bias"] = torch.zeros(31)
    save_file(weights, tmp_path / "odd.safetensors")
    with pytest.raises(ConfigError) as error:
        flow_network("spynet", weights=tmp_path / "odd.safetensors")
    for words in (
        "3 weights",
        "basic.5.8.bias is missing",
        "basic.6.0.bias is unknown",
        "(31,), expected (32,)",
    ):
        assert words in str(error.value)
    with pytest.raises(ConfigError, match="do not fit"):
        flow_network("raft-small", weights=files["spynet"])


@pytest.mark.parametrize("file", ["weights.safetensors", "weights.pth"])
@pytest.mark.parametrize("content", [b"", b"no weights at all", b"PK\x03\x04 half an archive"])
def test_a_damaged_file_is_a_named_error(file, content, tmp_path):
    (tmp_path / file).write_bytes(content)
    with pytest.raises(ConfigError, match="can be read"):
        flow_network("spynet", weights=tmp_path / file)


class Trap:
    """What a pickle can do to who loads it."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


def test_no_code_in_a_file_of_weights_is_run(tmp_path):
    torch.save({"basic.0.0.bias": Trap(tmp_path / "sprung")}, tmp_path / "weights.pth")
    with pytest.raises(ConfigError, match="can be read"):
        flow_network("spynet", weights=tmp_path / "weights.pth")
    assert not (tmp_path / "sprung").exists()


def test_without_torchvision_raft_says_what_to_do(files, monkeypatch):
    for name in ("torchvision", "torchvision.models", "torchvision.models.optical_flow"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match=r"pip install torchvision.*spynet.*flow weight of 0"):
        flow_network("raft-small", weights=files["raft-small"])
    assert flow_network("spynet", weights=files["spynet"])


@pytest.mark.realdata
@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("name", WEIGHTS)
def test_trained_networks_find_a_shift(name, scale, data_root):
    file = data_root / "weights" / WEIGHTS[name]
    if not file.is_file():
        pytest.skip(f"no weights: {file} is not a file")
    network = flow_network(name, weights=file, scale=scale)
    across, down = network(*shifted_pair(3, -2))[0]
    assert across.median().item() == pytest.approx(3, abs=0.5)
    assert down.median().item() == pytest.approx(-2, abs=0.5)
