import gc
import threading

import av
import numpy as np
import pytest
from video_footage import FPS, FRAMES, HEIGHT, WIDTH, index_of, is_open, level, make_video, picture

from normalcy.errors import ConfigError, UnreadableVideo, VideoTooShort
from normalcy.video import reader as reader_module
from normalcy.video.contract import Decoded
from normalcy.video.reader import ReadOptions, open_video, probe

INDICES = list(range(FRAMES))


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_video(tmp_path_factory.mktemp("clip") / "clip.mp4")


def read(source, **options):
    with open_video(source, ReadOptions(**options)) as video:
        return list(video)


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("h264.mp4", "libx264", "yuv420p"),
        ("h264.ts", "libx264", "yuv420p"),
        ("h264.flv", "libx264", "yuv420p"),
        ("h264-10bit.mkv", "libx264", "yuv420p10le"),
        ("mpeg4.avi", "mpeg4", "yuv420p"),
        ("mjpeg.avi", "mjpeg", "yuvj420p"),
        ("raw.avi", "rawvideo", "gray"),
        ("vp9.webm", "libvpx-vp9", "yuv420p"),
        ("ffv1.mkv", "ffv1", "yuv444p"),
        ("ffv1-10bit.mkv", "ffv1", "yuv420p10le"),
        ("ffv1-grey.mkv", "ffv1", "gray"),
        ("ffv1-grey-10bit.mkv", "ffv1", "gray10le"),
    ],
)
@pytest.mark.parametrize("grey", [False, True])
def test_every_kind_of_file_gives_its_frames(tmp_path, name, codec, pix_fmt, grey):
    frames = read(make_video(tmp_path / name, codec=codec, pix_fmt=pix_fmt), grey=grey)
    assert [frame.index for frame in frames] == INDICES
    assert [index_of(frame.image_HWC) for frame in frames] == INDICES
    assert [frame.pts_seconds for frame in frames] == [index / FPS for index in INDICES]
    image_HWC = frames[0].image_HWC
    assert image_HWC.shape == (HEIGHT, WIDTH, 1 if grey else 3)
    assert image_HWC.dtype == np.uint8
    assert image_HWC.flags.c_contiguous


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le"])
def test_h265(tmp_path, pix_fmt):
    # x265 writes past its buffers when a picture is smaller than its 64 px blocks.
    images = [picture(index, size_px=(64, 64)) for index in range(8)]
    quiet = {"x265-params": "log-level=none", "crf": "8"}
    video = make_video(
        tmp_path / "h265.mkv", images=images, codec="libx265", pix_fmt=pix_fmt, codec_options=quiet
    )
    assert [index_of(frame.image_HWC) for frame in read(video)] == list(range(8))
    assert probe(video).codec == "hevc"


def test_info(clip):
    info = probe(clip)
    assert (info.width_px, info.height_px, info.fps, info.frame_count) == (WIDTH, HEIGHT, FPS, FRAMES)
    assert (info.duration_seconds, info.backend, info.codec, info.is_live) == (3.0, "pyav", "h264", False)


def test_frames_carry_their_source(clip):
    assert read(clip)[0].source_id == str(clip)
    with open_video(clip, source_id="gate") as video:
        assert video.source_id == "gate"
        assert "'gate'" in repr(video)
        assert {frame.source_id for frame in video} == {"gate"}


def test_variable_frame_rate_keeps_the_containers_times(tmp_path):
    pts = [0, 1, 2, 7, 8, 20, 21, 22]
    images = [picture(index) for index in range(len(pts))]
    frames = read(make_video(tmp_path / "vfr.mkv", images=images, pts=pts))
    assert [frame.pts_seconds for frame in frames] == [time / FPS for time in pts]
    assert [frame.index for frame in frames] == list(range(8))


def test_an_avi_with_dropped_frames(tmp_path):
    pts = [0, 1, 2, 7, 8, 12]
    images = [picture(index) for index in range(len(pts))]
    video = make_video(tmp_path / "gaps.avi", images=images, codec="mpeg4", pts=pts)
    frames = read(video)
    assert [frame.pts_seconds for frame in frames] == [time / FPS for time in pts]
    assert [frame.index for frame in frames] == list(range(6))


def test_times_count_from_the_start_of_the_stream(tmp_path):
    late = [time + 700 for time in range(FRAMES)]
    frames = read(make_video(tmp_path / "late.ts", pts=late))
    assert [frame.pts_seconds for frame in frames] == [index / FPS for index in INDICES]


