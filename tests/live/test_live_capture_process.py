"""Capture as a process: it stops when it is told to, even where its decoder hangs, and never outlives its parent."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from live_captures import SPAWN, make_memory, until
from live_streams import FaultyStream
from live_wedged import die, hang_altogether, hang_politely, run_wedged

from normalcy.live.cameras import probe
from normalcy.live.cameras.capture import CaptureJob, run_capture
from normalcy.live.cameras.probe import probe_source
from normalcy.live.config.camera import CameraConfig
from normalcy.live.processes import StopFlag, run_stage
from normalcy.methods.contract import ClipSpec

SPEC = ClipSpec(length_frames=2, size_px=(24, 32), channels=1)
PATTERN = "test-pattern:64x48@50"


@pytest.fixture
def memory():
    memory = make_memory()
    yield memory
    memory.close()
    memory.unlink()


class Running:
    """A capture process, started as the supervisor does."""

    def __init__(self, memory, target=run_capture, **words):
        self.stop, (self._pipe, control) = StopFlag(), SPAWN.Pipe()
        job = CaptureJob("door", CameraConfig(source=PATTERN), memory.name, SPEC, 10.0)
        self.doorbell = SPAWN.Semaphore(0)
        words |= {"doorbell": self.doorbell, "stop": self.stop, "control": control, "as_json": False}
        self.process = SPAWN.Process(target=run_stage, args=(target, job), kwargs=words, name="capture door")
        self.process.start()
        control.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.join()
        self.process.close()
        self._pipe.close()


def test_it_captures_and_rings_until_it_is_told_to_stop(memory):
    with Running(memory) as running:
        assert running.doorbell.acquire(timeout=30)
        until(lambda: memory.capture.written[0] > 5)
        assert memory.read().image_HWC.shape == (24, 32, 1)
        assert memory.capture.pid[0] == running.process.pid
        assert memory.picture() is not None
        running.stop.set()
        running.process.join(30)
        assert running.process.exitcode == 0


def test_ctrl_c_is_the_supervisors_and_sigterm_means_stop(memory):
    with Running(memory) as running:
        until(lambda: memory.capture.written[0] > 5)
        os.kill(running.process.pid, signal.SIGINT)
        before = int(memory.capture.written[0])
        until(lambda: memory.capture.written[0] > before + 5)
        os.kill(running.process.pid, signal.SIGTERM)
        running.process.join(30)
        assert running.process.exitcode == 0


def test_a_killed_one_is_followed_by_another(memory):
    for generation in (1, 2, 3):
        with Running(memory) as running:
            until(lambda generation=generation: memory.capture.generation[0] == generation)
            written = int(memory.capture.written[0])
            until(lambda written=written: memory.capture.written[0] > written)
            running.process.kill()
            running.process.join()
            assert running.process.exitcode == -signal.SIGKILL
    frames = []
    while (frame := memory.read()) is not None:
        frames.append(frame)
    assert [frame.index for frame in frames] == sorted({frame.index for frame in frames})


def stands_still(memory):
    before = float(memory.capture.heartbeat[0])
    time.sleep(0.3)
    return memory.capture.heartbeat[0] == before


def test_a_decoder_that_hangs_is_noticed_and_ends_when_it_is_told_to(memory):
    with Running(memory, run_wedged, hang=hang_politely) as running:
        until(lambda: memory.capture.written[0] == 3 and stands_still(memory))
        running.stop.set()
        running.process.join(30)
        assert running.process.exitcode == 0


def test_a_process_that_hangs_altogether_is_killed(memory):
    with Running(memory, run_wedged, hang=hang_altogether) as running:
        until(lambda: memory.capture.written[0] == 3 and stands_still(memory))
        running.stop.set()
        running.process.join(0.5)
        assert running.process.is_alive()
        running.process.kill()
        running.process.join(30)
        assert running.process.exitcode == -signal.SIGKILL
        assert [memory.read().index for _ in range(3)] == [0, 1, 2]


ENGINE = """
    import sys, time
    sys.path.insert(0, {tests!r})
    from live_captures import make_memory, until
    from test_live_capture_process import Running, run_capture, run_wedged, hang_politely

    if __name__ == "__main__":
        memory = make_memory()
        running = Running(memory, {words})
        until(lambda: memory.capture.written[0] >= 3)
        print(running.process.pid, flush=True)
        time.sleep(600)
"""


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes cannot be looked at")
@pytest.mark.parametrize("words", ["run_capture", "run_wedged, hang=hang_politely"])
def test_it_ends_with_its_parent(words, tmp_path):
    script = tmp_path / "engine.py"
    script.write_text(textwrap.dedent(ENGINE.format(tests=str(Path(__file__).parent), words=words)))
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as engine:
        pid = int(engine.stdout.readline())
        assert is_running(pid)
        engine.kill()
    until(lambda: not is_running(pid))


def test_trying_a_source():
    result = probe_source("test-pattern:64x48@10", timeout_seconds=20)
    assert result.ok
    assert result.message == "64x48, 10 frames per second, rawvideo"
    assert result.jpeg.startswith(b"\xff\xd8")


def test_trying_a_source_that_is_not_there(tmp_path):
    result = probe_source(str(tmp_path / "nothing.mp4"), timeout_seconds=20)
    assert (result.ok, result.jpeg) == (False, None)
    assert "no such file or folder" in result.message


def test_trying_a_source_that_does_not_answer():
    with FaultyStream("mjpeg") as stream:
        stream.mute()
        result = probe_source(stream.url_for("guard", "s3cret"), timeout_seconds=0.5)
    assert not result.ok
    assert "did not open within 0.5 s" in result.message
    assert "s3cret" not in result.message


def test_trying_a_source_that_breaks_the_decoder(monkeypatch):
    monkeypatch.setattr(probe, "_probe", die)
    assert probe_source(PATTERN, timeout_seconds=20).message == "What came from it broke the decoder."
