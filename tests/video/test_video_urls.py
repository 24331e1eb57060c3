"""Streams over loopback: they give their frames, fall silent, and never show their credentials."""

import functools
import http.server
import logging
import socket
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from video_footage import FRAMES, cut, index_of, make_video

from normalcy.errors import DamagedVideoWarning, UnreadableVideo, VideoTimeout
from normalcy.video import urls
from normalcy.video.reader import ReadOptions, open_video, probe, redact

SECRET = "s3cret"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://user:pass@host/live", "rtsp://***@host/live"),
        ("rtsp://user@host:554/live", "rtsp://***@host:554/live"),
        ("rtsp://host:554/live", "rtsp://host:554/live"),
        ("rtsp://user:p@ss@host/live", "rtsp://***@host/live"),
        ("rtsp://user:p/a?s#s@host/live", "rtsp://***@host/live"),
        ("http://host/video.mp4?token=abc&channel=2&x", "http://host/video.mp4?token=***&channel=2&***"),
        ("http://host/a?pwd=a#b", "http://host/a?pwd=***"),
        ("http://host/@user/video.mp4", "http://host/@user/video.mp4"),
        ("http://proxy/rtsp://u:p@cam/x", "http://***@cam/x"),
        (
            "rtsp://host/user=admin_password=my_pass_channel=1_stream=0.sdp",
            "rtsp://host/user=***_password=***_channel=1_stream=0.sdp",
        ),
        ("rtsp:/user:pass@host/live", "rtsp://***@host/live"),
        ("RTSP://user:pass@[::1]:554/live", "RTSP://***@[::1]:554/live"),
        ("/data/video.mp4", "/data/video.mp4"),
        ("gate 3", "gate 3"),
    ],
)
def test_redact(url, shown):
    assert redact(url) == shown


@given(st.text(st.characters(min_codepoint=33, max_codepoint=1000), min_size=1))
def test_no_password_gets_through(password):
    assert redact(f"rtsp://user:{password}@camera.local/live") == "rtsp://***@camera.local/live"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("rtsp://h/x", True),
        (Path("rtsp://h/x"), True),
        ("HTTP://h/x", True),
        ("a.mp4", False),
        ("10:15.mp4", False),
    ],
)
def test_what_is_a_url(source, expected):
    assert (urls.as_url(source) is not None) == expected


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        if "forbidden" in self.path:
            self.send_error(401)
        else:
            super().do_GET()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    whole = make_video(folder / "clip.mp4", movflags="faststart")
    cut(whole, 0.8, name="cut.mp4")
    (folder / "notes.mp4").write_text("no video")
    return folder


