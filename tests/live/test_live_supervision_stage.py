"""Real processes that die, hang, come back and are given up."""

import os
import signal
import time

import pytest
from live_captures import until

from normalcy.errors import ConfigError, OutputError
from normalcy.live.config.live import LiveConfig
from normalcy.live.engine import inference
from normalcy.live.engine.orders import InferenceJob
from normalcy.live.processes import Heart
from normalcy.live.store.store import Store, sqlite_url
from normalcy.live.supervision.restarts import Restarts
from normalcy.live.supervision.stage import CONTEXT, TRANSITIONS, Stage


def idle(job, *, stop, control, bell):
    """Says what it was told, and waits."""
    control.send(job)
    bell.release()
    stop.wait()
    control.send("bye")


def deaf(job, *, stop, control, bell):
    """Hears nothing."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    control.send(job)
    bell.release()
    time.sleep(600)


def listening(job, *, stop, control, bell):
    """Sends back what it is sent."""
    bell.release()
    while not stop.is_set():
        if control.poll(0.01):
            control.send(control.recv())


def failing(job, *, stop, control, bell):
    """Has a reason."""
    raise job


def broken(job, *, stop, control, bell):
    """A defect."""
    raise ZeroDivisionError("rtsp://guard:hunter2@door")


def hanging(job, *, stop, control, bell):
    """The engine, with a detector that never opens."""

    def open_never(*_):
        control.send("opening")
        time.sleep(600)

    inference.open_detector = open_never
    inference.run_inference(job, doorbell=bell, alerts_bell=bell, stop=stop, control=control)


def clumsy(job, *, stop, control, bell):
    """Cannot do what it has to at its end."""
    bell.release()
    stop.wait()
    raise OutputError("the disk is full")


def beating(job, *, stop, control, bell):
    """Says that it lives, until it hangs."""
    heart = Heart(control, every_seconds=0.01)
    heart.beat()
    bell.release()
    while not stop.wait(0.01):
        heart.beat()


class Rig:
    """A stage with all that it said; once it is up, it may be silent for so long only, where that is given."""

    def __init__(self, target, job="hello", *, silent_seconds=None, **words):
        self.said, self.bell = [], CONTEXT.Semaphore(0)
        self.is_up = False
        if silent_seconds is not None:
            # To begin takes a slow machine longer.
            words["patience_seconds"] = lambda: silent_seconds if self.is_up else 60.0
        words = {"restarts": Restarts(most=2, first_wait_seconds=0.01)} | words
        self.stage = Stage(
            "worker",
            target=target,
            job=lambda: job,
            shared={"bell": self.bell},
            on_message=self.said.append,
            **words,
        )

    def until(self, holds):
        def looked():
            self.stage.tick(time.monotonic())
            return holds()

        until(looked, what=(self.stage.state, self.stage.reason))

    def begin(self):
        self.stage.start()
        self.until_up()
        return self.stage.pid

    def until_up(self):
        self.is_up = False
        self.until(lambda: self.bell.acquire(block=False))
        self.is_up = True


@pytest.fixture
def rig():
    made = []

    def make(target, *args, **words):
        made.append(Rig(target, *args, **words))
        return made[-1]

    yield make
    for each in made:
        each.stage.ask_to_stop()
        each.stage.kill()
        each.stage.join(10)


@pytest.fixture
def worker(rig):
    made = rig(idle)
    made.begin()
    return made


def test_it_ends_when_it_is_asked_and_says_all_it_has_to_say(worker):
    status = worker.stage.status
    assert (status.state, status.pid, status.restarts) == ("running", worker.stage.pid, 0)
    assert status.memory_bytes > 1_000_000
    worker.stage.ask_to_stop()
    assert worker.stage.join(30)
    assert worker.said == ["hello", "bye"]
    worker.stage.tick(time.monotonic())
    assert (worker.stage.state, worker.stage.pid) == ("stopped", None)


def test_one_that_is_killed_comes_back_until_that_is_too_often(worker):
    for deaths in (1, 2):
        pid = worker.stage.pid
        os.kill(pid, signal.SIGKILL)
        worker.until(lambda deaths=deaths: worker.stage.status.restarts == deaths)
        worker.until_up()
        assert worker.stage.pid != pid
        assert worker.stage.reason == "was killed by SIGKILL"
    os.kill(worker.stage.pid, signal.SIGKILL)
    worker.until(lambda: worker.stage.state == "failed")
    assert worker.stage.pid is None
    worker.stage.forgive()
    worker.until_up()
    assert worker.stage.state == "running"


def test_one_that_hears_nothing_is_killed_in_time(rig):
    made = rig(deaf)
    made.begin()
    made.stage.ask_to_stop()
    begin = time.monotonic()
    assert not made.stage.join(0.2)
    assert time.monotonic() - begin < 20  # it would have slept for ten minutes
    assert made.stage.pid is None


def test_ctrl_c_in_the_terminal_does_not_end_it(worker):
    pid = worker.stage.pid
    os.kill(pid, signal.SIGINT)
    worker.stage.ask_to_stop()
    assert worker.stage.join(30)
    assert worker.said == ["hello", "bye"]


def test_sigterm_ends_it_gently(worker):
    os.kill(worker.stage.pid, signal.SIGTERM)
    worker.until(lambda: "bye" in worker.said)
    worker.until(lambda: worker.stage.reason == "ended with exit code 0")


def test_a_reason_that_may_pass_is_tried_again(rig):
    made = rig(failing, OutputError("the disk is full", where="data"))
    made.stage.start()
    made.until(lambda: made.stage.state == "failed")
    assert made.stage.status.restarts == 3
    assert (made.stage.reason, made.stage.exit_code) == ("data: the disk is full", 4)


def test_a_reason_that_needs_a_person_is_not_tried_again(rig):
    made = rig(failing, ConfigError("there is no backend 'x'"))
    made.stage.start()
    made.until(lambda: made.stage.state == "failed")
    assert made.stage.status.restarts == 1
    assert (made.stage.reason, made.stage.exit_code) == ("there is no backend 'x'", 2)


def test_a_defect_is_named_without_what_it_says(rig, capfd):
    made = rig(broken)
    made.stage.start()
    made.until(lambda: made.stage.state == "failed")
    assert "ZeroDivisionError" in made.stage.reason
    assert made.stage.exit_code == 70
    log = capfd.readouterr().err
    assert "Traceback" in log
    assert "hunter2" not in made.stage.reason + log


def test_one_that_hangs_is_killed_and_comes_back(rig):
    made = rig(beating, silent_seconds=1.0)
    pid = made.begin()
    heard = made.stage.heard
    made.until(lambda: made.stage.heard > heard + 1.5)  # it lives for longer than it may be silent
    assert (made.stage.pid, made.stage.hung_at, made.said) == (pid, None, [])
    os.kill(pid, signal.SIGSTOP)
    made.until(lambda: made.stage.state == "restarting")
    assert made.stage.reason.startswith("it gave no sign of life for ")
    made.until_up()
    assert made.stage.pid != pid
    assert made.stage.hung_at >= made.stage.since - 60


def test_a_detector_that_never_opens_is_noticed(rig, tmp_path):
    config = LiveConfig.model_validate({"bundles": {"main": {"path": tmp_path}}, "cameras": {}})
    Store(sqlite_url(tmp_path), migrate=True).close()
    job = InferenceJob(config, sqlite_url(tmp_path), tmp_path)
    made = rig(hanging, job, patience_seconds=lambda: 3.0 if made.said else 60.0)
    made.stage.start()
    made.until(lambda: made.said)
    made.until(lambda: made.stage.hung_at is not None)
    assert made.said == ["opening"]


def test_what_went_wrong_at_its_end_is_told(rig):
    made = rig(clumsy)
    made.begin()
    made.stage.ask_to_stop()
    assert not made.stage.join(30)
    made.stage.start()
    made.until(lambda: made.stage.pid is not None)
    made.stage.kill()
    made.until(lambda: made.stage.state == "restarting")
    made.stage.ask_to_stop()
    assert made.stage.join(30), "the words of one before say nothing"


def test_silence_says_nothing_where_nobody_listened(rig):
    made = rig(deaf, silent_seconds=1.0)
    pid = made.begin()
    now = made.stage.heard
    for late in (100, 100.9, 200, 200.9):  # this process itself was held up twice
        made.stage.tick(now + late)
        assert (made.stage.state, made.stage.pid) == ("running", pid)
    made.stage.tick(now + 201.1)
    made.until(lambda: made.stage.pid != pid)


def test_only_written_transitions_are_taken(rig):
    made = rig(idle)
    with pytest.raises(AssertionError, match="stopped cannot become failed"):
        made.stage._become("failed")
    made.begin()
    since = made.stage.since
    made.stage._become("running")
    assert made.stage.since == since
    assert {each for arrows in TRANSITIONS.values() for each in arrows} == set(TRANSITIONS)


def test_a_new_job_starts_it_anew_and_is_no_death(worker):
    pid = worker.stage.pid
    worker.stage.renew(time.monotonic(), grace_seconds=600)
    assert worker.stage.status.state == "restarting"
    worker.until_up()
    assert worker.stage.pid != pid
    worker.until(lambda: worker.said == ["hello", "bye", "hello"])
    assert worker.stage.status.restarts == 0


def test_a_new_job_does_not_wait_for_one_that_hears_nothing(rig):
    made = rig(deaf)
    pid = made.begin()
    made.stage.renew(time.monotonic(), grace_seconds=0.1)
    made.until_up()
    assert made.stage.pid not in (None, pid)


def test_messages_arrive(rig):
    made = rig(listening)
    made.begin()
    made.stage.send({"a": 1})
    made.until(lambda: made.said == [{"a": 1}])


def test_one_that_reads_nothing_does_not_hold_up_who_sends(rig):
    made = rig(deaf)
    pid = made.begin()
    for _ in range(100):
        if made.stage.pid != pid:
            break
        made.stage.send(bytes(100_000))
        made.stage.tick(time.monotonic())
    made.until_up()
    assert made.stage.pid != pid


def test_what_is_sent_to_none_is_given_up(worker):
    os.kill(worker.stage.pid, signal.SIGKILL)
    until(lambda: worker.stage.has_ended())
    worker.stage.send("hello")  # it was not noticed yet
    worker.stage.ask_to_stop()
    assert worker.stage.join(10)
    worker.stage.send("hello")


def test_a_system_that_starts_nothing_is_asked_again(worker, monkeypatch):
    process = CONTEXT.Process

    def refuse(self):
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(process, "start", refuse)
    os.kill(worker.stage.pid, signal.SIGKILL)
    worker.until(lambda: worker.stage.reason == "cannot be started (Resource temporarily unavailable)")
    monkeypatch.undo()
    worker.until_up()
    assert worker.stage.state == "running"


def test_a_job_that_cannot_be_had_is_asked_for_again(worker, monkeypatch):
    def refuse():
        raise ConfigError("the environment variable DOOR is not set")

    monkeypatch.setattr(worker.stage, "_job", refuse)
    os.kill(worker.stage.pid, signal.SIGKILL)
    worker.until(lambda: "DOOR is not set" in worker.stage.reason)
    monkeypatch.undo()
    worker.until_up()


def test_waits_grow_and_old_deaths_are_forgotten():
    restarts = Restarts(most=3, window_seconds=100, first_wait_seconds=1, longest_wait_seconds=3)
    assert [restarts.died(now) for now in (0, 10, 20)] == [1, 2, 3]
    assert restarts.died(101) == 3  # that at 0 is forgotten
    assert restarts.died(102) is None
    assert restarts.total == 5
    restarts.forgive()
    assert restarts.died(103) == 1
