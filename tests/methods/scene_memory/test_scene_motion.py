import cv2
import numpy as np
import pytest
from scene_memory_views import CONFIG, picture

from normalcy.methods.scene_memory.motion import Motion, Part, changed_part, is_grainy, steadied
from normalcy.methods.scene_memory.settings import SceneMemoryConfig

HEIGHT, WIDTH = 32, 48  # of the flow


def still() -> np.ndarray:
    return np.zeros((HEIGHT, WIDTH, 2), np.float32)


@pytest.mark.parametrize(("right", "down"), [(3, 0), (-2, 1), (0, -3)])
def test_a_texture_that_was_shifted_has_the_shift_as_flow(right, down):
    texture = picture(84, 116, channels=1)[..., 0]
    first, second = texture[10:74, 10:106], texture[10 - down : 74 - down, 10 - right : 106 - right]
    flow_hw2 = Motion(CONFIG).flow(np.ascontiguousarray(first), np.ascontiguousarray(second))
    assert flow_hw2.shape == (HEIGHT, WIDTH, 2)
    np.testing.assert_allclose(np.median(flow_hw2[6:-6, 6:-6], axis=(0, 1)), (right, down), atol=0.2)


def test_where_all_moves_alike_every_cell_has_its_velocity_in_pixels_a_second():
    flow_hw2 = still() + np.float32([2, -1])
    found = Motion(CONFIG).movement(flow_hw2, 0.1)
    np.testing.assert_allclose(found.velocity_RC2, np.broadcast_to([20, -10], (8, 12, 2)), rtol=1e-5)
    np.testing.assert_allclose(found.moving_RC, 1)
    slower = Motion(CONFIG).movement(flow_hw2, 0.2)
    np.testing.assert_allclose(slower.velocity_RC2, found.velocity_RC2 / 2, rtol=1e-5)


def test_the_velocity_of_a_window_is_the_mean_of_what_moves_in_it():
    """Cell (3, 5) has the window of rows 12 to 16 and columns 20 to 24 of the flow."""
    flow_hw2 = still()
    flow_hw2[12:17, 20], flow_hw2[12:17, 21:23] = (1, 0), (4, 0)
    found = Motion(CONFIG).movement(flow_hw2, 0.1)
    assert found.moving_RC[3, 5] == pytest.approx(15 / 25)
    np.testing.assert_allclose(found.velocity_RC2[3, 5], (30, 0), rtol=1e-5)
    assert (found.velocity_RC2[0] == 0).all()
    assert (found.velocity_RC2[:, 8:] == 0).all()


@pytest.mark.parametrize(("rows", "expected"), [(2, 0.0), (3, 20.0)])
def test_a_window_in_which_less_than_a_fifth_moves_has_no_velocity(rows, expected):
    flow_hw2 = still()
    flow_hw2[12 : 12 + rows, 20:22] = 2, 0
    found = Motion(CONFIG).movement(flow_hw2, 0.1)
    assert found.moving_RC[3, 5] == pytest.approx(rows * 2 / 25)
    np.testing.assert_allclose(found.velocity_RC2[3, 5], (expected, 0), rtol=1e-5)


def test_what_creeps_below_the_threshold_does_not_move():
    """Three tenths of the pace of 10 pixels a second are 3."""
    for speed, moves in ((2.9, 0), (3.1, 1)):
        found = Motion(CONFIG).movement(still() + np.float32([speed / 10, 0]), 0.1)
        assert (found.moving_RC == moves).all()


def test_windows_are_larger_where_the_pace_is_faster():
    """What moves is three columns beside the centre of the window: radius 1 in the first row, 3 in the last."""
    motion = Motion(CONFIG)
    motion.pace_R[:] = np.linspace(2, 18, 8)
    flow_hw2 = still()
    flow_hw2[:, 25] = 9, 0
    found = motion.movement(flow_hw2, 0.1)
    assert found.moving_RC[0, 5] == 0
    assert found.moving_RC[7, 5] == pytest.approx(1 / 7)


def surveyed(velocity_hw2: np.ndarray, *, seconds: float = 0.1, times: int = 6) -> np.ndarray:
    motion = Motion(CONFIG)
    motion.survey((velocity_hw2 * np.float32(seconds), seconds) for _ in range(times))
    return motion.pace_R


