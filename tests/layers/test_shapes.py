import torch
from torch import nn

from normalcy.layers.shapes import use_channels_last


def test_weights_of_pictures_and_of_clips_get_their_channels_last():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv3d(3, 4, 3), nn.Linear(3, 4))
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    use_channels_last(module)
    assert module[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert module[1].weight.is_contiguous(memory_format=torch.channels_last_3d)
    assert all(torch.equal(module.state_dict()[name], tensor) for name, tensor in before.items())
