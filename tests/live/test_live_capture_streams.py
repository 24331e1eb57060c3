"""Real streams on loopback that are cut, fall silent, send noise and change: the camera always comes back."""

import itertools

import pytest
from live_captures import PATIENCE_SECONDS, Rig, until
from live_senders import Login
from live_streams import FaultyStream

from normalcy.live.cameras import capture, life
from normalcy.live.cameras.state import CameraState
from normalcy.live.frames.counters import Drop
from normalcy.video._pyav import PyAVBackend

ONLINE, STALLED = CameraState.ONLINE, CameraState.STALLED
WAYS = [("mjpeg", "tcp"), ("ts", "tcp"), ("rtsp", "tcp"), ("rtsp", "udp")]


@pytest.fixture
def impatient(monkeypatch):
    """Silence is noticed sooner."""
    monkeypatch.setattr(life, "STALL_SECONDS", 0.4)


@pytest.fixture
def unhurried(monkeypatch):
    """A busy machine may take its time to let go: here it must, not how soon."""
    monkeypatch.setattr(capture, "_LET_GO_SECONDS", PATIENCE_SECONDS)


def assert_in_order(frames):
    for before, after in itertools.pairwise(frames):
        assert after.number > before.number
        assert after.index > before.index
        assert after.pts_seconds > before.pts_seconds
        assert after.generation >= before.generation


@pytest.mark.parametrize(("kind", "transport"), WAYS)
def test_a_stream_is_cut_and_comes_back(kind, transport, unhurried):
    with FaultyStream(kind) as stream, Rig(stream.url, transport=transport) as rig:
        rig.until_frames(10)
        first = rig.frames[-1].generation
        assert "offline" not in rig.states
        stream.cut()
        until(lambda: rig.drain() and rig.frames[-1].generation > first)
        rig.until_more(10)
        assert rig.went_through("connecting", "online", "offline", "connecting", "online")
        assert rig.memory.capture.reconnects[0] >= 1
        assert_in_order(rig.frames)
    assert rig.let_go


def test_time_goes_on_while_it_is_away():
    with FaultyStream("ts") as stream, Rig(stream.url, open_timeout_seconds=1.0) as rig:
        rig.until_frames(10)
        stream.mute()
        stream.cut()
        until(lambda: "offline" in rig.states)
        last = rig.drain()[-1]
        until(lambda: rig.was_told("did not open"))
        stream.mute(False)
        count = len(rig.drain())
        back = rig.until_more()[count]
        lived = back.captured - rig.frames[0].captured
        assert back.pts_seconds - last.pts_seconds > 0.9
        assert back.pts_seconds == pytest.approx(lived, abs=1.5)
        assert back.index == last.index + 1 or rig.dropped(Drop.BUFFER_FULL)


@pytest.mark.parametrize(("kind", "transport"), WAYS[1:3])
def test_a_silent_stream_is_stalled_and_goes_on(kind, transport, impatient):
    with FaultyStream(kind) as stream, Rig(stream.url, read_timeout_seconds=20.0, transport=transport) as rig:
        rig.until_frames(10)
        generation = rig.frames[-1].generation
        stream.stall()
        rig.until_state(STALLED)
        assert "no frame for" in rig.reason
        stream.resume()
        rig.until_state(ONLINE)
        rig.until_more()
        assert "offline" not in rig.states
        assert rig.frames[-1].generation == generation
        assert rig.memory.capture.reconnects[0] == 0


def test_one_that_stays_silent_is_given_up_and_opened_again(impatient):
    with FaultyStream("ts") as stream, Rig(stream.url, read_timeout_seconds=1.0) as rig:
        rig.until_frames(5)
        stream.stall()
        until(lambda: "offline" in rig.states)
        assert rig.states[:3] == ["connecting", "online", "stalled"]
        assert rig.was_told("it sent nothing within 1 s")
        stream.resume()
        rig.until_state(ONLINE)


def test_half_open_connections_time_out():
    with FaultyStream("mjpeg") as stream:
        stream.mute()
        with Rig(stream.url, open_timeout_seconds=0.5) as rig:
            until(lambda: rig.states.count("offline") >= 2)
            assert rig.was_told("did not open within 0.5 s")
            stream.mute(False)
            rig.until_frames(3)


@pytest.mark.parametrize("kind", ["mjpeg", "ts"])
def test_noise_in_the_stream(kind):
    with FaultyStream(kind) as stream, Rig(stream.url) as rig:
        rig.until_frames(10)
        for _ in range(3):
            stream.garbage()
            rig.until_more(10)
        rig.until_state(ONLINE)
        assert_in_order(rig.frames)


