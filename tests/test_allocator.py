"""Memory that the process keeps."""

import ctypes
import platform
import subprocess
import sys

import pytest

from normalcy.allocator import keep_freed_memory

# Allocates and frees 64 MiB again and again, and counts the pages that had to be fetched for it.
PAGES = """
import ctypes, resource, sys
from normalcy.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
for _ in range(10):
    block = libc.malloc(64 << 20)
    ctypes.memset(block, 1, 64 << 20)
    libc.free(block)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


def faults(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", PAGES, how], capture_output=True, text=True, check=True, timeout=60
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to keep memory")
def test_freed_memory_is_used_again_without_fetching_its_pages():
    assert faults("keep") < faults("as it is") / 3


def test_other_c_libraries_are_left_as_they_are(monkeypatch):
    class WithoutMallopt:
        def __init__(self, name: object) -> None: ...

    monkeypatch.setattr(ctypes, "CDLL", WithoutMallopt)
    assert not keep_freed_memory()
