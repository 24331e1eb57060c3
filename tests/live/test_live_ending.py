"""The end of an engine: what was not stored by then is told, and nobody who was told to stop waits."""

import contextlib
import os
import signal
import threading
from types import SimpleNamespace

import pytest

from normalcy.errors import OutputError, RunFolderBusy
from normalcy.live import watch as watching
from normalcy.live.config.live import LiveConfig
from normalcy.live.engine import inference
from normalcy.live.engine.orders import Counters, InferenceJob
from normalcy.live.processes import CONTEXT, StopFlag
from normalcy.live.store.store import sqlite_url
from normalcy.live.supervision import supervisor as supervision
from normalcy.live.supervision.supervisor import Supervisor


@pytest.fixture
def config(tmp_path):
    return LiveConfig.model_validate(
        {"data": tmp_path, "bundles": {"main": {"path": tmp_path}}, "cameras": {}, "web": {"enabled": False}}
    )


@pytest.mark.parametrize("is_written", [True, False])
def test_an_engine_that_could_not_write_everything_says_so_and_what_it_counted(
    config, tmp_path, monkeypatch, is_written
):
    made = SimpleNamespace(stop=lambda: is_written, facts="ready", counters=Counters(lost=7))
    monkeypatch.setattr(inference, "Inference", lambda *_, **__: made)
    ours, theirs = CONTEXT.Pipe()
    stop, bell = StopFlag(), threading.Semaphore(0)
    stop.set()
    expected = (
        contextlib.nullcontext() if is_written else pytest.raises(OutputError, match="not take everyth")
    )
    with ours, theirs, expected:
        job = InferenceJob(config, sqlite_url(tmp_path), tmp_path)
        try:
            inference.run_inference(job, doorbell=bell, alerts_bell=bell, stop=stop, control=theirs)
        finally:
            assert [ours.recv(), ours.recv()] == ["ready", Counters(lost=7)]


@pytest.mark.parametrize("takes", ["inference", "recorder", "both"])
def test_the_supervisor_knows_whether_everything_was_stored(config, monkeypatch, takes):
    made = Supervisor(config)
    made._thread = threading.Thread(target=lambda: None)
    made._thread.start()
    monkeypatch.setattr(made.inference, "join", lambda _: takes != "recorder")
    monkeypatch.setattr(made._recorder, "stop", lambda _: takes != "inference")
    assert made.stop() is made.is_stored is (takes == "both")


@pytest.mark.parametrize("is_stored", [True, False])
def test_watch_does_not_claim_that_events_are_stored_where_they_are_not(config, monkeypatch, is_stored):
    @contextlib.contextmanager
    def ran(*_, **__):
        yield SimpleNamespace(supervisor=SimpleNamespace(failure=None, is_stored=is_stored))

    monkeypatch.setattr(watching, "watching", ran)
    expected = contextlib.nullcontext() if is_stored else pytest.raises(OutputError, match="not everything")
    with expected:
        watching.watch(config, on_start=lambda _: os.kill(os.getpid(), signal.SIGTERM))


def test_sigterm_ends_the_wait_for_an_engine_that_holds_the_database(config, monkeypatch):
    def claim(_, *, told_to_stop):
        os.kill(os.getpid(), signal.SIGTERM)
        assert told_to_stop.wait(60)
        raise RunFolderBusy("another engine uses this database")

    monkeypatch.setattr(supervision, "claim_database", claim)
    with pytest.raises(RunFolderBusy):
        watching.watch(config, on_start=lambda _: pytest.fail("it started"))