def test_a_stream_without_timestamps_is_timed_by_its_frame_duration(tmp_path):
    bare = make_video(tmp_path / "bare.h264", format="h264")
    frames = read(bare)
    assert [frame.index for frame in frames] == INDICES
    assert [frame.pts_seconds for frame in frames] == pytest.approx([index / FPS for index in INDICES])
    assert probe(bare).fps == FPS


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"stride_frames": 4}, INDICES[::4]),
        ({"start_seconds": 1.0}, INDICES[10:]),
        ({"end_seconds": 1.0}, INDICES[:10]),
        ({"start_seconds": 0.55, "end_seconds": 1.25}, [6, 7, 8, 9, 10, 11, 12]),
        ({"start_seconds": 0.5, "end_seconds": 1.5, "stride_frames": 4}, [8, 12]),
        ({"end_seconds": 99.0}, INDICES),
    ],
)
def test_stride_and_span_keep_indices(clip, options, expected):
    frames = read(clip, **options)
    assert [frame.index for frame in frames] == expected
    assert [index_of(frame.image_HWC) for frame in frames] == expected
    assert [frame.pts_seconds for frame in frames] == [index / FPS for index in expected]


def test_a_start_behind_the_end_is_an_error(clip):
    with pytest.raises(VideoTooShort, match=r"ends at 3\.00 s, before start_seconds=5"):
        read(clip, start_seconds=5.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"size_px": (0, 4)},
        {"stride_frames": 0},
        {"start_seconds": -1.0},
        {"start_seconds": 2.0, "end_seconds": 2.0},
        {"fps": 0.0},
        {"preview_height_px": 0},
        {"open_timeout_seconds": 0.0},
        {"read_timeout_seconds": 0.0},
    ],
)
def test_options_out_of_range(wrong):
    with pytest.raises(ConfigError, match=list(wrong)[-1]):
        ReadOptions(**wrong)


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("size_px", [(17, 23), (64, 96)])
def test_size(clip, size_px, grey):
    frames = read(clip, size_px=size_px, grey=grey)
    assert frames[0].image_HWC.shape == (*size_px, 1 if grey else 3)
    assert [index_of(frame.image_HWC) for frame in frames] == INDICES


@pytest.mark.parametrize("rotation", [None, (90, False, False)])
def test_a_preview_keeps_colour_and_proportions(tmp_path, rotation):
    red = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    red[..., 0] = 220
    video = make_video(tmp_path / "red.mp4", images=[red] * 3, rotation=rotation)
    for frame in read(video, size_px=(10, 10), grey=True, preview_height_px=24):
        assert frame.image_HWC.shape == (10, 10, 1)
        assert frame.preview_HWC.shape == ((24, 36, 3) if rotation is None else (24, 16, 3))
        assert np.abs(frame.preview_HWC.mean((0, 1)) - (220, 0, 0)).max() < 8
    assert read(video)[0].preview_HWC is None


def test_shrinking_does_not_alias(tmp_path):
    lines = np.zeros((64, 64, 3), np.uint8)
    lines[:, ::2] = 255
    video = make_video(tmp_path / "lines.mkv", images=[lines] * 2, codec="ffv1", pix_fmt="gray")
    image_HWC = read(video, size_px=(16, 16), grey=True)[0].image_HWC
    assert np.ptp(image_HWC[:, 2:-2]) <= 2
    assert image_HWC.mean() == pytest.approx(127.5, abs=3)


@pytest.mark.parametrize(
    ("rotation", "corner"),
    [
        ((90, False, False), "lower left"),
        ((-90, False, False), "upper right"),
        ((180, False, False), "lower right"),
        ((0, True, False), "upper right"),
        ((0, False, True), "lower left"),
        ((90, True, False), "lower right"),
    ],
)
@pytest.mark.parametrize("size_px", [None, (30, 20)])
def test_pictures_come_upright(tmp_path, rotation, corner, size_px):
    video = make_video(tmp_path / "turned.mp4", images=[picture(0)] * 3, rotation=rotation)
    turned_size = (WIDTH, HEIGHT) if rotation[0] in (90, -90) else (HEIGHT, WIDTH)
    info = probe(video)
    assert (info.height_px, info.width_px) == turned_size
    for frame in read(video, size_px=size_px):
        assert frame.image_HWC.shape[:2] == (size_px or turned_size)
        assert brightest_corner(frame.image_HWC) == corner


def brightest_corner(image_HWC):
    corners = {
        "upper left": image_HWC[:3, :3],
        "upper right": image_HWC[:3, -3:],
        "lower left": image_HWC[-3:, :3],
        "lower right": image_HWC[-3:, -3:],
    }
    return max(corners, key=lambda name: corners[name].mean())


@pytest.mark.parametrize("value", [0, 16, 100, 200, 255])
@pytest.mark.parametrize("grey", [False, True])
def test_grey_levels_do_not_depend_on_the_sources_range(tmp_path, value, grey):
    even = [np.full((HEIGHT, WIDTH, 3), value, np.uint8)] * 2
    folder = tmp_path / "pictures"
    folder.mkdir()
    av.VideoFrame.from_ndarray(even[0], "rgb24").save(folder / "0.png")
    limited = make_video(tmp_path / "limited.mp4", images=even)
    full = make_video(tmp_path / "full.avi", images=even, codec="mjpeg", pix_fmt="yuvj420p")
    for source in (folder, limited, full):
        image_HWC = read(source, grey=grey)[0].image_HWC
        assert np.abs(image_HWC.astype(int) - value).max() <= 2


