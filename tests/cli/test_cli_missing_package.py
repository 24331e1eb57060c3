"""A package that is installed only on demand: one line that says how to get it, and an exit code of its own."""

import sys

import pytest

from normalcy.cli.console import run_command
from normalcy.cli.missing import ON_DEMAND, missing_package

OUR_DEFECT, MISSING = 70, 7


def importing(name: str):
    return lambda: __import__(name)


@pytest.fixture
def nothing_on_demand(monkeypatch) -> None:
    for name in list(sys.modules):
        if name.partition(".")[0] in ON_DEMAND:
            monkeypatch.delitem(sys.modules, name)
    for name in ON_DEMAND:
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.parametrize("imported", list(ON_DEMAND))
def test_each_says_what_to_install(imported, nothing_on_demand, capsys):
    assert run_command(importing(imported)) == MISSING
    package, extra = ON_DEMAND[imported]
    wanted = f"'normalcy[{extra}]'" if extra else package
    line = f"Error: this command needs {package}, which is not installed. pip install {wanted}\n"
    assert capsys.readouterr().err == line


def test_a_module_of_a_missing_package_is_that_package(nothing_on_demand, capsys):
    assert run_command(importing("sklearn.metrics")) == MISSING
    assert "needs scikit-learn" in capsys.readouterr().err


def test_another_package_is_a_defect(capsys):
    assert run_command(importing("no_such_package")) == OUR_DEFECT
    assert "No module named 'no_such_package' (a defect of normalcy" in capsys.readouterr().err


def test_a_module_that_an_installed_package_lacks_is_a_defect(capsys):
    assert run_command(importing("scipy.no_such_module")) == OUR_DEFECT
    assert "a defect of normalcy" in capsys.readouterr().err


def test_an_error_without_a_name_says_nothing_of_packages():
    assert missing_package(ModuleNotFoundError("somewhere")) is None


def test_a_traceback_only_where_asked_for(nothing_on_demand, capsys):
    assert run_command(importing("torch"), debug=True) == MISSING
    assert "Traceback" in capsys.readouterr().err
