"""An inference process and cameras that the test plays to it."""

import time
from contextlib import contextmanager

import numpy as np
from live_captures import until

from normalcy.live.config.live import LiveConfig
from normalcy.live.engine.inference import Configure, InferenceJob, Ready, run_inference
from normalcy.live.frames.layout import Layout
from normalcy.live.frames.memory import CameraMemory, Picture, Stamped
from normalcy.live.processes import CONTEXT, StopFlag
from normalcy.live.store.events import EventFilter, find_events
from normalcy.live.store.store import Store, sqlite_url
from normalcy.video.jpeg import encoded
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
