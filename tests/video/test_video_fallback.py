"""OpenCV reads what PyAV cannot open."""

import logging

import cv2
import pytest
from video_footage import FPS, FRAMES, HEIGHT, WIDTH, cut, index_of, is_open, make_video

from normalcy.errors import DamagedVideoWarning, FallbackWarning, UnreadableVideo
from normalcy.video import reader as reader_module
from normalcy.video._opencv import OpenCVBackend
from normalcy.video.reader import ReadOptions, open_video
from normalcy.video.sources import Source


@pytest.fixture
def without_pyav(monkeypatch):
    def refuse(source, options):
        raise UnreadableVideo("PyAV gave up", where=source.name)

    monkeypatch.setattr(reader_module, "PyAVBackend", refuse)


@pytest.mark.usefixtures("without_pyav")
def test_opencv_takes_over_and_says_so(tmp_path, caplog):
    clip = make_video(tmp_path / "clip.mp4")
    with caplog.at_level(logging.WARNING), pytest.warns(FallbackWarning, match=r"OpenCV.*PyAV gave up"):
        video = open_video(clip, ReadOptions(grey=True, stride_frames=2, end_seconds=2.0))
    assert "read with OpenCV" in caplog.text
    info = video.info
    assert (info.backend, info.codec, info.frame_count, info.fps) == ("opencv", "h264", FRAMES, FPS)
    assert (info.width_px, info.height_px, info.duration_seconds) == (WIDTH, HEIGHT, 3.0)
    frames = list(video)
    assert [frame.index for frame in frames] == list(range(0, 20, 2))
    assert [index_of(frame.image_HWC) for frame in frames] == list(range(0, 20, 2))
    assert [frame.pts_seconds for frame in frames] == pytest.approx(
        [index / FPS for index in range(0, 20, 2)]
    )
    assert not is_open(clip)


@pytest.mark.usefixtures("without_pyav")
def test_opencv_turns_pictures_upright(tmp_path):
    clip = make_video(tmp_path / "clip.mp4", rotation=(90, False, False))
    with pytest.warns(FallbackWarning):
        video = open_video(clip)
    assert (video.info.height_px, video.info.width_px) == (WIDTH, HEIGHT)
    frames = list(video)
    assert len(frames) == FRAMES
    assert frames[0].image_HWC[-3, 2].min() > 240


@pytest.mark.usefixtures("without_pyav")
def test_a_cut_file_is_damaged_for_opencv_too(tmp_path):
    part = cut(make_video(tmp_path / "clip.mkv"), 0.6)
    with pytest.warns(FallbackWarning):
        video = open_video(part)
    with pytest.warns(DamagedVideoWarning, match="it ends at"):
        assert 0 < len(list(video)) < FRAMES


def test_what_neither_reads_keeps_the_first_reason_and_prints_nothing(tmp_path, capfd):
    part = cut(make_video(tmp_path / "clip.mp4"), 0.6)
    with pytest.raises(UnreadableVideo, match="moov"):
        open_video(part)
    assert capfd.readouterr() == ("", "")


class FakeCapture:
    """A camera of OpenCV: no length, and sometimes no clock."""

    def __init__(self, device):
        self.device, self.reads = device, 0

    def read(self):
        self.reads += 1
        if self.reads > 4:
            return False, None
        image = cv2.merge([cv2.UMat(HEIGHT, WIDTH, cv2.CV_8U).get() * 0 + 40] * 3)
        return True, image

    def get(self, prop):
        return {cv2.CAP_PROP_FPS: 0.0, cv2.CAP_PROP_FRAME_COUNT: -1.0}.get(prop, 0.0)

    def release(self):
        self.device = None


def test_a_camera_without_a_clock_runs_at_the_usual_rate(monkeypatch):
    opened = []

    def capture(device):
        opened.append(FakeCapture(device))
        return opened[-1]

    monkeypatch.setattr(cv2, "VideoCapture", capture)
    backend = OpenCVBackend(Source("webcam", "/dev/video3", "/dev/video3"))
    assert opened[0].device == 3
    assert backend.info.is_live
    assert backend.info.frame_count is None
    assert [decoded.pts_seconds for decoded in backend.decode(ReadOptions())] == pytest.approx(
        [0, 0.04, 0.08, 0.12]
    )
    backend.close()
    assert opened[0].device is None
