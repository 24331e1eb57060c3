"""Named arrays in holders within holders."""

import copy

import numpy as np
import pytest

from normalcy.errors import BundleError
from normalcy.methods.scene_memory.arrays import Arrays


class Leaf(Arrays):
    def __init__(self, size: int = 2) -> None:
        self.value_N = np.arange(size, dtype=np.float32)
        self.made = 0
        self._private_N = np.zeros(3)
        self.times_loaded = 0

    def loaded(self) -> None:
        self.times_loaded += 1


class Growing(Leaf):
    grows = True


class Tree(Arrays):
    def __init__(self) -> None:
        self.count = np.array(7, np.int64)
        self.leaf = Leaf()
        self._hidden = Leaf()
        self.leaves = {"a": Leaf(), "b": Growing()}
        self.words = {"a": 1.5}


NAMES = ["count", "leaf.value_N", "leaves.a.value_N", "leaves.b.value_N"]


def test_arrays_are_named_by_where_they_are_held():
    tree = Tree()
    assert list(tree.arrays()) == NAMES
    assert tree.arrays()["leaves.a.value_N"] is tree.leaves["a"].value_N


def test_what_is_loaded_is_copied_in_the_type_that_is_held_and_every_holder_is_told():
    tree, given = Tree(), {name: np.asarray(array) + 5.0 for name, array in Tree().arrays().items()}
    tree.load(given)
    given["leaf.value_N"][:] = 0
    np.testing.assert_array_equal(tree.leaf.value_N, [5, 6])
    assert tree.leaf.value_N.dtype == np.float32
    assert tree.count == 12
    assert tree.count.dtype == np.int64
    assert [leaf.times_loaded for leaf in (tree.leaf, *tree.leaves.values())] == [1, 1, 1]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"leaf.value_N": None}, "1 arrays do not fit: leaf.value_N is missing"),
        ({"other": np.zeros(1)}, "other is unknown"),
        ({"leaf.value_N": np.zeros(3)}, r"leaf.value_N is \(3,\), expected \(2,\)"),
    ],
)
def test_arrays_that_do_not_fit_are_named_and_nothing_is_taken(changed, said):
    tree, given = Tree(), {name: array + 1 for name, array in Tree().arrays().items()}
    with pytest.raises(BundleError, match=said):
        tree.load({name: array for name, array in (given | changed).items() if array is not None})
    assert tree.count == 7


def test_there_is_room_only_where_arrays_grow():
    tree = Tree()
    tree.make_room({"leaf.value_N": (9,), "leaves.b.value_N": (4,), "nowhere": (1,)})
    assert [array.shape for array in tree.arrays().values()] == [(), (2,), (2,), (4,)]
    assert tree.leaves["b"].value_N.dtype == np.float32


def test_a_copy_shares_nothing():
    tree = Tree()
    copied = copy.deepcopy(tree)
    copied.leaves["a"].value_N += 1
    copied.count[...] = 0
    assert tree.count == 7
    np.testing.assert_array_equal(tree.leaves["a"].value_N, [0, 1])
