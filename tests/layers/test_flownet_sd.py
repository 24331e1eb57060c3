import pytest
import torch

from normalcy.layers.flownet_sd import FlowNetSD


@pytest.fixture(scope="module")
def network() -> FlowNetSD:
    torch.manual_seed(0)
    return FlowNetSD().eval()


def test_it_is_as_large_as_the_published_network(network):
    # Counted by hand from the layers' channels: 3x3 convolutions down and smoothing, 4x4 deconvolutions, flows of 2.
    assert sum(weight.numel() for weight in network.parameters()) == 45_371_666


def test_flow_has_the_size_of_the_pictures(network):
    first, second = torch.rand(2, 2, 3, 64, 128)
    flow = network(first, second)
    assert flow.shape == (2, 2, 64, 128)


def test_a_flow_of_one_inside_is_twenty_pixels(network, monkeypatch):
    for parameter in network.predict_flow2.parameters():
        monkeypatch.setattr(parameter, "data", torch.zeros_like(parameter))
    network.predict_flow2.bias.data = torch.tensor([0.1, -0.2])
    across, down = network(*torch.rand(2, 1, 3, 64, 64))[0]
    torch.testing.assert_close(across, torch.full((64, 64), 2.0))
    torch.testing.assert_close(down, torch.full((64, 64), -4.0))


def test_brightness_that_both_share_changes_nothing(network):
    first, second = torch.rand(2, 1, 3, 64, 64) / 2
    torch.testing.assert_close(
        network(first + 0.25, second + 0.25), network(first, second), atol=1e-4, rtol=0
    )
    assert not torch.allclose(network(first + 0.25, second), network(first, second), atol=1e-3)
