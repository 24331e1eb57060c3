"""Batch normalisation folded into convolutions."""

import torch
from torch import nn

from normalcy.layers.folding import folded


def network() -> nn.Module:
    conv = nn.Conv2d(2, 3, 3, padding=1, bias=False)
    net = nn.Sequential(
        nn.Sequential(conv, nn.BatchNorm2d(3), nn.LeakyReLU(0.2, inplace=True)), nn.Conv2d(3, 1, 1)
    )
    for _ in range(3):  # running mean and variance far from 0 and 1
        net(3 + 2 * torch.randn(8, 2, 6, 6))
    return net


def test_a_folded_network_computes_the_same_without_normalisation():
    net, x_NCHW = network(), torch.randn(2, 2, 6, 6)
    fast = folded(net)
    torch.testing.assert_close(fast(x_NCHW), net.eval()(x_NCHW), rtol=1e-5, atol=1e-6)
    assert not [each for each in fast.modules() if isinstance(each, nn.BatchNorm2d)]


def test_the_network_itself_stays_as_it_is():
    net = network()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    folded(net)
    assert net.training
    assert net.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_what_has_no_normalisation_is_copied():
    net = nn.Sequential(nn.Conv2d(1, 1, 3), nn.ReLU(), nn.BatchNorm2d(1))
    fast, x_NCHW = folded(net), torch.randn(1, 1, 5, 5)
    assert [type(each) for each in fast] == [nn.Conv2d, nn.ReLU, nn.BatchNorm2d]
    torch.testing.assert_close(fast(x_NCHW), net.eval()(x_NCHW))
