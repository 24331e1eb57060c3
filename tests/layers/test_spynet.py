import pytest
import torch

from normalcy.layers.spynet import SpyNet, warp


def plain_flow(*, across: float, down: float, size=(64, 96)) -> torch.Tensor:
    return torch.tensor([across, down], dtype=torch.float32)[None, :, None, None].expand(1, 2, *size)


@pytest.fixture
def silent() -> SpyNet:
    """All weights are zero."""
    network = SpyNet()
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    return network.requires_grad_(False)


def answer(network: SpyNet, *, level: int, flow) -> None:
    """Makes a level add so much flow, whatever it sees."""
    network.basic[level][8].bias.copy_(torch.tensor(flow))


def test_a_warped_picture_is_looked_up_where_the_flow_leads():
    image = torch.arange(20.0).reshape(1, 1, 4, 5)
    across = warp(image, plain_flow(across=2, down=0, size=(4, 5)))
    assert across[0, 0, 0].tolist() == pytest.approx([2, 3, 4, 4, 4])
    up = warp(image, plain_flow(across=0, down=-1, size=(4, 5)))
    assert up[0, 0, :, 0].tolist() == pytest.approx([0, 0, 5, 10])


@pytest.mark.parametrize(("across", "down"), [(3, -2), (-1, 4), (0, 0)])
def test_warping_the_second_picture_by_an_integer_shift_gives_the_first(across, down):
    torch.manual_seed(0)
    first = torch.rand(2, 3, 16, 24)
    second = first.roll((down, across), dims=(2, 3))
    found = warp(second, plain_flow(across=across, down=down, size=(16, 24)).expand(2, -1, -1, -1))
    assert torch.allclose(found[..., 4:-4, 4:-4], first[..., 4:-4, 4:-4], atol=1e-5)


def test_between_pixels_a_warped_picture_is_their_mean():
    image = torch.tensor([0.0, 4.0, 8.0, 20.0]).expand(1, 1, 2, 4)
    half = warp(image, plain_flow(across=0.5, down=0, size=(2, 4)))
    assert half[0, 0, 0].tolist() == pytest.approx([2, 6, 14, 20])


def test_zero_weights_give_no_flow(silent):
    torch.manual_seed(0)
    flow = silent(torch.rand(2, 3, 64, 96), torch.rand(2, 3, 64, 96))
    assert flow.shape == (2, 2, 64, 96)
    assert not flow.any()


def test_each_level_adds_to_twice_the_flow_below(silent):
    for level, flow in enumerate([(1.0, 0.0), (0.0, -1.0), (0.0, 0.0), (0.5, 0.0), (0.0, 0.0), (0.25, 3.0)]):
        answer(silent, level=level, flow=flow)
    flow = silent(torch.rand(1, 3, 64, 96), torch.rand(1, 3, 64, 96))
    # 1 at the coarsest of six levels is doubled five times; 0.5 at the fourth, twice.
    expected = plain_flow(across=32 + 0.5 * 4 + 0.25, down=-16 + 3)
    assert torch.allclose(flow, expected, atol=1e-4)


def test_a_level_sees_the_first_picture_and_the_second_carried_back_to_it(silent):
    torch.manual_seed(0)
    first = 0.5 + 0.2 * torch.rand(1, 3, 64, 96)
    second = 0.2 + first.roll((-2, 3), dims=(2, 3))
    answer(silent, level=4, flow=(1.5, -1.0))
    # The last level passes on both reds, of the first picture as x and of the warped second as y.
    for place, seen in ((0, (0, 3)), (2, (0, 1)), (4, (0, 1)), (6, (0, 1)), (8, (0, 1))):
        silent.basic[5][place].weight[(0, 1), seen, 3, 3] = 1.0
    flow = silent(first, second)[0, :, 4:-4, 4:-4]
    red = first[0, 0, 4:-4, 4:-4]
    # In ImageNet's units: red has mean 0.485 and deviation 0.229.
    assert torch.allclose(flow[0], 3 + (red - 0.485) / 0.229, atol=1e-4)
    assert torch.allclose(flow[1], -2 + (red + 0.2 - 0.485) / 0.229, atol=1e-4)


def test_the_gradient_is_the_slope():
    torch.manual_seed(0)
    network = SpyNet().double()
    first, second, direction = torch.rand(3, 1, 3, 32, 32, dtype=torch.float64)
    probe = torch.randn(1, 2, 32, 32, dtype=torch.float64)

    def value(step: float) -> torch.Tensor:
        return (network(first + step * direction, second - step * direction) * probe).sum()

    step = torch.zeros((), dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(value(step), step)
    measured = (value(1e-6) - value(-1e-6)) / 2e-6
    assert abs(slope.item()) > 1e-4
    assert measured.item() == pytest.approx(slope.item(), rel=1e-4)


def test_its_weights_have_the_names_that_files_use():
    names = set(SpyNet().state_dict())
    assert names == {
        f"basic.{level}.{place}.{kind}"
        for level in range(6)
        for place in (0, 2, 4, 6, 8)
        for kind in ("weight", "bias")
    }
