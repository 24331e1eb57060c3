"""`normalcy watch` as a process of its own: started, told to stop, killed, and started again at once."""

import shutil
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest
from live_captures import until
from live_engine_folder import EngineFolder
from live_engine_rig import children_of, is_alive, shared_memory_of

from normalcy.live.store.events import open_events
from normalcy.live.store.opening import store_of

COMMAND = (sys.executable, "-c", "from normalcy.cli.main import main; main()", "watch")


class Watch:
    """A running command."""

    def __init__(self, log, *words):
        self.log = log
        # A shell in the background starts its jobs deaf to Ctrl-C; a terminal does not.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        with log.open("w") as out:
            self.process = subprocess.Popen(
                [*COMMAND, *map(str, words)], stdout=out, stderr=subprocess.STDOUT
            )
        signal.signal(signal.SIGINT, before)

    @property
    def out(self):
        return self.log.read_text()

    def until_said(self, text):
        until(lambda: text in self.out or self.process.poll() is not None, what=text)
        assert text in self.out, self.out

    def url(self):
        self.until_said("Open http")
        return self.out.partition("Open ")[2].split()[0]

    def ends(self):
        return self.process.wait(60)

    def send(self, *signals):
        for number in signals:
            self.process.send_signal(number)
        return self.ends()


@pytest.fixture(scope="module")
def folder(tiny_flow_run, tiny_root, tmp_path_factory):
    path = tmp_path_factory.mktemp("watch")
    made = EngineFolder(path, run=tiny_flow_run.path, videos=tiny_root / "test")
    loud = made.camera("runner", false_alarms_per_day=100_000, alert_per_day=100_000)
    made.write(cameras={"runner": loud}, web={"port": 0})
    return made


@pytest.fixture
def watch(tmp_path):
    started = []

    def start(*words):
        started.append(Watch(tmp_path / f"log{len(started)}", *words))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()


def stored_events(folder):
    with store_of(folder.config) as store, store.reading() as session:
        return open_events(session)


def test_ctrl_c_stops_it_gently_even_twice(folder, watch):
    command = watch(folder.file)
    command.until_said("opened.")
    children = children_of(command.process.pid)
    assert command.send(signal.SIGINT, signal.SIGINT, signal.SIGTERM) == 0
    assert command.out.splitlines()[-1] == "Stopped. Events are stored."
    assert "Traceback" not in command.out
    assert not any(map(is_alive, children))
    assert stored_events(folder) == []


def test_killed_it_leaves_nothing_behind_and_starts_again_at_once(folder, watch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder.write(web={"port": port})
    command = watch(folder.file)
    command.until_said("opened.")
    children = children_of(command.process.pid)
    memory = set().union(*map(shared_memory_of, children))
    assert len(children) == 3
    assert memory
    assert command.send(signal.SIGKILL) == -9
    again = watch(folder.file)
    again.until_said(f"Open http://127.0.0.1:{port}")
    until(lambda: not any(map(is_alive, children)))
    until(lambda: not any(path.exists() for path in memory))
    again.until_said("is online")
    assert again.send(signal.SIGTERM) == 0
    assert again.out.splitlines()[-1] == "Stopped. Events are stored."
    folder.write(web={"port": 0})
    assert stored_events(folder) == []


def test_an_address_that_is_taken_is_one_clear_line_and_nothing_is_started(folder, watch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        folder.write(web={"port": port})
        command = watch(folder.file)
        assert command.ends() == 4
    folder.write(web={"port": 0})
    (line,) = command.out.splitlines()
    assert line.startswith(f"Error: 127.0.0.1:{port}: cannot listen (Address already in use")


def test_a_detector_that_cannot_be_opened_ends_it_with_a_clear_last_word(folder, watch):
    good = folder.said["bundles"]
    folder.write(bundles={"tiny": {"path": "bundle", "backend": "abacus"}})
    command = watch(folder.file)
    assert command.ends() == 2
    folder.write(bundles=good)
    last = command.out.splitlines()[-1]
    assert last.startswith("Error: inference is given up: ")
    assert "abacus" in last
    assert "Traceback" not in command.out


def test_plain_sources_need_no_configuration(folder, watch, tmp_path):
    source = folder.videos / "calm.mp4"
    words = ("--bundle", folder.path / "bundle", "--data", tmp_path / "data", "--port", 0)
    command = watch(source, *words, "--host", "0.0.0.0", "--log-json")
    command.until_said("A login is needed, and nobody has one yet")
    assert f"normalcy live add-user {tmp_path / 'data' / 'watch.yaml'} NAME --admin" in command.out
    with urllib.request.urlopen(command.url() + "/healthz", timeout=30) as answer:
        assert answer.status == 200
    command.until_said('"message": "camera calm is online"')
    assert command.send(signal.SIGTERM) == 0


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="prlimit is not installed")
def test_a_disk_without_room_is_one_clear_line(folder, tmp_path):
    folder.write(data=str(tmp_path / "elsewhere"))
    limited = ["prlimit", "--fsize=20000", *COMMAND, str(folder.file)]
    done = subprocess.run(limited, capture_output=True, text=True, timeout=60)
    folder.write(data="data")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"Error: {tmp_path / 'elsewhere' / 'events.db'}: ")
    assert done.returncode == 4
