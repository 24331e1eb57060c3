import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cli_footage import SIZE_PX, make_scene

from normalcy.cli.main import main


@dataclass(frozen=True)
class Outcome:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line that says what went wrong."""
        (line,) = [line for line in self.err.splitlines() if line.startswith("Error: ")]
        assert self.err.rstrip("\n").endswith(line), self.err
        return line.removeprefix("Error: ")

    @property
    def warnings(self) -> list[str]:
        return [
            line.removeprefix("Warning: ") for line in self.err.splitlines() if line.startswith("Warning: ")
        ]


@pytest.fixture(autouse=True)
def no_colours(monkeypatch) -> None:
    """Whoever runs the tests, and in whatever terminal: output looks as in a file."""
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def normalcy(capfd) -> Callable[..., Outcome]:
    """Runs a command in this process; no command may ever print a traceback of its own accord."""

    def run(*words: object) -> Outcome:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        captured = capfd.readouterr()
        if "--debug" not in words:
            assert "Traceback" not in captured.err + captured.out
        return Outcome(ended.value.code, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def scene(tmp_path_factory) -> Path:
    return make_scene(tmp_path_factory.mktemp("scene"))


@pytest.fixture(scope="session")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def flow_words(scene, cache) -> list[str]:
    """A fit of the flow floor, but for its run folder."""
    sets = [f"model.size_px={list(SIZE_PX)}", f"data.cache={cache}"]
    return ["fit", "flow-magnitude", "--data", "folder", "--root", str(scene), *_set(sets)]


@pytest.fixture(scope="session")
def stae_words(scene, cache) -> list[str]:
    """A fit of a tiny autoencoder that takes six short epochs, but for its run folder."""
    sets = [
        "model.size_px=[35,43]",
        "model.clip_len_frames=6",
        "model.encoder_channels=[4,4]",
        "model.lstm_channels=[4]",
        "training.epochs=6",
        "training.clips_per_epoch=16",
        "training.precision=float32",
        f"data.cache={cache}",
    ]
    return ["fit", "stae", "--data", "folder", "--root", str(scene), *_set(sets)]


@pytest.fixture(scope="session")
def flow_run(flow_words, tmp_path_factory) -> Path:
    """A run folder with a bundle of the flow floor; not to be written to."""
    return _fitted(flow_words, tmp_path_factory.mktemp("runs") / "flow")


@pytest.fixture(scope="session")
def stae_run(stae_words, tmp_path_factory) -> Path:
    """A run folder with a bundle of the tiny autoencoder; not to be written to."""
    return _fitted([*stae_words, "--set", "training.epochs=1"], tmp_path_factory.mktemp("runs") / "stae")


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Callable[[str], Path]]:
    """Mounts a disk of a size such as `300k`; skips where that is not allowed."""
    mounted: list[Path] = []

    def mount(size: str) -> Path:
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        _mount(folder, f"size={size}")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        _unmount(folder)


@pytest.fixture
def read_only(tmp_path) -> Iterator[Path]:
    """A folder that cannot be written to, not even by root."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    if os.geteuid() != 0:
        folder.chmod(0o500)
        yield folder
        return
    _mount(folder, "ro")
    yield folder
    _unmount(folder)


def _mount(folder: Path, options: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")


def _unmount(folder: Path) -> None:
    # Lazily: an error that pytest still holds may keep a file open.
    subprocess.run(["umount", "--lazy", folder], check=True)


def _set(settings: list[str]) -> list[str]:
    return [word for setting in settings for word in ("--set", setting)]


def _fitted(words: list[str], run: Path) -> Path:
    with pytest.raises(SystemExit) as ended:
        main([*words, "--out", str(run)])
    assert ended.value.code == 0
    return run
