import pytest
import torch

from normalcy.layers.coarse_grid import from_grid, to_grid


def test_cells_are_means_also_where_the_picture_ends_within_one():
    picture = torch.arange(5.0).repeat(3, 1)[None, None, None]
    grid = to_grid(picture, stride=2)
    assert torch.equal(grid[0, 0, 0], torch.tensor([[0.5, 2.5, 4.0]] * 2))


@pytest.mark.parametrize("size_px", [(16, 24), (15, 23), (13, 17)])
@pytest.mark.parametrize("stride", [2, 4])
def test_a_ramp_comes_back_in_its_place(size_px, stride):
    height, width = size_px
    ramp = torch.arange(float(width)).repeat(height, 1) + 3 * torch.arange(float(height))[:, None]
    grid = to_grid(ramp[None, None, None], stride=stride)
    back = from_grid(grid[0], stride=stride, size_px=size_px)[0, 0]
    # Half a cell at the border has nothing to interpolate to; the last cell may hold fewer pixels.
    inside = (slice(stride, height - 2 * stride), slice(stride, width - 2 * stride))
    assert back.shape == ramp.shape
    assert torch.allclose(back[inside], ramp[inside], atol=1e-4)


def test_stride_1_leaves_everything_as_it_is():
    clip = torch.rand(2, 3, 1, 5, 7)
    assert to_grid(clip, stride=1) is clip
    assert from_grid(clip[0], stride=1, size_px=(5, 7)).data_ptr() == clip.data_ptr()
