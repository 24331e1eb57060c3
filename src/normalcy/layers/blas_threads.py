"""Small matrix products between other work: in one thread.

NumPy's OpenBLAS keeps its other threads spinning after each product, in wait for the next. Between pieces of work that
have threads of their own, such as optical flow and OpenVINO's graphs, that takes the cores away from them: on two cores
a score of `scene-memory` took 1.8 times the processor time clip by clip, and 1.4 times in batches of eight.
"""

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController


def one_blas_thread() -> AbstractContextManager[object]:
    """Matrix products of NumPy stay in the calling thread while the block runs."""
    limited: AbstractContextManager[object] = _blas().limit(limits=1)
    return limited


def limit_blas(threads: int) -> None:
    """Matrix products of NumPy take no more threads from now on."""
    _blas().limit(limits=threads)


@cache
def _blas() -> ThreadpoolController:
    """What of this process multiplies matrices; looking for it takes longer than a product."""
    return ThreadpoolController().select(user_api="blas")