@pytest.mark.parametrize("seconds", [0.1, 0.4])
def test_the_pace_follows_rows_in_which_all_is_faster(seconds):
    velocity_hw2 = still()
    velocity_hw2[..., 0] = 10 + 2 * np.arange(HEIGHT)[:, None]
    pace_R = surveyed(velocity_hw2, seconds=seconds)
    assert (np.diff(pace_R) > 2).all()
    assert pace_R[3] == pytest.approx(38, rel=0.1)  # the centre of the row lies at 14


def test_the_pace_is_flat_beyond_the_rows_in_which_something_moved():
    """Windows of 13 see what moves in rows 12 to 19 of the flow from cells of the rows 2 to 5."""
    velocity_hw2 = still()
    velocity_hw2[12:20, :, 0] = 10 + 2 * np.arange(12, 20)[:, None]
    pace_R = surveyed(velocity_hw2)
    np.testing.assert_array_equal(pace_R[:2], pace_R[2])
    np.testing.assert_array_equal(pace_R[6:], pace_R[5])
    assert (np.diff(pace_R[2:6]) > 1).all()
    assert pace_R[2] == pytest.approx(38, abs=1.5)


def test_where_all_that_moves_is_in_one_row_its_pace_is_everybodys():
    velocity_hw2 = still()
    velocity_hw2[0, :, 1] = 20
    np.testing.assert_allclose(surveyed(velocity_hw2), 20, rtol=1e-5)


@pytest.mark.parametrize("speed", [0.0, 2.5])
def test_without_motion_the_pace_is_the_default(speed):
    velocity_hw2 = still() + np.float32([speed, 0])
    np.testing.assert_array_equal(surveyed(velocity_hw2), Motion(CONFIG).pace_R)
    assert (surveyed(velocity_hw2) > 0).all()


def test_a_few_speeds_make_no_pace():
    """Four flows of twelve columns are fewer than fifty speeds."""
    velocity_hw2 = still() + np.float32([30, 0])
    np.testing.assert_array_equal(surveyed(velocity_hw2, times=4), Motion(CONFIG).pace_R)
    np.testing.assert_allclose(surveyed(velocity_hw2, times=5), 30, rtol=1e-4)


def large(seed: int = 0) -> np.ndarray:
    return picture(240, 360, seed=seed, channels=1)[..., 0]


def with_patch(frame_HW: np.ndarray, top: int, left: int, *, side: int = 30) -> np.ndarray:
    changed_HW = frame_HW.copy()
    changed_HW[top : top + side, left : left + side] = 255 - picture(side, side, seed=9, channels=1)[..., 0]
    return changed_HW


def test_of_frames_that_are_alike_but_for_noise_no_part_has_changed():
    noise_HW = np.random.default_rng(0).integers(-3, 4, (240, 360))
    noisy_HW = (large() + noise_HW).astype(np.uint8)
    assert changed_part(large(), noisy_HW) is None
    assert (Motion(SceneMemoryConfig()).flow(large(), noisy_HW) == 0).all()


@pytest.mark.parametrize(("top", "left"), [(0, 0), (100, 170), (209, 329), (60, 300)])
def test_the_part_holds_what_changed_with_a_margin(top, left):
    part = changed_part(large(), with_patch(large(), top, left))
    assert part.top <= max(0, top - 24)
    assert part.bottom >= min(240, top + 30 + 24)
    assert part.left <= max(0, left - 24)
    assert part.right >= min(360, left + 30 + 24)
    assert part.top % 48 == part.left % 48 == 0
    assert part.bottom - part.top >= 144
    assert part.right - part.left >= 144


def test_where_everything_changes_the_part_is_the_whole_picture():
    assert changed_part(large(), large(seed=1)) == Part(0, 240, 0, 360)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (64, 360), (136, 200)])
