"""Files, folders and patterns as cameras: nothing of them is lost, they keep time, and their end is an end."""

import gc
import itertools
import time

import av
import cv2
import numpy as np
import pytest
from live_captures import PATIENCE_SECONDS, Rig, make_memory, until
from live_senders import picture

from normalcy.live.cameras import capture
from normalcy.live.cameras.state import CameraState
from normalcy.live.frames.counters import Drop
from normalcy.methods.contract import ClipSpec
from normalcy.video.reader import ReadOptions, open_video
from normalcy.video.writer import VideoWriter

FRAMES, FPS = 40, 40
SPEC = ClipSpec(length_frames=2, size_px=(24, 32), channels=1)
SPACED = ClipSpec(length_frames=2, size_px=(24, 32), channels=3, spacing_seconds=0.07)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("footage") / "walk.mp4"
    with VideoWriter(path, fps=FPS) as writer:
        for index in range(FRAMES):
            writer.write(picture(index, (48, 64)))
    return path


def test_a_file_as_fast_as_it_is_scored_loses_nothing(video, monkeypatch):
    """What arrives is what reading the file gives, image by image."""
    monkeypatch.setattr(capture, "_LET_GO_SECONDS", PATIENCE_SECONDS)
    with Rig(video, natural_speed=False) as rig:
        until(lambda: rig.memory.is_full)
        assert rig.memory.capture.frames_in[0] < FRAMES  # it waits
        rig.until_state(CameraState.OFFLINE)
        rig.drain()
        assert rig.states == ["connecting", "online", "offline"]
        assert rig.reason == "it came to its end"
        assert rig.memory.capture.ended[0] == 1
        assert not rig.memory.capture.dropped.any()
        assert rig.memory.engine.dropped.sum() == 0
    with open_video(video, ReadOptions(size_px=SPEC.size_px, grey=True)) as reader:
        for frame, expected in zip(rig.frames, reader, strict=True):
            assert (frame.index, frame.pts_seconds) == (expected.index, expected.pts_seconds)
            np.testing.assert_array_equal(frame.image_HWC, expected.image_HWC)
    assert rig.let_go


def test_a_process_whose_file_is_over_rests_but_is_not_stuck(video):
    with Rig(video, natural_speed=False) as rig:
        rig.until_state(CameraState.OFFLINE)
        before = rig.memory.capture.heartbeat[0]
        until(lambda: rig.memory.capture.heartbeat[0] > before)
        assert rig.let_go is None


def test_natural_speed(video):
    with Rig(video) as rig:
        rig.until_state(CameraState.OFFLINE)
        rig.drain()
    assert len(rig.frames) == FRAMES
    for frame in rig.frames:
        assert frame.captured - rig.frames[0].captured >= frame.pts_seconds - 0.5 - 1e-3
    assert rig.frames[-1].captured - rig.frames[0].captured >= (FRAMES - 1) / FPS - 0.5


def test_a_looped_file_goes_on_in_time(video):
    with Rig(video, natural_speed=False, loop=True) as rig:
        rig.until_frames(2 * FRAMES + 5)
        assert rig.states == ["connecting", "online"]
    assert [frame.index for frame in rig.frames] == list(range(len(rig.frames)))
    gaps = np.diff([frame.pts_seconds for frame in rig.frames])
    np.testing.assert_allclose(gaps, 1 / FPS, atol=1e-9)
    assert [rig.frames[n * FRAMES].generation for n in range(3)] == [1, 2, 3]
    np.testing.assert_array_equal(rig.frames[0].image_HWC, rig.frames[FRAMES].image_HWC)


def test_nothing_is_held_of_what_was_opened_before(video):
    gc.collect()
    gc.disable()
    try:
        before = pictures_held()
        with Rig(video, natural_speed=False, loop=True) as rig:
            rig.until_frames(10 * FRAMES + 5)
        assert pictures_held() - before <= 2
    finally:
        gc.enable()


def pictures_held():
    return sum(type(each) is av.VideoFrame for each in gc.get_objects())


