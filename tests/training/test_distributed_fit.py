"""Fits on several devices from end to end: started by themselves or by torchrun, broken off, resumed, failed."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from normalcy.cli.main import main
from normalcy.errors import TrainingError
from normalcy.run_folder import RunFolder
from normalcy.scoring.bundle import Bundle
from normalcy.training import fit as fit_module
from normalcy.training.devices import Devices
from normalcy.training.distributed import starting
from normalcy.training.fit import fit
from tiny_scene import TINY_STAE, tiny_config

# Each starts processes that import everything anew.
pytestmark = pytest.mark.timeout(300)
TWO = Devices(2)
REACH = 1e-5


@pytest.fixture(scope="module")
def words(tiny_root, tiny_cache) -> list[str]:
    """The command of the tiny autoencoder's fit, but for its run folder and devices."""
    sets = [word for text in (*TINY_STAE, f"data.cache={tiny_cache}") for word in ("--set", text)]
    return ["fit", "stae", "--data", "folder", "--root", str(tiny_root), *sets]


@pytest.fixture
def others(monkeypatch) -> list[starting.Started]:
    """The processes that are started; none is left at the end."""
    found, start = list[starting.Started](), starting._start

    def remembered(*given):
        found.append(start(*given))
        return found[-1]

    monkeypatch.setattr(starting, "_start", remembered)
    return found


def assert_same_weights(found: Bundle, expected: Bundle) -> None:
    assert found.weights.keys() == expected.weights.keys()
    for name, tensor in expected.weights.items():
        np.testing.assert_allclose(found.weights[name], tensor, atol=REACH, rtol=0, err_msg=name)


def assert_resumed(found: Bundle, whole: RunFolder, *, devices: int) -> None:
    assert_same_weights(found, Bundle.load(whole.path))
    assert found.header.fit.training["devices"] == devices
    assert found.header.fit.training["epochs"] == 3


class Stop:
    """A progress callback that does something once training has taken so many steps."""

    def __init__(self, after: int, act) -> None:
        self.after, self.act = after, act

    def __call__(self, what: str, done: int, total: int) -> None:
        if what.startswith("training") and done == self.after:
            self.act()


def press_ctrl_c() -> None:
    raise KeyboardInterrupt


def command(*words: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return ended.value.code


def test_the_command_fits_on_two_devices_and_its_bundle_scores(
    words, others, tiny_run, tiny_root, tmp_path, capfd
):
    run = RunFolder(tmp_path / "run")
    assert command(*words, "--out", run.path, "--devices", 2, "--strategy", "ddp") == 0
    bundle, alone = Bundle.load(run.path), Bundle.load(tiny_run.path)
    assert_same_weights(bundle, alone)
    training, expected = bundle.header.fit.training, alone.header.fit.training
    assert (training["devices"], training["nodes"]) == (2, 1)
    assert (training["steps"], training["clips"]) == (expected["steps"], expected["clips"]) == (9, 72)
    assert [each.process.returncode for each in others] == [0]
    assert [path.name for path in run.logs.glob("csv/*")] == ["version_0"]
    assert "3 epochs, 9 steps, 72 clips; ended by epochs, on 2 devices" in bundle.card
    assert bundle.calibration.frames == alone.calibration.frames
    video = tiny_root / "test" / "runner.mp4"
    assert command("score", run.path, video, "--out", tmp_path / "scores") == 0
    assert "Fitted stae" in capfd.readouterr().out


def test_one_device_resumes_what_ctrl_c_broke_off_on_two(tiny_root, tiny_cache, tiny_run, others, tmp_path):
    config, run = tiny_config(tiny_root, tiny_cache), RunFolder(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        fit(config, run=run, devices=TWO, progress=Stop(5, press_ctrl_c))
    assert (run.checkpoints / "last.ckpt").is_file()
    assert not run.finished.exists()
    assert [each.process.returncode is not None for each in others] == [True]
    assert_resumed(fit(config, run=run, resume=True), tiny_run, devices=1)


def test_a_process_that_is_killed_is_named(tiny_root, tiny_cache, others, tmp_path):
    def kill() -> None:
        os.kill(others[0].process.pid, signal.SIGKILL)

    config = tiny_config(tiny_root, tiny_cache)
    with pytest.raises(TrainingError, match="process 1 of the training was ended by SIGKILL"):
        fit(config, run=RunFolder(tmp_path), devices=TWO, progress=Stop(4, kill))
    assert (tmp_path / "checkpoints" / "last.ckpt").is_file()


def test_an_error_of_another_process_ends_the_command_with_its_one_line(
    words, others, tiny_root, tmp_path, monkeypatch, capfd
):
    """A disk that the other machine has not."""
    begin, root = fit_module._begin, tmp_path / "root"
    root.symlink_to(tiny_root)

    def vanish(*given):
        begin(*given)
        root.unlink()

    monkeypatch.setattr(fit_module, "_begin", vanish)
    own = [str(root) if word == str(tiny_root) else word for word in words]
    assert command(*own, "--out", tmp_path / "run", "--devices", 2) == 3
    errors = [line for line in capfd.readouterr().err.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert errors[0].startswith(f"Error: {root}")
    assert others[0].process.returncode not in (None, 0)


def test_torchrun_starts_it_as_well_and_two_devices_resume_what_one_began(
    words, tiny_root, tiny_cache, tiny_run, tmp_path
):
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        fit(tiny_config(tiny_root, tiny_cache), run=RunFolder(run), progress=Stop(5, press_ctrl_c))
    torchrun = ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--standalone"]
    # Of its processes the first alone says something.
    normalcy = ["-m", "normalcy", *words, "--out", str(run), "--resume", "--json"]
    done = subprocess.run(
        [sys.executable, *torchrun, *normalcy], capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r'"method": "stae"', done.stdout)) == 1
    assert len(re.findall("training: 0/9", done.stderr)) == 1
    assert_resumed(Bundle.load(run), tiny_run, devices=2)
    assert list(Path(tmp_path).iterdir()) == [run]
