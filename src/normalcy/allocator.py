"""Memory of tensors, kept for the next ones.

By default the C library hands a large block back to the system the moment it is freed, and the next tensor of that
size has every page fetched and cleared anew: a tenth of a training step on a CPU. Commands that do their work and end
ask for this; a library does not, nor what runs for weeks, for it cannot be taken back.
"""

import ctypes

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # names of glibc's malloc.h
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Makes this process keep what it frees, up to its peak; returns whether the C library can (glibc does)."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    mallopt.argtypes, mallopt.restype = (ctypes.c_int, ctypes.c_int), ctypes.c_int
    return bool(mallopt(_MMAP_MAX, 0)) and bool(mallopt(_TRIM_THRESHOLD, _NEVER))
