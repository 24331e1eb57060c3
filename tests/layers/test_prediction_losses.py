import pytest
import torch

from normalcy.layers.prediction_losses import (
    GUESSING_LOSS,
    discriminator_loss,
    flow_loss,
    generator_loss,
    gradient_loss,
    intensity_loss,
    psnr,
)


def picture(*rows) -> torch.Tensor:
    return torch.tensor(rows).float()[None, None]


def pair(shape=(3, 2, 5, 6)) -> tuple[torch.Tensor, torch.Tensor]:
    first, second = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    return first, second


RAMP = picture([0, 1, 2], [0, 1, 2], [0, 1, 2])


def test_intensity_loss_is_the_mean_squared_error():
    assert intensity_loss(picture([1, 0], [2, 5]), picture([0, 3], [2, 5])).item() == pytest.approx(
        (1 + 9) / 4
    )


def test_gradient_loss_of_3x3_by_hand():
    dot = picture([0, 0, 0], [0, 3, 0], [0, 0, 0])
    # Down, the ramp has no difference and the dot two of 3 among six; across, the ramp has six of 1, and the dot's
    # are 0 0, 3 3 and 0 0: apart by 1 1, 2 2 and 1 1.
    down, across = (3 + 3) / 6, (1 + 1 + 2 + 2 + 1 + 1) / 6
    assert gradient_loss(dot, RAMP).item() == pytest.approx(down + across)
    assert gradient_loss(RAMP, dot).item() == pytest.approx(down + across)


@pytest.mark.parametrize(
    ("prediction", "loss"), [(RAMP, 0.0), (RAMP + 5, 0.0), (-RAMP, 0.0), (RAMP * 2, 1.0), (RAMP.mT, 2.0)]
)
def test_gradient_loss_knows_how_steep_but_neither_how_bright_nor_which_way(prediction, loss):
    assert gradient_loss(prediction, RAMP).item() == pytest.approx(loss)


def test_both_directions_of_a_gradient_weigh_alike_in_a_wide_picture():
    down, across = picture([0] * 4, [2] * 4), picture([0, 2, 4, 6], [0, 2, 4, 6])
    still = torch.zeros(1, 1, 2, 4)
    assert gradient_loss(down, still).item() == gradient_loss(across, still).item() == pytest.approx(2.0)


def test_flow_loss_is_a_mean_of_both_components_and_reaches_the_prediction():
    predicted = torch.tensor([1.0, -2.0])[None, :, None, None].expand(1, 2, 3, 4).clone().requires_grad_()
    loss = flow_loss(predicted, torch.zeros(1, 2, 3, 4))
    assert loss.item() == pytest.approx(1.5)
    loss.backward()
    assert torch.allclose(predicted.grad, predicted.sign().detach() / 24)


def test_least_squares_by_hand():
    assert generator_loss(torch.tensor([[[0.5, 1.0]]])).item() == pytest.approx((0.25 + 0) / 2 / 2)
    assert generator_loss(torch.ones(2, 3, 3)).item() == 0
    real, fake = torch.tensor([[[0.5, 0.5]]]), torch.tensor([[[0.0, 1.0]]])
    assert discriminator_loss(real, fake).item() == pytest.approx(0.25 / 2 + (0 + 1) / 2 / 2)
    assert discriminator_loss(torch.ones(2, 3, 3), torch.zeros(2, 3, 3)).item() == 0
    assert discriminator_loss(torch.full((2, 3, 3), 0.5), torch.full((2, 3, 3), 0.5)).item() == GUESSING_LOSS


def test_psnr_of_known_errors_is_given_for_each_picture():
    truth = torch.zeros(3, 3, 4, 5)
    error = torch.tensor([0.2, -0.02, 0.0])[:, None, None, None].expand(3, 3, 4, 5)
    assert psnr(truth + error, truth, span=2).tolist() == pytest.approx([20, 40, 100], abs=1e-4)
    assert psnr(truth + error, truth, span=0.2).tolist() == pytest.approx([0, 20, 100], abs=1e-4)


def test_psnr_averages_squares_and_not_decibels():
    prediction, truth = picture([0.2, 0.0], [0.0, 0.0]), torch.zeros(1, 1, 2, 2)
    assert psnr(prediction, truth, span=2).item() == pytest.approx(20 + 6.0206, abs=1e-4)


def test_psnr_does_not_depend_on_how_bright_the_prediction_is():
    prediction, truth = pair()
    brighter = psnr(prediction + 3, truth + 3, span=2)
    assert torch.allclose(brighter, psnr(prediction, truth, span=2), atol=1e-4)


@pytest.mark.parametrize("loss", [intensity_loss, gradient_loss, flow_loss, discriminator_loss])
def test_losses_compute_in_float32(loss):
    first, second = (each.bfloat16() for each in pair())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(first, second)
    assert value.dtype == torch.float32
    assert torch.equal(value, loss(first.float(), second.float()))


def test_psnr_and_the_generators_loss_compute_in_float32():
    first, second = (each.bfloat16() for each in pair())
    assert torch.equal(psnr(first, second, span=2), psnr(first.float(), second.float(), span=2))
    assert torch.equal(generator_loss(first), generator_loss(first.float()))


@pytest.mark.parametrize("loss", [intensity_loss, gradient_loss])
def test_gradients_reach_every_pixel_of_the_prediction(loss):
    prediction, truth = pair()
    prediction.requires_grad_()
    loss(prediction, truth).backward()
    assert prediction.grad.isfinite().all()
    assert prediction.grad.abs().sum(dim=(0, 1)).min() > 0


@pytest.mark.parametrize(
    "loss", [intensity_loss, gradient_loss, flow_loss, lambda *pictures: psnr(*pictures, span=2)]
)
def test_grey_is_not_compared_with_colour(loss):
    with pytest.raises(ValueError, match=r"\(2, 1, 4, 4\) and truth \(2, 3, 4, 4\) differ"):
        loss(torch.zeros(2, 1, 4, 4), torch.zeros(2, 3, 4, 4))


@pytest.mark.parametrize("span", [0, -1])
def test_a_range_of_values_has_a_width(span):
    with pytest.raises(ValueError, match=f"span is {span}"):
        psnr(*pair(), span=span)
