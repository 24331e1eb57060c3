"""What OpenVINO does to the process that it runs in."""

import subprocess
import sys

import pytest

pytest.importorskip("openvino")

TWO_DETECTORS_THAT_GO = """
import os, signal
import openvino
from openvino import opset13 as ops
from normalcy.scoring.backends.openvino_graph import OpenVinoGraph

def opened():
    x = ops.parameter([2, 4], openvino.Type.f32)
    made = ops.relu(x)
    x.output(0).set_names({"x"})
    made.output(0).set_names({"y"})
    return OpenVinoGraph(openvino.Model([made], [x]), inputs=["x"], outputs=["y"])

first = opened()
second = opened()
del first
del second
signal.signal(signal.SIGTERM, lambda *_: print("was asked to stop"))
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_signals_are_still_handled_when_detectors_have_come_and_gone():
    command = [sys.executable, "-W", "ignore", "-c", TWO_DETECTORS_THAT_GO]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stdout.strip()) == (0, "was asked to stop"), ended.stderr
