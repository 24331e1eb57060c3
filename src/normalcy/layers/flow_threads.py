"""Optical flow of several pairs of pictures side by side.

OpenCV's dense inverse search leaves a part of a second core idle; two at a time, a thread each, do not.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache

import cv2

THREADS = 2


@cache
def flow_threads() -> ThreadPoolExecutor:
    """The threads of this process that compute flow."""
    return ThreadPoolExecutor(THREADS, thread_name_prefix="flow")


@contextmanager
def one_thread_a_flow(*, pairs: int) -> Iterator[None]:
    """Keeps OpenCV from cutting each flow in parts as well, where there are pairs enough for all threads."""
    threads = cv2.getNumThreads()
    if pairs < THREADS or threads == 1:
        yield
        return
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
