"""The inference process itself: started, killed, started again, told of cameras, and stopped."""

import time
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from live_captures import until

from normalcy.errors import BundleError
from normalcy.live.config.live import LiveConfig
from normalcy.live.engine.inference import Configure, Counters, InferenceJob, Ready, Relearn, run_inference
from normalcy.live.frames.layout import Layout
from normalcy.live.frames.memory import CameraMemory, Picture, Stamped
from normalcy.live.processes import CONTEXT, StopFlag
from normalcy.live.store.events import EventFilter, find_events, update_event
from normalcy.live.store.scores import read_scores
from normalcy.live.store.store import Store, sqlite_url
from normalcy.live.store.verdicts import give_verdict
from normalcy.video.jpeg import encoded
from normalcy.video.reader import open_video
from tiny_scene import FPS, SIZE_PX, scene

PATIENCE_SECONDS = 60.0


# The square goes to and fro, so that the last picture leads to the first.
PICTURES_THWC = scene(100, seed=7)[0]
TURNED_THWC = scene(100, seed=8)[0]
WALKING, RUNNING = 1, 5


class Feed:
    """A camera that the test plays, by a clock of its own, so that a busy machine delays no frame.

    Args:
        turned: It shows something else.
    """

    def __init__(self, *, turned: bool = False) -> None:
        self.pictures_THWC = TURNED_THWC if turned else PICTURES_THWC
        self.wall, self.monotonic = time.time(), time.monotonic()
        self.memory = CameraMemory.create(Layout((*SIZE_PX, 1), 8, 40, 32 * 1024, (12, 16)))
        self.count = self.place = 0

    def show(self, pace, frames):
        """Plays frames, as soon as there is room for them."""
        for _ in range(frames):
            self.place = (self.place + pace) % len(self.pictures_THWC)
            image_HWC = self.pictures_THWC[self.place]
            seconds = self.count / FPS
            now = self.wall + seconds
            self.memory.write(Stamped(image_HWC, self.count, seconds, 1, self.monotonic + seconds, now, 0))
            jpeg = encoded(np.repeat(image_HWC, 3, axis=2))
            self.memory.write_picture(Picture(jpeg, self.count, seconds, now, 0, SIZE_PX))
            self.count += 1
            until(lambda: self.memory.waiting < 6, seconds=PATIENCE_SECONDS)

    def show_until(self, pace, holds):
        end = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            assert time.monotonic() < end
            self.show(pace, 5)


class Engine:
    """An inference process and its cameras."""

    def __init__(self, folder, bundle, **sections) -> None:
        self.media, self.bundle, self.sections = folder / "media", bundle, sections
        self.store = Store(sqlite_url(folder), migrate=True)
        self.feeds = {"a": Feed(), "b": Feed()}
        self.doorbell, self.alerts_bell = CONTEXT.Semaphore(0), CONTEXT.Semaphore(0)

    def config(self, **changes):
        cameras = {name: {"source": "test-pattern", "scene_change": False} for name in self.feeds}
        events = {"cool_down_seconds": 0.5, "pre_roll_seconds": 1, "post_roll_seconds": 0.5}
        bundles = {"main": {"path": self.bundle, "backend": "torch", "threads": 1}}
        return LiveConfig.model_validate(
            {"bundles": bundles, "cameras": cameras, "events": events, **self.sections, **changes}
        )

    def start(self):
        """Starts the process, and waits until its detectors are open."""
        self.stop, (self.control, theirs) = StopFlag(), CONTEXT.Pipe()
        job = InferenceJob(self.config(), self.store.url.render_as_string(hide_password=False), self.media)
        words = {
            "doorbell": self.doorbell,
            "alerts_bell": self.alerts_bell,
            "stop": self.stop,
            "control": theirs,
        }
        self.process = CONTEXT.Process(target=run_inference, args=(job,), kwargs=words, daemon=True)
        self.process.start()
        theirs.close()
        self.ready = self.hear(Ready)
        self.configure()
        return self.ready

    def hear(self, kind):
        """The next message of a kind; others are passed over."""
        end = time.monotonic() + PATIENCE_SECONDS
        while self.control.poll(max(0.0, end - time.monotonic())):
            if isinstance(message := self.control.recv(), kind):
                return message
        raise AssertionError(f"no {kind.__name__} came")

    def configure(self, *names, **changes):
        feeds = {name: self.feeds[name] for name in names or self.feeds}
        memories = {name: feed.memory.name for name, feed in feeds.items()}
        self.control.send(Configure(self.config(**changes), memories))
        self.doorbell.release()

    def kill(self):
        self.process.kill()
        self.process.join()

    def end(self):
        self.stop.set()
        self.process.join(PATIENCE_SECONDS)
        assert self.process.exitcode == 0

    def events(self, camera="a", **wanted):
        with self.store.reading() as session:
            return find_events(session, EventFilter(cameras=(camera,), **wanted), limit=100)

    def alarm(self, camera="a"):
        """Plays until an event is open, and stored; returns it."""
        self.feeds[camera].show(WALKING, 5)
        self.feeds[camera].show_until(RUNNING, lambda: self.events(camera, state="open"))
        return self.events(camera, state="open")[0]


@contextmanager
def engine(folder, run, **sections):
    """An engine of a folder; `sections` are of its configuration."""
    made = Engine(folder, run.bundle, **sections)
    made.media.mkdir()
    try:
        made.start()
        yield made
    finally:
        made.kill()
        made.store.close()
        for feed in made.feeds.values():
            feed.memory.close()
            feed.memory.unlink()


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
