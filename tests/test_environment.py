"""What a result says about the machine and the versions."""

import platform
import sys
import types

import pytest

from normalcy import environment
from normalcy.environment import adds_integers_exactly, hardware, parse_cpuinfo, versions

INTEL = """processor\t: 0
model name\t: Intel(R) Xeon(R) Platinum 8480C
flags\t\t: fpu sse2 avx2 avx512f avx512_bf16 amx_bf16

processor\t: 1
model name\t: another
"""


def test_versions_of_what_is_installed(monkeypatch):
    monkeypatch.setitem(environment._PACKAGES, "absent", ("no-such-package",))
    found = versions()
    assert found["python"] == platform.python_version()
    assert {"normalcy", "numpy", "av", "opencv", "torch", "onnx", "onnxscript", "nncf", "scipy"} <= set(found)
    assert "absent" not in found


def test_cpuinfo_of_the_first_processor():
    assert parse_cpuinfo(INTEL) == (
        "Intel(R) Xeon(R) Platinum 8480C",
        ("avx2", "avx512f", "avx512_bf16", "amx_bf16"),
    )
    assert parse_cpuinfo("Features : fp asimd bf16") == ("", ("asimd", "bf16"))
    assert parse_cpuinfo("") == ("", ())


@pytest.mark.parametrize(
    ("machine", "cpuinfo", "exactly"),
    [
        ("x86_64", "flags : fpu avx2", False),
        ("x86_64", "flags : fpu avx2 avx_vnni", True),
        ("AMD64", "flags : fpu avx512f avx512_vnni", True),
        ("x86_64", "", False),
        ("aarch64", "", True),
    ],
)
def test_integers_are_added_up_exactly_by_some_processors(machine, cpuinfo, exactly, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(environment, "_read", lambda path: cpuinfo)
    assert adds_integers_exactly() is exactly


def test_hardware_is_one_line(monkeypatch):
    monkeypatch.setattr(environment, "_read", lambda path: INTEL)
    line = hardware()
    assert line.startswith("Intel(R) Xeon(R) Platinum 8480C, ")
    assert " cores, " in line
    assert "GiB, avx2 avx512f avx512_bf16 amx_bf16" in line
    assert "\n" not in line


def test_where_the_system_tells_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(environment, "_read", lambda path, read=environment._read: read(tmp_path / "absent"))
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.delattr("os.sysconf")
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert hardware().startswith(f"{platform.machine()}, ")
    assert "GiB" not in hardware()


@pytest.mark.parametrize(("count", "words"), [(1, ", 1 thread, "), (2, ", 2 threads, ")])
def test_threads_are_told_when_torch_is_at_work(monkeypatch, count, words):
    cuda = types.SimpleNamespace(is_available=lambda: False)
    torch = types.SimpleNamespace(cuda=cuda, get_num_threads=lambda: count)
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert words in hardware()


@pytest.mark.parametrize("available", [True, False])
def test_the_gpu_is_named_when_torch_is_at_work_with_one(monkeypatch, available):
    cuda = types.SimpleNamespace(is_available=lambda: available, get_device_name=lambda: "Acme G1")
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(cuda=cuda, get_num_threads=lambda: 1))
    assert hardware().endswith(", Acme G1") is available
