"""Pictures and clips: which belong to an event, and that a file is whole or not there."""

import errno
import os
import sys
import threading

import cv2
import numpy as np
import pytest
from live_captures import until
from live_engine import write_pictures

from normalcy.errors import InputError
from normalcy.live.events import media as writing
from normalcy.live.events.clip import ClipRecording, at_rate, picture_near
from normalcy.live.events.media import (
    MediaWriter,
    media_folder,
    write_clip,
    write_stills,
)
from normalcy.live.frames.layout import Layout
from normalcy.live.frames.memory import CameraMemory, Picture
from normalcy.live.store.media import stored_bytes
from normalcy.video.jpeg import decoded, encoded
from normalcy.video.reader import open_video


def jpeg(level=100, size_px=(36, 48)):
    return encoded(np.full((*size_px, 3), level, np.uint8))


def picture(seconds, level=100, size_px=(36, 48)):
    return Picture(jpeg(level, size_px), round(seconds * 25), seconds, 0.0, 0, size_px)


@pytest.fixture
def memory():
    made = CameraMemory.create(Layout((4, 6, 1), 4, 40, 32 * 1024, (12, 16)))
    yield made
    made.close()
    made.unlink()


def times(pictures):
    return [each.pts_seconds for each in pictures]


# --- which pictures


def clip_of(*, starts_seconds=0.0, longest_seconds=60.0, fps=4.0):
    return ClipRecording(
        starts_seconds, longest_seconds, fps, after_seconds=1.0, first_seconds=3.0, last_seconds=3.5
    )


def test_a_clip_reaches_from_before_its_event_until_after_it(memory):
    recording = clip_of(starts_seconds=2.0)
    write_pictures(memory, np.arange(0, 5, 0.25), jpeg())
    recording.collect(memory)
    assert times(recording.pictures) == list(np.arange(2, 5, 0.25))
    recording.last_seconds, recording.is_closed = 5.0, True
    write_pictures(memory, np.arange(5, 8, 0.25), jpeg())
    recording.collect(memory)
    assert times(recording.pictures) == list(np.arange(2, 6.1, 0.25))
    assert recording.is_over(6.25)
    assert not recording.is_over(6.0)


def test_a_clip_is_cut_where_it_is_longest_and_takes_no_more(memory):
    recording = clip_of(longest_seconds=3)
    for first in range(10):
        write_pictures(memory, np.arange(first, first + 1, 0.25), jpeg())
        recording.collect(memory)
    assert recording.pictures[-1].pts_seconds == 3.0
    assert len(recording.pictures) == 13
    assert recording.is_over(3.1)


def test_a_clip_keeps_no_more_pictures_than_it_shows(memory):
    recording = clip_of(fps=5)
    write_pictures(memory, np.arange(0, 1.5, 0.04), jpeg())
    recording.collect(memory)
    assert len(recording.pictures) <= 1.5 * 5 * 1.34 + 1


def test_what_came_while_an_event_might_have_gone_on_is_not_shown(memory):
    recording = clip_of()
    write_pictures(memory, np.arange(0, 9, 0.25), jpeg())
    recording.collect(memory)
    recording.last_seconds, recording.is_closed = 5.0, True
    assert times(recording.shown()) == list(np.arange(0, 6.1, 0.25))


def test_a_clip_that_is_thinned_stays_so_and_counts_what_it_holds(memory):
    recording = clip_of()
    write_pictures(memory, np.arange(0, 4, 0.25), jpeg())
    recording.collect(memory)
    assert recording.thin() == 8
    write_pictures(memory, np.arange(4, 8, 0.25), jpeg())
    recording.collect(memory)
    assert times(recording.pictures) == list(np.arange(0, 8, 0.5))
    assert recording.size_bytes == 16 * len(jpeg())


def test_what_went_round_the_ring_is_not_there_and_nothing_comes_twice(memory):
    write_pictures(memory, np.arange(0, 20, 0.25), jpeg())
    recording = clip_of()
    recording.collect(memory)
    recording.collect(memory)
    assert times(recording.pictures) == list(np.arange(10, 20, 0.25))


@pytest.mark.parametrize(("seconds", "expected"), [(-5, 10.0), (11.1, 11.0), (12.2, 12.25), (99, 19.75)])
def test_the_picture_nearest_to_a_moment(memory, seconds, expected):
    assert picture_near(memory, seconds) is None
    write_pictures(memory, np.arange(0, 20, 0.25), jpeg())
    assert picture_near(memory, seconds).pts_seconds == expected


