"""The inference process itself: started, killed, started again, told of cameras, and stopped."""

import time
from dataclasses import replace

import numpy as np
import pytest
from live_captures import until
from live_inference import PATIENCE_SECONDS, RUNNING, WALKING, Feed, engine

from normalcy.errors import BundleError
from normalcy.live.config.live import LiveConfig
from normalcy.live.engine.inference import Counters, InferenceJob, Relearn, run_inference
from normalcy.live.processes import CONTEXT, StopFlag
from normalcy.live.store.events import update_event
from normalcy.live.store.scores import read_scores
from normalcy.live.store.store import Store, sqlite_url
from normalcy.live.store.verdicts import give_verdict
from normalcy.video.reader import open_video


def test_killed_while_an_event_is_open_it_goes_on_with_it(tmp_path, tiny_flow_run):
    with engine(tmp_path, tiny_flow_run) as running:
        event = running.alarm()
        assert running.alerts_bell.acquire(timeout=PATIENCE_SECONDS), "who sends messages was woken"
        running.kill()
        running.start()
        running.feeds["a"].show_until(RUNNING, lambda: running.events()[0].ended_at > event.ended_at)
        assert [each.id for each in running.events()] == [event.id]
        running.feeds["a"].show_until(WALKING, lambda: running.events(state="closed"))
        (closed,) = running.events()
        assert (closed.id, closed.interrupted) == (event.id, False)
        assert closed.started_at == event.started_at
        assert not running.events("b")


def test_killed_while_an_event_is_open_that_nothing_goes_on_with(tmp_path, tiny_flow_run):
    with engine(tmp_path, tiny_flow_run) as running:
        event, gone = running.alarm("a"), running.alarm("b")
        running.kill()
        with running.store.transaction() as session:
            for each in (event, gone):
                update_event(session, replace(each, ended_at=each.ended_at - 1000))
        del running.feeds["b"]
        running.start()
        running.feeds["a"].show_until(WALKING, lambda: not running.events(state="open"))
        assert running.events()[0].interrupted
        until(lambda: running.events("b", state="closed"))
        assert running.events("b")[0].interrupted, "its camera is not watched any more"


def test_a_graceful_stop_closes_events_and_writes_their_pictures(tmp_path, tiny_flow_run):
    with engine(tmp_path, tiny_flow_run) as running:
        running.alarm("a")
        running.alarm("b")
        running.end()
        for camera in ("a", "b"):
            (event,) = running.events(camera)
            assert (event.state, event.interrupted) == ("closed", False)
            folder = running.media / event.media
            names = {each.name for each in folder.iterdir()}
            assert names == {"snapshot.jpg", "heatmap.jpg", "clip.mp4"}
            assert event.media_bytes == sum(each.stat().st_size for each in folder.iterdir())
            assert event.sentence
            with open_video(folder / "clip.mp4") as video:
                assert len(list(video)) > 2
        with running.store.reading() as session:
            _, score_N, _ = read_scores(session, "a", 0, time.time() + 60)
        assert np.isfinite(score_N).any()


def test_cameras_come_and_go_and_a_false_alarm_raises_the_threshold(tmp_path, tiny_flow_run):
    with engine(tmp_path, tiny_flow_run) as running:
        event = running.alarm("b")
        running.configure("a")
        until(lambda: running.events("b", state="closed"))
        running.feeds["c"] = Feed()
        running.configure("a", "c")
        assert running.alarm("c").camera == "c"

        running.alarm("a")
        running.feeds["a"].show_until(WALKING, lambda: running.events("a", state="closed"))
        record, event = running.feeds["a"].memory.engine, running.events("a")[0]
        before = float(record.threshold[0])
        with running.store.transaction() as session:
            give_verdict(session, event.id, "false_alarm", by="me", at=time.time())
        running.control.send(Relearn("a"))
        running.feeds["a"].show_until(WALKING, lambda: float(record.threshold[0]) != before)
        assert float(record.threshold[0]) > event.peak_score > before


def test_the_scoring_loop_says_that_it_lives_and_what_it_counted(tmp_path, tiny_flow_run):
    with engine(tmp_path, tiny_flow_run) as running:
        assert running.hear(Counters) == Counters()
        (running.media / "a").write_text("a file where its events' folder should be")
        running.alarm("a")
        until(lambda: running.hear(Counters).media_failures > 0)


def test_a_verdict_on_an_open_event_is_taken_up_when_it_ended(tmp_path, tiny_flow_run):
    with engine(tmp_path, tiny_flow_run) as running:
        event = running.alarm("a")
        assert event.detector == running.ready.detectors["main"].identity
        with running.store.transaction() as session:
            give_verdict(session, event.id, "false_alarm", by="me", at=time.time())
        record = running.feeds["a"].memory.engine
        running.feeds["a"].show(RUNNING, 20)
        running.feeds["a"].show_until(WALKING, lambda: running.events("a", state="closed"))
        running.feeds["a"].show_until(
            WALKING, lambda: float(record.threshold[0]) > running.events("a")[0].peak_score
        )


def test_an_event_of_another_detector_ends_where_the_engine_starts_anew(tmp_path, tiny_flow_run):
    with engine(tmp_path, tiny_flow_run) as running:
        event = running.alarm("a")
        running.kill()
        with running.store.transaction() as session:
            update_event(session, replace(event, detector="another"))
        running.start()
        until(lambda: running.events(state="closed"), seconds=PATIENCE_SECONDS)
        assert running.events(state="closed")[0].interrupted


def test_a_detector_that_is_not_there_is_said(tmp_path):
    config = LiveConfig.model_validate({"bundles": {"main": {"path": tmp_path / "nowhere"}}})
    Store(sqlite_url(tmp_path), migrate=True).close()
    _, theirs = CONTEXT.Pipe()
    words = {"doorbell": None, "alerts_bell": None, "stop": StopFlag(), "control": theirs}
    with pytest.raises(BundleError, match="nowhere"):
        run_inference(InferenceJob(config, sqlite_url(tmp_path), tmp_path), **words)
