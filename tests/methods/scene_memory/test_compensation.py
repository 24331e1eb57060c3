"""What motion compensation leaves, and the stream residual."""

import numpy as np
import pytest
from scene_memory_views import COLUMNS, CONFIG, ROWS, everywhere, picture, view

from normalcy.methods.scene_memory.compensation import residual_energy
from normalcy.methods.scene_memory.streams.residual import Residual

HEIGHT, WIDTH = CONFIG.size_px


def constant_flow(x: float, y: float) -> np.ndarray:
    return np.full((HEIGHT // 2, WIDTH // 2, 2), (x, y), np.float32)


def shifted(right: int, down: int) -> tuple[np.ndarray, np.ndarray]:
    """A texture, and the same so many pixels further to the right and down."""
    texture = picture(HEIGHT + 20, WIDTH + 20, channels=1)[..., 0]
    first = texture[10 : 10 + HEIGHT, 10 : 10 + WIDTH]
    second = texture[10 - down : 10 - down + HEIGHT, 10 - right : 10 - right + WIDTH]
    return np.ascontiguousarray(first), np.ascontiguousarray(second)


@pytest.mark.parametrize(("right", "down"), [(0, 0), (4, 0), (-2, 2), (0, -4)])
def test_the_true_flow_leaves_nothing_and_another_one_does(right, down):
    """Nothing at the edges either, where what has left the picture cannot be compared."""
    first, second = shifted(right, down)
    explained = residual_energy(first, second, constant_flow(right, down))
    assert explained.shape == (ROWS, COLUMNS, 2)
    assert explained[..., 0].max() < 0.5
    unexplained = residual_energy(first, second, constant_flow(right + 4, down))
    assert unexplained[..., 0].mean() > 20
    np.testing.assert_array_equal(explained[..., 1], unexplained[..., 1])


def test_energies_are_in_squared_grey_levels():
    """A slope of 4 levels a pixel of half the size, and then everywhere 6 levels brighter."""
    slope = np.broadcast_to(np.arange(WIDTH, dtype=np.uint8) * 2, (HEIGHT, WIDTH)).copy()
    energy = residual_energy(slope, slope + np.uint8(6), constant_flow(0, 0))
    np.testing.assert_allclose(energy[..., 0], 36, rtol=1e-5)
    np.testing.assert_allclose(energy[1:-1, 1:-1, 1], 16, rtol=1e-5)


def residuals(value: float, **more) -> object:
    """That much left of a gradient far above the noise, foreground everywhere."""
    residual_RC2 = np.empty((ROWS, COLUMNS, 2), np.float32)
    residual_RC2[:] = value * 1e4, 1e4
    return view(residual_RC2=residual_RC2, strange_HW=everywhere(20), **more)


def test_the_residual_is_a_multiple_of_the_usual():
    stream = Residual(CONFIG, scenes=1)
    for _ in range(300):
        stream.remember(residuals(0.1), None)
    stream.settle()
    np.testing.assert_allclose(stream.judge(residuals(0.3), None), 3, rtol=0.1)


def test_background_has_no_residual_and_is_not_remembered():
    stream = Residual(CONFIG, scenes=1)
    noise = view(residual_RC2=np.full((ROWS, COLUMNS, 2), 1e4, np.float32))
    stream.remember(noise, None)
    assert stream.usual.seen.count_SRCB.sum() == 0
    assert (stream.judge(noise, None) == 0).all()


def test_what_is_left_of_a_blank_wall_is_noise():
    stream = Residual(CONFIG, scenes=1)
    noise_RC2 = np.zeros((ROWS, COLUMNS, 2), np.float32)
    noise_RC2[..., 0] = 3.0
    assert stream.judge(view(residual_RC2=noise_RC2, strange_HW=everywhere(20)), None).max() < 0.11
