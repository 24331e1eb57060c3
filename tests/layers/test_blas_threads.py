"""Matrix products in one thread."""

import numpy as np
from threadpoolctl import threadpool_info

from normalcy.layers.blas_threads import one_blas_thread


def threads():
    return [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]


def test_products_stay_in_the_calling_thread_while_the_block_runs():
    np.ones((2, 2)) @ np.ones((2, 2))  # NumPy is at work
    before = threads()
    with one_blas_thread():
        assert threads() == [1] * len(before) != []
    assert threads() == before
