"""OpenVINO, without what it does to a process that watches cameras.

It tells nobody: importing OpenVINO sends an event to its makers and writes into the home folder, unless that was
refused before; where its telemetry package is absent it does neither. So it is made to seem absent, before the first
import.

It leaves signals alone: on Linux each `Core` gives the thread that first uses it another stack for signals, and takes
it away when it goes. Two that go in the order in which they came leave a stack behind that is no memory any more, and
the next SIGTERM or Ctrl-C ends Python with a segmentation fault, whatever its handler. So there is one, for as long as
the process lives.

It computes what it was told: on processors that cannot add up products of 8-bit integers without overflow, layers that
are rounded to integers run in floating point, on the same rounded values.
"""

import importlib.util
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

from normalcy.environment import adds_integers_exactly

_NO_INTEGERS = {"LP_TRANSFORMS_MODE": "NO"}


def openvino_installed() -> bool:
    """Whether OpenVINO is there; imports nothing."""
    return importlib.util.find_spec("openvino") is not None


def refuse_telemetry() -> None:
    """Before the first import of OpenVINO, or of what tells its makers as well."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]


def import_openvino() -> Any:
    """The module.

    Raises:
        ModuleNotFoundError: OpenVINO is not installed.
    """
    refuse_telemetry()
    import openvino

    return openvino


@cache
def openvino_core() -> Any:
    """What compiles models: the only one of this process. Opening models with it is safe from any thread.

    Raises:
        ModuleNotFoundError: OpenVINO is not installed.
    """
    return import_openvino().Core()


def compiled_for_cpu(model: Any, settings: Mapping[str, str | int]) -> Any:
    """Compiles a model so that its rounded layers compute the same on every processor.

    Args:
        model: Of OpenVINO.
        settings: Further ones, as OpenVINO names them.

    Raises:
        ModuleNotFoundError: OpenVINO is not installed.
        RuntimeError: It cannot be compiled, or not with such settings.
    """
    overflows = _is_rounded(model) and not adds_integers_exactly()
    exact = _NO_INTEGERS if overflows else {}
    return openvino_core().compile_model(model, "CPU", {**settings, **exact})


def _is_rounded(model: Any) -> bool:
    return any(operation.get_type_name() == "FakeQuantize" for operation in model.get_ops())
