from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from normalcy.errors import ConfigError
from normalcy.layers.backbones import (
    UncountedPadding,
    backbone_spec,
    build_backbone,
    load_backbone,
)
from normalcy.layers.folding import folded
from normalcy.layers.public_weights import packaged_lite0


@pytest.fixture(scope="module")
def picture():
    return torch.rand(2, 3, 80, 96, generator=torch.Generator().manual_seed(0))


def test_what_is_known_without_building():
    assert (backbone_spec("inception-v3").size_px, backbone_spec("inception-v3").width) == (299, 2048)
    assert (backbone_spec("efficientnet-lite0").size_px, backbone_spec("efficientnet-lite0").width) == (
        224,
        1280,
    )


def test_lite0_takes_its_weights_from_the_package(picture):
    backbone = build_backbone("efficientnet-lite0")
    before = backbone(picture)
    load_backbone(backbone, "efficientnet-lite0", None)
    after = backbone(picture)
    assert before.shape == after.shape == (2, 1280)
    assert not torch.allclose(before, after)
    assert after.min() >= 0


def test_weights_come_from_a_file_too(picture, tmp_path):
    one, other = build_backbone("efficientnet-lite0"), build_backbone("efficientnet-lite0")
    load_backbone(one, "efficientnet-lite0", None)
    load_backbone(other, "efficientnet-lite0", packaged_lite0())
    assert torch.equal(one(picture), other(picture))


def test_it_is_frozen_and_never_trains():
    backbone = build_backbone("efficientnet-lite0").train()
    assert not any(module.training for module in backbone.modules())
    assert not any(weight.requires_grad for weight in backbone.parameters())


def test_folding_changes_nothing_but_speed(picture):
    torch.manual_seed(0)
    backbone = build_backbone("inception-v3")
    for module in backbone.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    ready = folded(backbone)
    assert sum(isinstance(module, torch.nn.BatchNorm2d) for module in ready.modules()) == 0
    torch.testing.assert_close(ready(picture), backbone(picture), atol=1e-5, rtol=1e-3)


def test_pixels_in_another_range(picture):
    torch.manual_seed(0)
    plain = build_backbone("inception-v3")
    ranged = build_backbone("inception-v3", pixel_range=(0.0, 1.0))
    ranged.load_state_dict(plain.state_dict())
    torch.testing.assert_close(ranged(2 * picture - 1), plain(picture), atol=1e-5, rtol=1e-4)


def test_an_average_that_leaves_the_padding_out():
    x = torch.rand(2, 3, 5, 7)
    counted = F.avg_pool2d(x, 3, stride=1, padding=1)
    uncounted = F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
    torch.testing.assert_close(UncountedPadding()(counted), uncounted)


def test_inception_without_padding_counted_is_another_function_of_the_same_weights(picture, tmp_path):
    torch.manual_seed(0)
    counted = build_backbone("inception-v3")
    save_file(counted.network.state_dict(), tmp_path / "w.safetensors")
    uncounted = build_backbone("inception-v3", pool_counts_padding=False)
    load_backbone(uncounted, "inception-v3", tmp_path / "w.safetensors")
    load_backbone(counted, "inception-v3", tmp_path / "w.safetensors")
    assert not torch.allclose(counted(picture), uncounted(picture))
    # Everything else is the same: with the pools undone, so are the features.
    for module in uncounted.network.modules():
        if isinstance(getattr(module, "branch_pool", None), torch.nn.Sequential):
            module.branch_pool = module.branch_pool[1]
    assert torch.equal(counted(picture), uncounted(picture))


def test_any_classifier_of_torchvision(picture, tmp_path):
    spec = backbone_spec("torchvision/resnet18")
    assert (spec.size_px, spec.width) == (224, 512)
    backbone = build_backbone("torchvision/resnet18")
    from torchvision.models import resnet18

    save_file(resnet18(weights=None).state_dict(), tmp_path / "resnet.safetensors")
    load_backbone(backbone, "torchvision/resnet18", tmp_path / "resnet.safetensors")
    assert backbone(picture).shape == (2, 512)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("resnet", "unknown backbone 'resnet'"),
        ("torchvision/resnet19", "torchvision has no classifier 'resnet19'"),
        ("keras/vgg", "unknown backbone"),
    ],
)
def test_an_unknown_name_is_refused(name, what):
    with pytest.raises(ConfigError, match=what):
        backbone_spec(name)


def test_timm_where_it_is_not_installed(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "timm", None)
    with pytest.raises(ConfigError, match="needs timm, which is not installed"):
        backbone_spec("timm/convnext_tiny")


@pytest.mark.parametrize("content", [b"", b"no weights", None])
def test_a_file_of_something_else_is_refused(tmp_path: Path, content):
    path = tmp_path / "weights.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match="holds no weights of efficientnet-lite0"):
        load_backbone(build_backbone("efficientnet-lite0"), "efficientnet-lite0", path)


def test_weights_of_another_network_are_refused(tmp_path):
    save_file({"fc.weight": torch.zeros(2, 2)}, tmp_path / "other.safetensors")
    with pytest.raises(ConfigError, match=r"weights are missing"):
        load_backbone(build_backbone("inception-v3"), "inception-v3", tmp_path / "other.safetensors")


@pytest.mark.realdata
def test_the_trunk_of_a_file(data_root):
    path = data_root / "weights" / "inception_v3_trunk_fp16.safetensors"
    if not path.is_file():
        pytest.skip(f"no file {path}")
    backbone = build_backbone("inception-v3", pixel_range=(0.0, 1.0), pool_counts_padding=False)
    load_backbone(backbone, "inception-v3", path)
    features = backbone(torch.rand(1, 3, 299, 299, generator=torch.Generator().manual_seed(0)))
    assert features.shape == (1, 2048)
    assert 0 < float(features.mean()) < 5
