import pytest
import torch

from normalcy.layers.hidden_frames import HiddenFrames, hidden_between

HIDDEN = (1, 3, 4, 5, 7)


def squares(frames: int) -> torch.Tensor:
    return torch.arange(float(frames)).square()[None, :, None, None, None].expand(2, -1, 3, 4, 5)


@pytest.mark.parametrize(
    ("frames", "hidden", "expected"),
    [
        (8, HIDDEN, [0, 2, 4, 12, 20, 28, 36, 36]),
        (5, (0, 1, 3), [4, 4, 4, 10, 16]),
        (4, (1, 2), [0, 3, 6, 9]),
        (4, (0, 1, 2), [9, 9, 9, 9]),
        (3, (1, 2), [0, 0, 0]),
        (3, (), [0, 1, 4]),
    ],
)
def test_hidden_frames_are_between_their_visible_neighbours(frames, hidden, expected):
    seen = HiddenFrames(frames, hidden=hidden)(squares(frames))
    assert seen.shape == (2, frames, 3, 4, 5)
    assert torch.allclose(seen, torch.tensor(expected).float()[None, :, None, None, None], atol=1e-5)


def test_nothing_of_a_hidden_frame_gets_through():
    clip = torch.rand(1, 8, 1, 4, 4, requires_grad=True)
    hide = HiddenFrames(8, hidden=HIDDEN)
    hide(clip).square().sum().backward()
    from_frame_T = clip.grad.abs().sum(dim=(0, 2, 3, 4))
    assert torch.equal(from_frame_T == 0, hide.mask_T == 1)


def test_the_mask_marks_hidden_frames_and_nothing_is_saved():
    hide = HiddenFrames(8, hidden=HIDDEN)
    assert hide.mask_T.tolist() == [0, 1, 0, 1, 1, 1, 0, 1]
    assert hide.state_dict() == {}


def test_visible_frames_stay_exact_where_the_rest_is_bf16():
    clip, hide = torch.rand(1, 8, 1, 4, 4), HiddenFrames(8, hidden=HIDDEN)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        seen = hide(clip)
    assert torch.equal(seen[:, hide.mask_T == 0], clip[:, hide.mask_T == 0])
    assert torch.equal(seen, hide(clip))


@pytest.mark.parametrize("hidden", [(0, 1, 2), (3,), (-1,), (1, 7)])
def test_some_but_not_all_frames_of_the_clip_can_be_hidden(hidden):
    with pytest.raises(ValueError, match=r"some, not all, of 0 to 2"):
        HiddenFrames(3, hidden=hidden)


@pytest.mark.parametrize(
    ("frames", "every", "predict", "visible"),
    [
        (8, 4, 0, [0, 3, 7]),
        (8, 4, 1, [0, 2, 6]),
        (8, 4, 4, [0, 3]),
        (9, 4, 0, [0, 4, 8]),
        (12, 4, 0, [0, 3, 7, 11]),
        (16, 4, 1, [0, 2, 6, 10, 14]),
        (24, 8, 0, [0, 7, 15, 23]),
        (5, 2, 0, [0, 2, 4]),
        (4, 1, 0, [0, 1, 2, 3]),
        (4, 1, 2, [0, 1]),
        (3, 4, 3, [0]),
        (1, 4, 0, [0]),
    ],
)
def test_patterns(frames, every, predict, visible):
    hidden = hidden_between(frames, every=every, predict=predict)
    assert hidden == tuple(t for t in range(frames) if t not in visible)


def frame_numbers(frames: int) -> torch.Tensor:
    return torch.arange(float(frames)).reshape(1, frames, 1, 1, 1)


@pytest.mark.parametrize(
    ("extrapolate", "before", "after", "time"),
    [
        (True, [0, 0, 0, 3, 0, 0], [0, 3, 3, 3, 3, 3], [0, 1 / 3, 2 / 3, 0, 4 / 3, 5 / 3]),
        (False, [0, 0, 0, 3, 3, 3], [0, 3, 3, 3, 3, 3], [0, 1 / 3, 2 / 3, 0, 1, 2]),
    ],
)
def test_neighbours_are_visible_and_time_says_where_between_or_beyond_them(extrapolate, before, after, time):
    hide = HiddenFrames(6, hidden=(1, 2, 4, 5), extrapolate=extrapolate)
    first, second = hide.neighbours(frame_numbers(6))
    assert first.flatten().tolist() == before
    assert second.flatten().tolist() == after
    torch.testing.assert_close(hide.time_T, torch.tensor(time))


def test_before_the_first_visible_frame_the_two_next_ones_are_neighbours():
    hide = HiddenFrames(4, hidden=(0, 2))
    first, second = hide.neighbours(frame_numbers(4))
    assert (first.flatten()[0], second.flatten()[0]) == (1, 3)
    assert hide.time_T[0] == -0.5


def test_a_single_visible_frame_is_every_neighbour():
    hide = HiddenFrames(3, hidden=(0, 2))
    first, second = hide.neighbours(frame_numbers(3))
    assert torch.equal(first, second)
    assert first.flatten().tolist() == [1, 1, 1]
