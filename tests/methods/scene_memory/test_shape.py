import numpy as np
import pytest
from scene_memory_views import CONFIG, everywhere, view

from normalcy.methods.scene_memory.streams.shape import Shape, run_lengths


def block(rows: slice, columns: slice) -> object:
    """A frame in which that part of the thumbnail is foreground."""
    strange_HW = everywhere(0)
    strange_HW[rows, columns] = 20
    return view(strange_HW=strange_HW)


UPRIGHT = block(slice(2, 12), slice(8, 12))
LYING = block(slice(8, 12), slice(6, 16))


def learned(*views: object) -> Shape:
    stream = Shape(CONFIG, scenes=1)
    for seen in views:
        for _ in range(500):
            stream.remember(seen, None)
    stream.settle()
    return stream


def test_run_lengths_follow_rows():
    mask_HW = np.array([[1, 0, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1]], np.bool_)
    np.testing.assert_array_equal(run_lengths(mask_HW), [[1, 0, 2, 2], [0, 0, 0, 0], [4, 4, 4, 4]])


@pytest.mark.parametrize("seed", range(3))
def test_run_lengths_are_those_of_counting_along_the_row(seed):
    mask_HW = np.random.default_rng(seed).random((7, 11)) > 0.4
    expected = np.zeros(mask_HW.shape)
    for row, stretch in zip(mask_HW, expected, strict=True):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(int), [0]])))
        for start, end in edges.reshape(-1, 2):
            stretch[start:end] = end - start
    np.testing.assert_array_equal(run_lengths(mask_HW), expected)


def test_somebody_who_lies_where_all_walk_stands_out_and_who_walks_does_not():
    stream = learned(UPRIGHT)
    assert stream.judge(UPRIGHT, None).max() < 1.5
    assert stream.judge(LYING, None).max() > 3


def test_what_was_seen_lying_there_is_usual():
    assert learned(UPRIGHT, LYING).judge(LYING, None).max() < 1.5


def test_without_foreground_there_is_no_shape():
    stream = learned(UPRIGHT)
    assert (stream.judge(view(), None) == 0).all()


def test_a_gap_of_two_pixels_does_not_part_what_is_one():
    strange_HW = everywhere(0)
    strange_HW[8:12, 6:16] = 20
    strange_HW[:, 10:12] = 0
    parted = learned(UPRIGHT).judge(view(strange_HW=strange_HW), None).max()
    assert parted == pytest.approx(learned(UPRIGHT).judge(LYING, None).max(), rel=0.01)
