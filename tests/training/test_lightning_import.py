"""A torchvision wheel that does not fit torch must not take Lightning down with it."""

import json
import subprocess
import sys
import types

import pytest

from normalcy.training.lightning_import import Trainer, tolerate_torchvision

SCRIPT = """
import json, sys
try:
    import torchvision
    plain = True
except RuntimeError as error:
    plain = "torchvision::nms" not in str(error)
from normalcy.layers.torchvision_import import tolerate_torchvision
tolerate_torchvision()
import torchvision
from torchvision.transforms.functional import hflip
registrations = sys.modules["torchvision._meta_registrations"]
print(json.dumps({"plain": plain, "mended": not hasattr(registrations, "__file__"), "again": tolerate_torchvision()}))
"""


@pytest.mark.timeout(300)  # of a busy machine: a process that imports torch and torchvision anew
def test_the_installed_wheel_is_mended_where_it_is_broken_and_only_there():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["mended"] == (not said["plain"])
    assert said["again"] is False
    # What needs it works: this process has mended it in the same way.
    assert Trainer.fit


@pytest.fixture
def no_torchvision(monkeypatch):
    """As if it was never imported; all of it is put back afterwards."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    # Recorded as absent, so that what a test imports is removed again.
    for name in ("torchvision", "torchvision._meta_registrations"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        monkeypatch.delitem(sys.modules, name)


def write_torchvision(folder, *, registrations: str) -> None:
    package = folder / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text("from torchvision import _meta_registrations\n__version__ = '9.9'\n")
    (package / "_meta_registrations.py").write_text(registrations)


@pytest.mark.usefixtures("no_torchvision")
def test_a_wheel_that_fits_is_left_alone(tmp_path, monkeypatch):
    write_torchvision(tmp_path, registrations="kept = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert not tolerate_torchvision()
    assert sys.modules["torchvision"]._meta_registrations.kept


@pytest.mark.usefixtures("no_torchvision")
def test_a_wheel_that_does_not_fit_is_mended(tmp_path, monkeypatch):
    write_torchvision(
        tmp_path, registrations="raise RuntimeError('operator torchvision::nms does not exist')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert tolerate_torchvision()
    assert sys.modules["torchvision"].__version__ == "9.9"
    assert not tolerate_torchvision()


@pytest.mark.usefixtures("no_torchvision")
def test_no_wheel_at_all_is_no_matter(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    assert not tolerate_torchvision()
