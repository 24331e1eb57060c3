"""OpenVINO without its telemetry: what watches a camera tells nobody else of it.

Importing OpenVINO sends an event to its makers and writes into the home folder, unless that was refused before; where
its telemetry package is absent it does neither. So it is made to seem absent, before the first import.
"""

import importlib.util
import sys
from typing import Any


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
