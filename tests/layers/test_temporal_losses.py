import pytest
import torch

from normalcy.layers.temporal_losses import attention_loss, consistency_loss, entropy, motion_loss, sobel


def plain_frames(*values) -> torch.Tensor:
    return torch.tensor(values).float()[None, :, None, None, None].expand(2, -1, 1, 4, 6)


def ramp(*, across=0.0, down=0.0) -> torch.Tensor:
    return across * torch.arange(6.0) + down * torch.arange(5.0)[:, None]


def one_hot(frames, *, heads=2, places=3) -> torch.Tensor:
    return torch.eye(frames).roll(1, dims=-1).expand(2, heads, places, frames, frames)


def even(frames, *, heads=2, places=3) -> torch.Tensor:
    return torch.full((2, heads, places, frames, frames), 1 / frames)


@pytest.mark.parametrize(
    ("fake", "literal", "matched"),
    [((1, 1, 1), 0.0, 1.5), ((0, 1, 3), 1.5, 0.0), ((5, 6, 8), 1.5, 0.0), ((0, -1, -3), 1.5, 3.0)],
)
def test_literal_consistency_rewards_stillness_and_matched_the_real_motion(fake, literal, matched):
    fake, real = plain_frames(*fake), plain_frames(0, 1, 3)
    assert consistency_loss(fake, real, kind="literal").item() == pytest.approx(literal)
    assert consistency_loss(fake, real, kind="matched").item() == pytest.approx(matched)


@pytest.mark.parametrize(("across", "down"), [(0.5, 0.0), (0.0, -2.0), (3.0, 1.0)])
def test_sobel_of_a_ramp_is_its_slope(across, down):
    picture = ramp(across=across, down=down).expand(2, 3, 2, 5, 6)
    gradients = sobel(picture)
    assert gradients.shape == (2, 2 * 3 * 2, 1, 5, 6)
    inside = gradients[..., 1:-1, 1:-1]
    assert torch.allclose(inside[0], torch.tensor(across), atol=1e-5)
    assert torch.allclose(inside[1], torch.tensor(down), atol=1e-5)


def test_sobel_stays_in_float32_where_the_rest_does_not():
    torch.manual_seed(0)
    clip = torch.rand(1, 2, 1, 8, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        gradients = sobel(clip)
    assert gradients.dtype == torch.float32
    assert torch.equal(gradients, sobel(clip))


def test_motion_is_compared_by_the_edges_of_what_changed():
    real = torch.zeros(1, 2, 1, 5, 6)
    fake = torch.stack([torch.zeros(5, 6), ramp(across=2.0)])[None, :, None]
    # Across, the slope is 2 in four columns and half of it in the two at the border; down there is none.
    assert motion_loss(fake, real).item() == pytest.approx((4 * 2 + 2 * 1) / 6 / 2)
    assert motion_loss(-fake, fake).item() == 0
    assert motion_loss(fake, fake).item() == 0
    assert motion_loss(plain_frames(0, 5), plain_frames(0, 0)).item() == 0


@pytest.mark.parametrize("frames", [2, 8, 24])
@pytest.mark.parametrize("heads", [1, 4])
@pytest.mark.parametrize("places", [1, 9])
def test_attention_loss_lies_between_one_frame_and_all_alike(frames, heads, places):
    size = {"heads": heads, "places": places}
    assert attention_loss([one_hot(frames, **size)]).item() == pytest.approx(0.0, abs=1e-6)
    assert attention_loss([even(frames, **size)]).item() == pytest.approx(1.0, abs=1e-5)


def test_attention_loss_by_hand():
    row = torch.tensor([0.5, 0.5, 0.0, 0.0])
    halves = row.expand(1, 1, 1, 4, 4)
    assert entropy(row).item() == pytest.approx(0.5)
    # Energy 1/2 lies a third of the way from 1/4 (all alike) to 1 (one frame).
    assert attention_loss([halves]).item() == pytest.approx((0.5 + 2 / 3) / 2)
    assert attention_loss([one_hot(4), even(8)]).item() == pytest.approx(0.5, abs=1e-5)


def test_gradients_are_finite_also_where_attention_is_sure():
    weights = one_hot(4).clone().requires_grad_()
    attention_loss([weights]).backward()
    assert weights.grad.isfinite().all()
    fake = torch.rand(1, 3, 1, 5, 6, requires_grad=True)
    real = torch.rand(1, 3, 1, 5, 6)
    (consistency_loss(fake, real, kind="matched") + motion_loss(fake, real)).backward()
    assert fake.grad.abs().sum(dim=(0, 2, 3, 4)).min() > 0
