"""Runs of true values in a flag that has one value per frame. Letter: T frames."""

import numpy as np
import numpy.typing as npt

BoolArray = npt.NDArray[np.bool_]


def true_runs(flag_T: BoolArray) -> list[tuple[int, int]]:
    """First and last place of each run of true values, both included.

    >>> true_runs(np.array([True, False, True, True]))
    [(0, 0), (2, 3)]
    """
    padded = np.concatenate(([False], np.asarray(flag_T, bool), [False]))
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    return [(int(start), int(end) - 1) for start, end in zip(edges[::2], edges[1::2], strict=True)]
