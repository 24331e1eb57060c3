"""What a result was made with: versions and hardware, without importing anything heavy."""

import os
import platform
import re
import shlex
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

_PACKAGES = {
    "normalcy": ("normalcy",),
    "torch": ("torch",),
    "numpy": ("numpy",),
    "av": ("av",),
    "openvino": ("openvino",),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
    "onnx": ("onnx",),
    "onnxscript": ("onnxscript",),
    "nncf": ("nncf",),
    "scipy": ("scipy",),
    "opencv": ("opencv-python-headless", "opencv-python", "opencv-contrib-python"),
}
_FLAGS = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "asimd", "bf16")
_X86 = ("x86_64", "amd64", "i386", "i686")
_GIB = 1024**3


def versions() -> dict[str, str]:
    """Versions of Python and of the installed packages that can change a result."""
    return {"python": platform.python_version()} | {
        name: version for name, packages in _PACKAGES.items() if (version := _version(packages))
    }


def hardware_name() -> str:
    """Processor and cores, which do not change from run to run."""
    model, flags = parse_cpuinfo(_read(Path("/proc/cpuinfo")))
    return ", ".join(
        [model or platform.processor() or platform.machine(), f"{available_cores()} cores", *flags]
    )


def hardware() -> str:
    """One line: processor, cores and threads of this process, memory, the flags that matter, and the GPU in use."""
    model, flags = parse_cpuinfo(_read(Path("/proc/cpuinfo")))
    parts = [
        model or platform.processor() or platform.machine(),
        f"{available_cores()} cores",
        *_threads(),
        *_memory(),
    ]
    return ", ".join([*parts, *([" ".join(flags)] if flags else []), *_gpu()])


def adds_integers_exactly() -> bool:
    """Whether the processor adds up products of 8-bit integers in 32 bits.

    Those of the x86 family do since VNNI. Before, they add pairs of products in 16 bits, where large ones stay at the
    largest number, and what computes in integers is wrong without a word. Where nobody tells what an x86 can do (no
    `/proc/cpuinfo`), it is taken for one of these: slower, and right.
    """
    if platform.machine().lower() not in _X86:
        return True
    _, flags = parse_cpuinfo(_read(Path("/proc/cpuinfo")))
    return "avx_vnni" in flags or "avx512_vnni" in flags


def command_line(words: Sequence[str]) -> str:
    """The command as a user would type it again.

    >>> command_line(["score", "my video.mp4"])
    "normalcy score 'my video.mp4'"
    """
    return shlex.join(["normalcy", *words])


def parse_cpuinfo(text: str) -> tuple[str, tuple[str, ...]]:
    r"""Model name and known flags of the first processor in Linux's `/proc/cpuinfo`; empty where not told.

    >>> parse_cpuinfo("model name : Acme 9\nflags : fpu avx2 avx512_bf16")
    ('Acme 9', ('avx2', 'avx512_bf16'))
    """
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    listed = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", text, re.MULTILINE)
    present = set(listed[1].split()) if listed else set()
    return (model[1].strip() if model else ""), tuple(flag for flag in _FLAGS if flag in present)


def _version(packages: tuple[str, ...]) -> str | None:
    for package in packages:
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return None


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _threads() -> list[str]:
    """Threads of an operation, if torch is already at work; torch is not imported for this."""
    torch: Any = sys.modules.get("torch")
    if torch is None:
        return []
    count = torch.get_num_threads()
    return [f"{count} thread{'s' if count > 1 else ''}"]


def _memory() -> list[str]:
    """Installed memory; nothing where the system does not tell."""
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return []
    return [f"{size / _GIB:.0f} GiB"]


def _gpu() -> list[str]:
    """The GPU, if torch is already at work and sees one; torch is not imported for this."""
    torch: Any = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return []
    return [str(torch.cuda.get_device_name())]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
