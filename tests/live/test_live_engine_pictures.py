"""Pictures of open events: what is written when, also where the camera or the engine goes away."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from live_databases import an_event
from live_engine import Clock, write_pictures

from normalcy.live.config.events import EventsConfig
from normalcy.live.engine.pictures import EventPictures
from normalcy.live.events.incident import Change, Peak, Step
from normalcy.live.frames.layout import Layout
from normalcy.live.frames.memory import CameraMemory
from normalcy.live.store.events import find_event, insert_event, set_media
from normalcy.live.store.models import LeaseRow
from normalcy.live.store.records import Lease
from normalcy.video.jpeg import encoded
from normalcy.video.reader import open_video

pytest_plugins = ["live_databases"]

CONFIG = EventsConfig(pre_roll_seconds=2, post_roll_seconds=1, longest_clip_seconds=8, clip_fps=4)
JPEG = encoded(np.full((36, 48, 3), 90, np.uint8))


class AtOnce:
    """Does at once what the threads do."""

    def __init__(self, store=None) -> None:
        self.store = store

    waiting_bytes = 0

    def submit(self, job, *, size_bytes=0):
        job()

    insist = submit

    def record(self, job, *, then):
        with self.store.transaction() as session:
            job(session)
        then()


@pytest.fixture
def camera():
    memory = CameraMemory.create(Layout((4, 6, 1), 4, 40, 32 * 1024, (12, 16)))
    header = SimpleNamespace(map_scale=(0.0, 1.0))
    bundle = SimpleNamespace(header=header)
    yield SimpleNamespace(name="yard", memory=memory, detector=SimpleNamespace(bundle=bundle))
    memory.close()
    memory.unlink()


@pytest.fixture
def pictures(tmp_path, sqlite_store):
    clock = Clock()
    made = EventPictures(tmp_path, recorder=AtOnce(sqlite_store), writer=AtOnce(), clock=clock)
    made.clock, made.store, made.folder = clock, sqlite_store, tmp_path / "yard/e"
    with sqlite_store.transaction() as session:
        insert_event(session, EVENT)
    return made


EVENT = an_event(1, media="yard/e", state="open")


def step(change, start, end, *, peak=None, score=1.0, known=True):
    seconds = end if peak is None else peak
    worst = Peak(score, 0.0, None, {}, np.ones((4, 6), np.float32), seconds if known else None)
    return Step(change, EVENT, worst, (start, end) if known else None)


def seconds_of(path):
    with open_video(path) as video:
        return len(list(video)) / 4


def noted(pictures):
    with pictures.store.reading() as session:
        return find_event(session, EVENT.id)


def show(camera, pictures, first, last):
    for start in np.arange(first, last, 1.0):
        write_pictures(camera.memory, np.arange(start, start + 1, 0.25), JPEG)
        pictures.collect()


def test_an_event_has_stills_at_once_and_a_clip_when_it_is_over(camera, pictures):
    show(camera, pictures, 0, 6)
    pictures.follow(camera, step(Change.OPENED, 5, 5.5), CONFIG)
    assert {each.name for each in pictures.folder.iterdir()} == {"snapshot.jpg", "heatmap.jpg"}
    show(camera, pictures, 6, 8)
    pictures.follow(camera, step(Change.CLOSED, 5, 7), CONFIG)
    assert not (pictures.folder / "clip.mp4").exists()
    show(camera, pictures, 8, 9)
    assert seconds_of(pictures.folder / "clip.mp4") == pytest.approx(5, abs=0.3)
    assert noted(pictures).media == "yard/e"
    assert noted(pictures).media_bytes == sum(each.stat().st_size for each in pictures.folder.iterdir())


def test_a_long_event_has_its_clip_before_it_ends_and_keeps_no_pictures(camera, pictures):
    show(camera, pictures, 0, 6)
    pictures.follow(camera, step(Change.OPENED, 5, 5.5), CONFIG)
    for second in range(6, 13):
        show(camera, pictures, second, second + 1)
        pictures.follow(camera, step(Change.UPDATED, 5, second + 0.75, peak=5.5), CONFIG)
    assert seconds_of(pictures.folder / "clip.mp4") == pytest.approx(8, abs=0.3)
    (followed,) = pictures._followed.values()
    assert followed.clip is None
    before = (pictures.folder / "snapshot.jpg").stat().st_mtime_ns
    pictures.follow(camera, step(Change.UPDATED, 5, 13, score=2.0), CONFIG)
    assert (pictures.folder / "snapshot.jpg").stat().st_mtime_ns > before, "a worse moment is still shown"
    pictures.follow(camera, step(Change.CLOSED, 5, 13), CONFIG)
    pictures.collect()
    assert noted(pictures).media_bytes > 0
    assert not pictures._followed


def test_a_camera_that_sends_nothing_more_gets_its_clip(camera, pictures):
    show(camera, pictures, 0, 6)
    pictures.follow(camera, step(Change.OPENED, 5, 5.5), CONFIG)
    pictures.follow(camera, step(Change.CLOSED, 5, 5.5), CONFIG)
    pictures.clock.now += 2.9
    pictures.collect()
    assert pictures._followed
    pictures.clock.now += 0.1
    pictures.collect()
    assert seconds_of(pictures.folder / "clip.mp4") == pytest.approx(3, abs=0.3)
    assert not pictures._followed


def test_a_camera_that_is_removed_leaves_its_clip(camera, pictures):
    show(camera, pictures, 0, 6)
    pictures.follow(camera, step(Change.OPENED, 5, 5.5), CONFIG)
    pictures.follow(camera, step(Change.CLOSED, 5, 5.5), CONFIG)
    pictures.abandon("another")
    assert pictures._followed
    pictures.abandon("yard")
    assert (pictures.folder / "clip.mp4").exists()
    assert not pictures._followed


def test_what_a_dead_engine_left_is_noted_where_its_event_ends(camera, pictures):
    pictures.folder.mkdir(parents=True)
    (pictures.folder / "snapshot.jpg").write_bytes(JPEG)
    pictures.follow(camera, step(Change.CLOSED, 0, 0, known=False), CONFIG)
    pictures.collect()
    assert noted(pictures).media_bytes == len(JPEG)
    assert not (pictures.folder / "clip.mp4").exists()
    assert not pictures._followed


def test_an_event_without_pictures_has_no_folder(camera, pictures):
    pictures.follow(camera, step(Change.OPENED, 5, 5.5), CONFIG)
    pictures.follow(camera, replace(step(Change.CLOSED, 5, 5.5)), CONFIG)
    pictures.clock.now += 10
    pictures.collect()
    assert (noted(pictures).media, noted(pictures).media_bytes) == ("", 0)
    assert not pictures.folder.exists()


def test_a_clip_ends_with_its_post_roll_however_long_the_cool_down_is(camera, pictures):
    show(camera, pictures, 0, 4)
    pictures.follow(camera, step(Change.OPENED, 3, 3.5), CONFIG)
    show(camera, pictures, 4, 8)
    pictures.follow(camera, step(Change.CLOSED, 3, 4), CONFIG)
    pictures.collect()
    assert seconds_of(pictures.folder / "clip.mp4") == pytest.approx(2 + 1 + 1, abs=0.3)


def test_a_clip_that_is_cut_while_its_event_cools_down_ends_with_its_post_roll(camera, pictures):
    show(camera, pictures, 0, 4)
    pictures.follow(camera, step(Change.OPENED, 3, 4), CONFIG)
    show(camera, pictures, 4, 11)
    assert seconds_of(pictures.folder / "clip.mp4") == pytest.approx(2 + 1 + 1, abs=0.3)


def test_it_is_noted_where_in_its_clip_an_event_begins(camera, pictures):
    told = []
    pictures._noted = told.append
    show(camera, pictures, 0, 6)
    pictures.follow(camera, step(Change.OPENED, 5.1, 5.5), CONFIG)
    pictures.follow(camera, step(Change.CLOSED, 5.1, 5.5), CONFIG)
    assert noted(pictures).clip_offset_seconds is None
    pictures.abandon("yard")
    assert noted(pictures).clip_offset_seconds == pytest.approx(5.1 - 3.25)
    assert told == [EVENT.camera]


def test_an_event_whose_clip_cannot_be_written_has_none(camera, pictures):
    class Full(AtOnce):
        def submit(self, job, *, size_bytes=0):
            pass

    pictures._writer = Full()
    show(camera, pictures, 0, 6)
    pictures.follow(camera, step(Change.OPENED, 5, 5.5), CONFIG)
    pictures.follow(camera, step(Change.CLOSED, 5, 5.5), CONFIG)
    pictures.folder.mkdir(parents=True)
    (pictures.folder / "snapshot.jpg").write_bytes(JPEG)
    pictures.abandon("yard")
    assert (noted(pictures).media_bytes, noted(pictures).clip_offset_seconds) == (len(JPEG), None)


def test_clips_that_grow_too_large_together_are_thinned_and_it_is_counted(camera, pictures):
    pictures._most_bytes = 24 * len(JPEG)
    long = CONFIG.model_copy(update={"longest_clip_seconds": 60.0})
    show(camera, pictures, 0, 4)
    pictures.follow(camera, step(Change.OPENED, 3, 3.5), long)
    for second in range(4, 30):
        show(camera, pictures, second, second + 1)
        (followed,) = pictures._followed.values()
        assert followed.clip.size_bytes <= pictures._most_bytes
    assert pictures.thinned > 0
    pictures.follow(camera, step(Change.CLOSED, 3, 29.5), long)
    pictures.abandon("yard")
    assert seconds_of(pictures.folder / "clip.mp4") == pytest.approx(28, abs=3)


def test_an_event_of_the_view_has_one_picture_and_no_clip(camera, pictures):
    show(camera, pictures, 0, 6)
    moment = Peak(0.0, 0.0, None, {}, pts_seconds=5.0)
    pictures.follow(camera, Step(Change.OPENED, EVENT, moment, None), CONFIG)
    show(camera, pictures, 6, 9)
    assert noted(pictures).media_bytes == 0
    pictures.follow(camera, Step(Change.CLOSED, EVENT, replace(moment, pts_seconds=None), None), CONFIG)
    pictures.collect()
    assert [each.name for each in pictures.folder.iterdir()] == ["snapshot.jpg"]
    assert (noted(pictures).media_bytes, noted(pictures).clip_offset_seconds) == (len(JPEG), None)


def test_pictures_of_an_event_that_another_node_has_pictures_of_are_deleted(camera, pictures):
    pictures._node = "one"
    with pictures.store.transaction() as session:
        set_media(session, EVENT.id, media="yard/e", media_bytes=7, node="two", takes_over=True)
    show(camera, pictures, 0, 6)
    pictures.follow(camera, step(Change.OPENED, 5, 5.5), CONFIG)
    assert pictures.folder.is_dir()
    pictures.abandon("yard")
    assert not pictures.folder.exists()
    assert (noted(pictures).node, noted(pictures).media_bytes) == ("two", 7)


def test_pictures_of_the_node_that_watches_the_camera_now_are_the_events(camera, pictures):
    pictures._node, pictures.leases = "one", {"yard": Lease("yard", "t", 3)}
    with pictures.store.transaction() as session:
        session.add(LeaseRow(camera="yard", node="one", token="t", epoch=3))
        set_media(session, EVENT.id, media="yard/e", media_bytes=7, node="two", takes_over=True)
    show(camera, pictures, 0, 6)
    pictures.follow(camera, step(Change.OPENED, 5, 5.5), CONFIG)
    pictures.abandon("yard")
    assert noted(pictures).node == "one"
    assert noted(pictures).media_bytes == sum(each.stat().st_size for each in pictures.folder.iterdir())