def test_a_small_picture_is_a_part_at_most(height, width):
    first_HW = picture(height, width, channels=1)[..., 0]
    part = changed_part(first_HW, with_patch(first_HW, 20, 20))
    assert (part.top, part.left) == (0, 0)
    assert part.bottom <= height
    assert part.right <= width
    flow_hw2 = Motion(CONFIG).flow(first_HW, with_patch(first_HW, 20, 20))
    assert flow_hw2.shape == (height // 2, width // 2, 2)


def test_flow_of_the_part_is_nearly_that_of_the_whole_picture():
    """Refinement reaches a little beyond: 0.1 pixels in the mean over what moves."""
    motion = Motion(SceneMemoryConfig())
    first_HW, second_HW = with_patch(large(), 100, 170), with_patch(large(), 102, 175)
    part = changed_part(first_HW, second_HW)
    assert (part.bottom - part.top) * (part.right - part.left) < 0.6 * 240 * 360
    whole_hw2, found_hw2 = motion.flow_of_all(first_HW, second_HW), motion.flow(first_HW, second_HW)
    moved_hw = np.hypot(whole_hw2[..., 0], whole_hw2[..., 1]) > 1
    assert moved_hw.sum() > 100
    assert np.abs(found_hw2 - whole_hw2)[moved_hw].mean() < 0.1


def shifted(image_HW: np.ndarray, right: float, down: float) -> np.ndarray:
    height, width = image_HW.shape
    matrix = np.float32([[1, 0, right], [0, 1, down]])
    return cv2.warpAffine(image_HW, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)


def test_what_the_background_does_is_no_movement():
    motion = Motion(SceneMemoryConfig())
    first_HW, second_HW = with_patch(large(), 100, 170), with_patch(large(), 102, 175)
    background_HW = np.ones((60, 90), np.bool_)
    background_HW[24:35, 40:53] = False
    swayed = motion.flow(first_HW, shifted(second_HW, 2, -1))
    assert np.hypot(*np.median(swayed, axis=(0, 1))) > 1.5
    still, swaying = (
        motion.movement(flow_hw2, 0.1).velocity_RC2
        for flow_hw2 in (motion.flow(first_HW, second_HW), steadied(swayed, background_HW))
    )
    # Who moves while the camera sways moves as if it stood, and what stands stands.
    assert np.hypot(*still[14, 23]) > 20
    np.testing.assert_allclose(swaying[14, 23], still[14, 23], atol=8)
    assert np.hypot(*swaying[2:8].T).mean() < 2


def test_a_tenth_of_a_pixel_is_left_as_it_is_and_so_is_what_shows_no_background():
    flow_hw2 = np.full((32, 48, 2), 0.05, np.float32)
    everywhere_HW = np.ones((16, 24), np.bool_)
    np.testing.assert_array_equal(steadied(flow_hw2, everywhere_HW), flow_hw2)
    np.testing.assert_allclose(steadied(flow_hw2 * 4, everywhere_HW), 0)
    np.testing.assert_array_equal(steadied(flow_hw2 * 4, np.zeros((16, 24), np.bool_)), flow_hw2 * 4)
    np.testing.assert_allclose(steadied(np.repeat(flow_hw2 * 4, 1, 0), everywhere_HW), 0)


def grainy(image_HW: np.ndarray, *, seed: int) -> np.ndarray:
    noise_HW = np.random.default_rng(seed).normal(0, 8, image_HW.shape)
    return (image_HW.astype(float) + noise_HW).round().clip(0, 255).astype(np.uint8)


def test_in_grain_flow_is_of_what_stands_out_alone():
    motion = Motion(SceneMemoryConfig())
    assert not is_grainy(large(), with_patch(large(), 100, 170))
    first_HW, second_HW = grainy(large(), seed=0), grainy(large(), seed=1)
    assert is_grainy(first_HW, second_HW)
    assert not is_grainy(large(), shifted(large(), 3, 2))
    assert not is_grainy(large(), (large() * 1.3).astype(np.uint8))
    speed_hw = np.hypot(*motion.flow(first_HW, second_HW).transpose(2, 0, 1))
    assert (speed_hw > 0.5).mean() < 0.02
    moved = motion.flow(
        grainy(with_patch(large(), 100, 170), seed=0), grainy(with_patch(large(), 102, 175), seed=1)
    )
    speed_hw = np.hypot(*moved.transpose(2, 0, 1))
    assert np.median(speed_hw[53:63, 88:98]) > 1.5
    assert (speed_hw[:40] > 0.5).mean() < 0.05