@pytest.fixture(scope="module")
def server(folder):
    handler = functools.partial(QuietHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://admin:{SECRET}@127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def silent_port():
    """Accepts connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def closed_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener.getsockname()[1]


def test_a_video_over_http(server):
    with open_video(f"{server}/clip.mp4?token={SECRET}") as video:
        frames = list(video)
        assert SECRET not in repr(video)
    assert [index_of(frame.image_HWC) for frame in frames] == list(range(FRAMES))
    assert frames[0].source_id.startswith("http://***@127.0.0.1:")
    assert SECRET not in frames[0].source_id
    info = probe(f"{server}/clip.mp4")
    assert (info.frame_count, info.is_live) == (FRAMES, False)


def test_a_cut_video_over_http(server):
    with open_video(f"{server}/cut.mp4") as video, pytest.warns(DamagedVideoWarning) as caught:
        frames = list(video)
    assert 0 < len(frames) < FRAMES
    assert SECRET not in str(caught[0].message)


def everything_said(caught, caplog):
    error = "".join(traceback.format_exception(caught.value))
    return error + repr(caught.value) + caplog.text


@pytest.mark.parametrize(
    ("path", "hint"),
    [("gone.mp4", "Check the path"), ("forbidden.mp4", "user and password"), ("notes.mp4", "player")],
)
def test_a_server_that_refuses(server, path, hint, caplog):
    with caplog.at_level(logging.DEBUG), pytest.raises(UnreadableVideo, match=hint) as caught:
        open_video(f"{server}/{path}")
    assert SECRET not in everything_said(caught, caplog)


def test_nobody_listens(closed_port, caplog):
    with caplog.at_level(logging.DEBUG), pytest.raises(UnreadableVideo, match="host and port") as caught:
        open_video(f"rtsp://admin:{SECRET}@127.0.0.1:{closed_port}/live", source_id=None)
    assert SECRET not in everything_said(caught, caplog)


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_a_server_that_never_answers_times_out(scheme, silent_port, caplog):
    options = ReadOptions(open_timeout_seconds=0.3)
    url = f"{scheme}://admin:{SECRET}@127.0.0.1:{silent_port}/live"
    started = time.monotonic()
    with caplog.at_level(logging.DEBUG), pytest.raises(VideoTimeout, match=r"within 0\.3 s") as caught:
        open_video(url, options)
    assert time.monotonic() - started < 5
    assert SECRET not in everything_said(caught, caplog)


def test_a_name_server_that_is_silent_times_out(monkeypatch):
    answered = threading.Event()
    monkeypatch.setattr(urls.socket, "getaddrinfo", lambda *args: answered.wait(10))
    with pytest.raises(VideoTimeout, match="host name was not found"):
        open_video("http://camera.invalid/live", ReadOptions(open_timeout_seconds=0.1))
    answered.set()


def test_an_unknown_host(monkeypatch):
    def unknown(*args):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(urls.socket, "getaddrinfo", unknown)
    with pytest.raises(UnreadableVideo, match="cannot be opened"):
        open_video("http://camera.invalid/live", ReadOptions(open_timeout_seconds=5))


@pytest.mark.parametrize("url", ["http://[broken/live", "udp://"])
def test_a_url_without_a_host_is_left_to_ffmpeg(url):
    assert urls.resolves_within(url, 1)


def test_a_source_id_that_is_a_url_is_redacted(folder):
    with open_video(folder / "clip.mp4", source_id=f"rtsp://admin:{SECRET}@cam/1") as video:
        assert video.source_id == "rtsp://***@cam/1"


def test_ffmpeg_options_are_not_shown():
    options = ReadOptions(ffmpeg_options=(("headers", f"Authorization: {SECRET}"),))
    assert SECRET not in repr(options)


@pytest.fixture
def broadcast(folder):
    """Sends a transport stream over TCP, from the middle of a group of pictures on, then hangs up."""
    whole = make_video(folder / "clip.ts").read_bytes()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def send():
            connection, _ = listener.accept()
            with connection:
                connection.sendall(whole[len(whole) // 4 // 188 * 188 :])

        thread = threading.Thread(target=send)
        thread.start()
        yield f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def test_a_stream_that_is_joined_in_the_middle_starts_at_zero_without_a_warning(broadcast):
    with open_video(broadcast) as video:
        assert video.info.is_live
        frames = list(video)
    assert 0 < len(frames) < FRAMES
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert frames[0].pts_seconds == 0
    assert index_of(frames[-1].image_HWC) == FRAMES - 1


SENDER = """
import sys, time
from fractions import Fraction
import av, numpy as np
url, count, is_ending = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "end"
for _ in range(200):
    try:
        container = av.open(url, "w", format="rtsp", options={"rtsp_transport": "tcp"})
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        stream.options = {"preset": "ultrafast", "tune": "zerolatency", "g": "5", "crf": "8", "threads": "1"}
        container.start_encoding()
        break
    except av.error.FFmpegError:
        time.sleep(0.05)
for index in range(count):
    frame = av.VideoFrame.from_ndarray(np.full((32, 48, 3), 40 + 5 * index, np.uint8), "rgb24")
    frame.pts, frame.time_base = index, Fraction(1, 25)
    container.mux(stream.encode(frame))
    time.sleep(0.005)
if is_ending:
    container.close()
else:
    time.sleep(60)
"""


class Camera:
    """Sends frames by RTSP, then ends or falls silent.

    In a process of its own: PyAV holds the interpreter's lock while it writes, and needs it to watch a time-out.
    """

    def __init__(self, *, frames, then):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = f"rtsp://127.0.0.1:{free.getsockname()[1]}/{SECRET}?token={SECRET}"
        self._command = [sys.executable, "-c", SENDER, self.url, str(frames), then]

    def __enter__(self):
        self._process = subprocess.Popen(self._command)
        return self

    def __exit__(self, *error):
        self._process.kill()
        self._process.wait()


LISTEN = ReadOptions(
    grey=True,
    read_timeout_seconds=0.5,
    ffmpeg_options=(("rtsp_flags", "listen"), ("listen_timeout", "20"), ("analyzeduration", "200000")),
)


def test_rtsp_gives_its_frames_and_ends_with_the_sender():
    with Camera(frames=40, then="end") as camera, open_video(camera.url, LISTEN) as video:
        assert video.info.is_live
        assert video.info.frame_count is None
        assert video.info.duration_seconds is None
        frames = list(video)
    assert [frame.index for frame in frames] == list(range(40))
    assert [index_of(frame.image_HWC) for frame in frames] == list(range(40))
    assert frames[-1].pts_seconds == pytest.approx(39 / 25, abs=0.1)


def test_rtsp_that_falls_silent_times_out(caplog):
    frames = []
    with (
        Camera(frames=40, then="silence") as camera,
        caplog.at_level(logging.DEBUG),
        pytest.raises(VideoTimeout, match=r"sent nothing within 0\.5 s") as caught,
        open_video(camera.url, LISTEN, source_id="gate") as video,
    ):
        frames.extend(video)
    assert [frame.index for frame in frames] == list(range(40))
    assert f"token={SECRET}" not in everything_said(caught, caplog)