@pytest.mark.parametrize("kind", ["mjpeg", "ts", "rtsp"])
def test_another_resolution(kind):
    with FaultyStream(kind) as stream, Rig(stream.url) as rig:
        rig.until_frames(5)
        generation, picture = rig.frames[-1].generation, rig.memory.picture()
        assert rig.memory.capture.width_px[0] == 160
        assert picture.size_px == (360, 480)
        stream.resize((90, 160))
        until(lambda: rig.drain() and rig.frames[-1].generation > generation)
        assert (rig.memory.capture.height_px[0], rig.memory.capture.width_px[0]) == (90, 160)
        assert {frame.image_HWC.shape for frame in rig.frames} == {(24, 32, 1)}
        rig.until_state(ONLINE)


def test_a_server_that_refuses_and_then_does_not():
    with FaultyStream("mjpeg") as stream:
        stream.refuse(404)
        with Rig(stream.url) as rig:
            until(lambda: rig.states.count("offline") >= 3)
            assert rig.was_told("404")
            assert rig.frames == []
            stream.refuse(200)
            rig.until_frames(3)
            assert rig.reason == ""


def test_motion_jpeg_has_the_time_of_its_arrival():
    """It has no timestamps: FFmpeg would say 25 frames per second, whatever comes."""
    with FaultyStream("mjpeg", fps=10) as stream, Rig(stream.url) as rig:
        rig.until_frames(10)
        for frame in rig.frames:
            lived = frame.captured - rig.frames[0].captured
            assert frame.pts_seconds == pytest.approx(lived, abs=1e-6)


def test_nobody_sees_the_password():
    with FaultyStream("mjpeg") as stream, Rig(stream.url_for("guard", "s3cret")) as rig:
        rig.until_frames(3)
        stream.refuse(401)
        stream.cut()
        until(lambda: rig.was_told("401"))
        stream.refuse(200)
        rig.until_more()
    assert "Check user and password" in "".join(rig.lines)
    assert not [line for line in rig.lines if "s3cret" in line or "guard" in line]


def test_a_camera_with_a_login_lets_in_who_knows_it(monkeypatch):
    with FaultyStream("rtsp", login=Login("guard", "s3cret")) as stream:
        source = stream.url_for("guard", "${PASSWORD_OF_DOOR}")
        monkeypatch.setenv("PASSWORD_OF_DOOR", "wrong")
        with Rig(source) as rig:
            until(lambda: rig.was_told("401"))
            assert rig.was_told("Check user and password")
            assert rig.frames == []
            monkeypatch.setenv("PASSWORD_OF_DOOR", "s3cret")
            rig.until_frames(3)
    assert not [line for line in rig.lines if "s3cret" in line or "guard" in line]


def test_a_secret_is_put_in_place_when_it_is_opened(monkeypatch):
    with FaultyStream("mjpeg") as stream:
        source = stream.url.replace("127.0.0.1", "${ADDRESS_OF_DOOR}")
        monkeypatch.delenv("ADDRESS_OF_DOOR", raising=False)
        with Rig(source) as rig:
            until(lambda: "offline" in rig.states)
            assert rig.was_told("ADDRESS_OF_DOOR is not set")
            monkeypatch.setenv("ADDRESS_OF_DOOR", "127.0.0.1")
            rig.until_frames(3)


def test_cut_again_and_again():
    with FaultyStream("mjpeg", fps=50) as stream, Rig(stream.url) as rig:
        for _ in range(20):
            rig.until_more(3)
            stream.cut()
        rig.until_more(3)
        assert_in_order(rig.frames)
        assert 21 <= rig.memory.capture.generation[0] <= rig.memory.capture.reconnects[0] + 1


def test_the_newest_frames_win_where_nobody_scores():
    with FaultyStream("mjpeg", fps=50) as stream, Rig(stream.url) as rig:
        until(lambda: rig.memory.capture.written[0] > 60)
        rig.stop()
        written = int(rig.memory.capture.written[0])
        rig.drain()
        assert [frame.number for frame in rig.frames] == list(range(written - 16, written))
        assert rig.dropped(Drop.BUFFER_FULL) == written - 16


def test_a_stream_that_nothing_can_be_made_of_is_as_good_as_silent(monkeypatch):
    with FaultyStream("mjpeg") as stream, Rig(stream.url, read_timeout_seconds=0.5) as rig:
        rig.until_frames(3)
        with monkeypatch.context() as patch:
            patch.setattr(PyAVBackend, "_pictures", lambda self, packet: [])
            until(lambda: rig.was_told("no picture could be decoded"))
        rig.until_more()