def test_decoding_twice_gives_the_same_bytes(clip):
    first, second = read(clip, size_px=(20, 20)), read(clip, size_px=(20, 20))
    assert all(np.array_equal(a.image_HWC, b.image_HWC) for a, b in zip(first, second, strict=True))


def test_kept_frames_are_not_overwritten(clip):
    frames = read(clip, grey=True)
    assert [index_of(frame.image_HWC) for frame in frames] == INDICES


def test_a_name_with_a_colon_or_percent_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("10:15.mp4", "50%d.mp4"):
        make_video(tmp_path / name, images=[picture(0)] * 3)
        assert len(read(name)) == 3


def test_a_file_url_is_a_file(clip):
    assert len(read(clip.as_uri())) == FRAMES


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.ts", "clip.avi"])
def test_sound_that_outlasts_the_pictures_is_no_damage(tmp_path, name):
    with av.open(str(tmp_path / name), "w") as container:
        video, sound = container.add_stream("mpeg4", rate=FPS), container.add_stream("mp2", rate=44100)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index in range(5):
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture(index), "rgb24")))
        container.mux(video.encode(None))
        for start in range(0, 44100 * 3, 1152):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1152 * 2), np.int16), layout="stereo")
            frame.rate, frame.pts = 44100, start
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    assert len(read(tmp_path / name)) == 5


def test_sound_only_is_unreadable(tmp_path):
    with av.open(str(tmp_path / "sound.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(UnreadableVideo, match="no video in it"):
        open_video(tmp_path / "sound.wav")


@pytest.mark.parametrize("camera", ["937", "/dev/video937"])
def test_a_missing_webcam_is_an_error_that_names_it(camera):
    with pytest.raises(UnreadableVideo, match=r"/dev/video937: no such camera.*ls /dev/video"):
        open_video(camera)


def test_a_webcam_that_is_no_camera(tmp_path):
    with pytest.raises(UnreadableVideo, match="camera cannot be opened"):
        open_video("/dev/null")


def test_the_file_is_released_at_the_end_on_close_and_when_abandoned(clip):
    def opened():
        video = open_video(clip)
        assert is_open(clip)
        return video

    list(opened())
    assert not is_open(clip)

    for frame in opened():
        assert frame.index == 0
        break
    gc.collect()
    assert not is_open(clip)

    video = opened()
    video.close()
    video.close()
    assert not is_open(clip)
    with pytest.raises(ValueError, match="closed"):
        iter(video)

    with opened() as video:
        next(iter(video))
    assert not is_open(clip)


def test_closing_inside_the_loop_ends_it(clip):
    video = open_video(clip)
    seen = []
    for frame in video:
        seen.append(frame.index)
        video.close()
    assert seen == [0]
    assert not is_open(clip)


def test_ctrl_c_releases_the_file(clip, monkeypatch):
    original = reader_module.Scaler.to_image

    def interrupted(self, picture):
        if picture.pts:
            raise KeyboardInterrupt
        return original(self, picture)

    monkeypatch.setattr(reader_module.Scaler, "to_image", interrupted)
    video = open_video(clip)
    with pytest.raises(KeyboardInterrupt):
        list(video)
    assert not is_open(clip)


class WaitingBackend:
    """Gives no frame until it is told to."""

    def __init__(self, info):
        self.info, self.tally = info, None
        self.waits, self.go_on, self.is_closed = threading.Event(), threading.Event(), False

    def decode(self, options):
        self.waits.set()
        self.go_on.wait(10)
        assert not self.is_closed
        yield Decoded(av.VideoFrame(16, 16, "gray"), 0, 0.0)

    def close(self):
        self.is_closed = True


def test_closing_from_another_thread_waits_for_the_frame_in_the_decoder(clip):
    backend = WaitingBackend(probe(clip))
    video = reader_module.VideoReader(backend, ReadOptions(), source_id="camera")
    frames = []
    thread = threading.Thread(target=lambda: frames.extend(video))
    thread.start()
    assert backend.waits.wait(10)
    video.close()
    assert not backend.is_closed
    backend.go_on.set()
    thread.join(10)
    assert not thread.is_alive()
    assert backend.is_closed
    assert frames == []


def test_level_of_the_footage_can_be_told():
    assert [index_of(picture(index)) for index in INDICES] == INDICES
    assert level(FRAMES - 1) < 255


def test_any_number_of_threads_decodes_the_same(clip):
    expected = [frame.image_HWC for frame in read(clip)]
    for threads in (1, 3):
        np.testing.assert_array_equal(
            [frame.image_HWC for frame in read(clip, decode_threads=threads)], expected
        )
    with pytest.raises(ConfigError, match="decode_threads=0 is out of range"):
        ReadOptions(decode_threads=0)