def test_a_clip_plays_as_fast_as_it_happened():
    uneven = [picture(each) for each in (0.0, 1.0, 1.1, 1.2, 2.0)]
    shown = times(at_rate(uneven, 10.0))
    assert len(shown) == 21
    assert shown[:10] == [0.0] * 10
    assert shown[10:13] == [1.0, 1.1, 1.2]
    assert shown[-1] == 2.0
    assert times(at_rate([picture(3)], 10.0)) == [3.0]


# --- files


def test_stills_show_the_peak_and_its_map(tmp_path):
    map_HW = np.zeros((12, 16), np.float32)
    map_HW[:6] = 1
    write_stills(tmp_path / "e", picture(0), map_HW, map_range=(0, 1))
    shown = decoded((tmp_path / "e/snapshot.jpg").read_bytes())
    heat = decoded((tmp_path / "e/heatmap.jpg").read_bytes()).astype(int)
    assert shown.shape == heat.shape == (36, 48, 3)
    assert abs(shown.astype(int) - 100).max() < 5
    assert abs(heat[:12] - heat[-12:]).max() > 50
    assert stored_bytes(tmp_path / "e") == sum(each.stat().st_size for each in (tmp_path / "e").iterdir())


def test_without_a_map_there_is_no_heat_map(tmp_path):
    write_stills(tmp_path, picture(0), None, map_range=(0, 1))
    assert [each.name for each in tmp_path.iterdir()] == ["snapshot.jpg"]


def test_a_clip_of_pictures_that_changed_their_size_plays(tmp_path):
    shown = [picture(0, 40), picture(0.5, 80), picture(1, 160, size_px=(72, 128)), picture(1.5, 200)]
    write_clip(tmp_path / "e/clip.mp4", shown, fps=4)
    with open_video(tmp_path / "e/clip.mp4") as video:
        images = [frame.image_HWC for frame in video]
    assert len(images) == 7
    assert {image.shape[:2] for image in images} == {(36, 48)}
    levels = [float(image.mean()) for image in images]
    assert levels == sorted(levels)
    assert levels[-1] - levels[0] > 100


def test_what_is_no_picture_is_said():
    with pytest.raises(InputError, match="3 bytes are no picture"):
        decoded(b"abc")


def test_folders_go_by_camera_and_day(tmp_path):
    assert media_folder("yard", started_at=0.0, event="e1") == "yard/1970-01-01/e1"
    assert stored_bytes(tmp_path / "not there") == 0


# --- the thread


def run(*jobs):
    writer = MediaWriter()
    writer.start()
    for job in jobs:
        writer.submit(job)
    assert writer.stop(30)
    return writer


def test_a_full_disk_costs_pictures_and_nothing_else(tmp_path, monkeypatch, caplog):
    whole, is_full = writing.whole_file, True

    def full_disk(path):
        if is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return whole(path)

    monkeypatch.setattr(writing, "whole_file", full_disk)

    def make_room():
        nonlocal is_full
        is_full = False

    stills = [lambda n=n: write_stills(tmp_path / n, picture(0), None, map_range=(0, 1)) for n in "ab"]
    writer = run(stills[0], make_room, stills[1])
    assert writer.failures == 1
    assert "No space left" in caplog.text
    assert not (tmp_path / "a").exists()
    assert (tmp_path / "b/snapshot.jpg").exists()


def test_a_clip_that_fails_half_way_leaves_nothing(tmp_path):
    bad = Picture(b"no jpeg", 0, 1.0, 0.0, 0, (36, 48))
    writer = run(lambda: write_clip(tmp_path / "clip.mp4", [picture(0), bad], fps=4))
    assert writer.failures == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads have no priority")
def test_it_writes_at_low_priority_and_leaves_that_of_others():
    before, found = os.getpriority(os.PRIO_PROCESS, 0), []
    run(lambda: found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id())))
    assert found == [10]
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_too_much_that_waits_is_counted_and_holds_up_nobody():
    writer, go = MediaWriter(), threading.Event()
    for _ in range(205):
        writer.submit(lambda: go.wait(30))
    assert writer.failures == 5
    writer.start()
    assert not writer.stop(0.05)
    go.set()
    until(lambda: not writer._thread.is_alive())


def test_pictures_survive_being_encoded():
    image = cv2.resize(np.random.default_rng(0).integers(0, 255, (4, 5, 3), dtype=np.uint8), (64, 48))
    assert abs(decoded(encoded(image, quality=95)).astype(int) - image).mean() < 4


def test_what_is_insisted_on_is_done_although_too_much_waits():
    writer, go, done = MediaWriter(), threading.Event(), []
    for _ in range(250):
        writer.submit(lambda: go.wait(30), size_bytes=10)
    assert writer.waiting_bytes == 2000
    writer.insist(lambda: done.append(True))
    writer.start()
    go.set()
    assert writer.stop(30)
    assert (done, writer.waiting_bytes) == ([True], 0)
