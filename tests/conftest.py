"""Fixtures that every test room shares."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Folder of real benchmarks; skips the test where it is absent."""
    root = Path(os.environ.get("NORMALCY_DATA", REPOSITORY.parent / "shared" / "data"))
    if not root.is_dir():
        pytest.skip(f"no real data: {root} is not a folder (set NORMALCY_DATA)")
    return root
