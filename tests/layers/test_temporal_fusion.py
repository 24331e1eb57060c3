import pytest
import torch
from torch import nn

from normalcy.layers.temporal_fusion import TemporalFusion

PATHS = ("attention", "conv_lstm", "conv3d")


def made(*paths, **settings) -> TemporalFusion:
    torch.manual_seed(0)
    return TemporalFusion(3, paths=paths, width=8, heads=2, frames=4, **settings)


@pytest.mark.parametrize("paths", [("attention",), ("conv_lstm",), ("conv3d",), PATHS, PATHS[1:]])
@pytest.mark.parametrize("grid_stride", [1, 2])
def test_each_choice_of_paths_gives_one_picture_and_has_nothing_else(paths, grid_stride):
    fusion = made(*paths, grid_stride=grid_stride)
    assert fusion(torch.rand(2, 5, 3, 6, 8)).shape == (2, 3, 6, 8)
    assert tuple(fusion.paths) == paths
    built = {name.split(".")[1] for name, _ in fusion.named_parameters() if name.startswith("paths")}
    assert built == set(paths)
    assert fusion.fuse.in_channels == 8 * len(paths)


def test_summaries_are_the_last_state_and_the_mean_of_the_rest():
    fusion, clip = made(*PATHS), torch.rand(2, 4, 3, 5, 7)
    found = {name: path(clip) for name, path in fusion.paths.items()}
    summaries = [found["attention"].mean(dim=1), found["conv_lstm"][:, -1], found["conv3d"].mean(dim=1)]
    assert torch.allclose(fusion(clip), fusion.fuse(torch.cat(summaries, dim=1)), atol=1e-6)


def test_the_sequential_path_knows_the_direction_of_time():
    clip = torch.rand(1, 4, 3, 6, 6)
    backwards = clip.flip(1)
    sequential = made("conv_lstm")
    assert (sequential(clip) - sequential(backwards)).abs().max() > 1e-3
    everywhere = made("attention")
    nn.init.zeros_(everywhere.paths["attention"].attention.position_TD)
    assert torch.allclose(everywhere(clip), everywhere(backwards), atol=1e-6)


def test_the_paths_reach_as_far_as_they_should():
    fusion, clip = made(*PATHS), torch.rand(1, 5, 3, 9, 9)
    changed = clip.clone()
    changed[:, 2, :, 4, 4] += 1.0
    reach = {
        name: (path(clip) - path(changed)).abs().amax(dim=(0, 2)) > 1e-7
        for name, path in fusion.paths.items()
    }
    frames = {name: differs_THW.any(dim=(1, 2)).tolist() for name, differs_THW in reach.items()}
    assert frames == {
        "attention": [True] * 5,
        "conv_lstm": [False, False, True, True, True],
        "conv3d": [False, True, True, True, False],
    }
    near_HW = torch.zeros(9, 9, dtype=torch.bool)
    near_HW[3:6, 3:6] = True
    assert torch.equal(reach["conv3d"][2], near_HW)
    assert torch.equal(reach["attention"].any(dim=0), near_HW)


@pytest.mark.parametrize("size_px", [(5, 7), (8, 8), (6, 9)])
@pytest.mark.parametrize("grid_stride", [2, 4])
def test_a_coarser_grid_serves_every_size(size_px, grid_stride):
    fusion = made("conv3d", grid_stride=grid_stride)
    for parameter in fusion.paths.parameters():
        nn.init.zeros_(parameter)
    nn.init.ones_(fusion.fuse.bias)
    assert torch.allclose(fusion(torch.rand(1, 4, 3, *size_px)), torch.ones(1, 3, *size_px))


@pytest.mark.parametrize("grid_stride", [1, 2])
def test_gradients_reach_every_parameter_and_every_frame(grid_stride):
    fusion = made(*PATHS, grid_stride=grid_stride)
    clip = torch.rand(1, 4, 3, 5, 5, requires_grad=True)
    fusion(clip).square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in fusion.parameters())
    assert clip.grad.abs().sum(dim=(0, 2, 3, 4)).min() > 0