def test_a_folder_of_pictures(tmp_path):
    for index in range(5):
        cv2.imwrite(str(tmp_path / f"{index}.png"), picture(index, (48, 64)))
    (tmp_path / "3.png").write_bytes(b"\x89PNG and no more")
    with Rig(tmp_path, natural_speed=False) as rig:
        rig.until_state(CameraState.OFFLINE)
        assert [frame.index for frame in rig.drain()] == [0, 1, 2, 4]
        assert rig.dropped(Drop.DAMAGED) == 1


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{folder}/nothing.mp4", "no such file or folder"),
        ("{folder}", "no pictures in this folder"),
        ("test-pattern:1x1", "not a test pattern"),
    ],
)
def test_what_will_never_work_is_told_at_once(source, reason, tmp_path):
    with Rig(source.format(folder=tmp_path)) as rig:
        rig.until_state(CameraState.FAILED)
        assert rig.states == ["connecting", "failed"]
        assert reason in rig.reason


def test_a_looped_file_that_disappears(video, tmp_path):
    copy = tmp_path / "walk.mp4"
    copy.write_bytes(video.read_bytes())
    with Rig(copy, natural_speed=False, loop=True) as rig:
        rig.until_frames(5)
        copy.unlink()
        rig.until_state(CameraState.FAILED)
        assert "no such file" in rig.reason


def test_stride_and_rate_cap_are_counted(video):
    with Rig(video, natural_speed=False, stride=2, max_fps=10) as rig:
        rig.until_state(CameraState.OFFLINE)
        indices = [frame.index for frame in rig.drain()]
        assert indices == list(range(0, FRAMES, 4))
        assert rig.dropped(Drop.STRIDE) == FRAMES // 2
        assert rig.dropped(Drop.RATE_CAP) == FRAMES // 4
        assert rig.memory.capture.frames_in[0] == FRAMES


def test_frames_that_no_clip_takes_come_without_an_image(video):
    with Rig(video, spec=SPACED, natural_speed=False) as rig:
        rig.until_state(CameraState.OFFLINE)
        rig.drain()
    taken = [frame.index for frame in rig.frames if frame.image_HWC is not None]
    assert taken == list(range(0, FRAMES, 3))
    assert len(rig.frames) == FRAMES
    assert SPACED.taken(frame.pts_seconds for frame in rig.frames) == len(taken)


def test_pictures_for_people(video):
    with Rig(video, natural_speed=False, picture_fps=10, preview_height_px=90) as rig:
        rig.until_state(CameraState.OFFLINE)
        shown = rig.memory.pictures_since(0)
        assert [picture.index for picture in shown] == list(range(0, FRAMES, 4))
        image = cv2.imdecode(np.frombuffer(shown[3].jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert image.shape == (90, 120, 3)
        assert shown[3].size_px == (90, 120)
        expected = cv2.resize(picture(12, (48, 64))[..., ::-1], (120, 90), interpolation=cv2.INTER_LINEAR)
        assert np.abs(image.astype(int) - expected).mean() < 8


def test_a_pattern_is_a_camera():
    with Rig("test-pattern:64x48@50") as rig:
        rig.until_frames(20)
        assert (rig.memory.capture.width_px[0], rig.memory.capture.fps[0]) == (64, 50.0)
        images = [frame.image_HWC for frame in rig.frames]
        assert any((one != other).any() for one, other in itertools.pairwise(images))


def test_a_wall_clock_that_jumps_disturbs_nothing(monkeypatch):
    real = time.time
    with Rig("test-pattern:64x48@50") as rig:
        rig.until_frames(10)
        for jump in (-7200.0, 7200.0):
            monkeypatch.setattr(time, "time", lambda jump=jump: real() + jump)
            rig.until_more(20)
        assert rig.frames[-1].captured_at == pytest.approx(real() + 7200.0, abs=60)
        assert rig.states == ["connecting", "online"]
        assert {frame.generation for frame in rig.frames} == {1}
        assert np.all(np.diff([frame.pts_seconds for frame in rig.frames]) < 600)


def test_a_process_that_takes_over_goes_on(video):
    memory = make_memory()
    with Rig(video, natural_speed=False, memory=memory) as first:
        first.until_frames(FRAMES // 2)
        first.stop()
        first.drain()
    assert first.state is CameraState.ONLINE  # as a killed process leaves it behind
    with Rig(video, natural_speed=False, memory=memory) as second:
        second.until_more(3)
    assert second.states[:3] == ["offline", "connecting", "online"]
    last, following = first.frames[-1], second.frames[0]
    assert following.index > last.index
    assert following.pts_seconds > last.pts_seconds
    assert following.generation == last.generation + 1
    memory.close()
    memory.unlink()
