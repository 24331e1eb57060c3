import contextlib
import errno
import os
import subprocess
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from video_footage import picture

from normalcy.errors import ConfigError, DiskFull, FrameShapeError, OutputError
from normalcy.video import _atomic, writer
from normalcy.video.reader import ReadOptions, list_pictures, open_video, probe
from normalcy.video.writer import VideoWriter, pad_to_even, write_picture


def write(path, images, *, fps=10, crf=10):
    with VideoWriter(path, fps=fps, crf=crf) as video:
        for image_HWC in images:
            video.write(image_HWC)
    return path


def noise(count, *, size_px=(32, 48)):
    return list(np.random.default_rng(0).integers(0, 256, (count, *size_px, 3), np.uint8))


def names(folder):
    return [path.name for path in folder.iterdir()]


def test_a_browser_can_play_it(tmp_path):
    path = write(tmp_path / "clip.mp4", noise(20), fps=29.97)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.profile, stream.pix_fmt) == (
            "h264",
            "High",
            "yuv420p",
        )
        assert float(stream.average_rate) == pytest.approx(29.97, abs=0.01)
        assert (stream.codec_context.color_range, stream.codec_context.colorspace) == (1, 6)
        assert stream.frames == 20
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert path.stat().st_mode & 0o777 == 0o666 & ~current_umask()


def current_umask():
    umask = os.umask(0)
    os.umask(umask)
    return umask


@pytest.mark.parametrize("colour", [(200, 40, 40), (40, 200, 40), (40, 40, 200), (0, 0, 0), (255, 255, 255)])
def test_colours_come_back(tmp_path, colour):
    image_HWC = np.full((32, 48, 3), colour, np.uint8)
    with open_video(write(tmp_path / "clip.mp4", [image_HWC] * 3)) as video:
        for frame in video:
            assert np.abs(frame.image_HWC.astype(int) - colour).max() <= 5


def test_grey_of_a_video_is_the_grey_of_its_pictures(tmp_path):
    image_HWC = np.full((32, 48, 3), (210, 120, 30), np.uint8)
    write_picture(tmp_path / "folder" / "0.png", image_HWC)
    write(tmp_path / "clip.mp4", [image_HWC] * 2)
    levels = []
    for source in (tmp_path / "folder", tmp_path / "clip.mp4"):
        with open_video(source, ReadOptions(grey=True)) as video:
            levels.append(int(next(iter(video)).image_HWC.mean()))
    assert levels[0] == pytest.approx(levels[1], abs=2)


@pytest.mark.parametrize("value", [0, 100, 255])
def test_grey_images(tmp_path, value):
    image_HWC = np.full((32, 48, 1), value, np.uint8)
    with open_video(write(tmp_path / "clip.mp4", [image_HWC] * 3), ReadOptions(grey=True)) as video:
        frames = list(video)
    assert len(frames) == 3
    assert np.abs(frames[0].image_HWC.astype(int) - value).max() <= 2


def test_odd_sizes_are_padded(tmp_path):
    info = probe(write(tmp_path / "clip.mp4", [picture(0, size_px=(31, 47))] * 2))
    assert (info.height_px, info.width_px) == (32, 48)


@given(st.integers(1, 9), st.integers(1, 9))
def test_padding_repeats_the_edge(height, width):
    image_HWC = np.arange(height * width, dtype=np.uint8).reshape(height, width, 1)
    padded = pad_to_even(image_HWC)
    assert padded.shape[0] % 2 == padded.shape[1] % 2 == 0
    assert np.array_equal(padded[:height, :width], image_HWC)
    assert np.array_equal(padded[-1, :width], image_HWC[-1])


def test_it_appears_only_when_complete(tmp_path):
    path = tmp_path / "new" / "clip.mp4"
    with VideoWriter(path, fps=10) as video:
        for image_HWC in noise(5):
            video.write(image_HWC)
        assert not path.exists()
        assert len(names(path.parent)) <= 1
    assert names(path.parent) == ["clip.mp4"]
    assert video.frames_written == 5
    video.close()
    video.discard()
    assert names(path.parent) == ["clip.mp4"]
    with pytest.raises(ValueError, match="closed"):
        video.write(image_HWC)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, ZeroDivisionError])
def test_an_error_keeps_the_old_file_and_leaves_nothing_else(tmp_path, error):
    path = write(tmp_path / "clip.mp4", noise(2))
    before = path.read_bytes()

    def interrupted():
        yield from noise(60)
        raise error

    with pytest.raises(error):
        write(path, interrupted())
    assert path.read_bytes() == before
    assert names(tmp_path) == ["clip.mp4"]


def test_no_frame_no_video(tmp_path):
    with pytest.raises(OutputError, match="no frame was written"), VideoWriter(tmp_path / "clip.mp4", fps=10):
        pass
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((32, 48), np.uint8),
        np.zeros((32, 48, 4), np.uint8),
        np.zeros((32, 48, 3), np.float32),
        np.zeros((16, 48, 3), np.uint8),
    ],
)
def test_frames_of_another_shape(tmp_path, wrong):
    with pytest.raises(FrameShapeError, match="frame 1 is"):
        write(tmp_path / "clip.mp4", [picture(0), wrong])
    assert names(tmp_path) == []


@pytest.mark.parametrize("wrong", [{"fps": 0}, {"fps": 10, "crf": 52}, {"fps": 10, "crf": -1}])
def test_values_out_of_range(tmp_path, wrong):
    with pytest.raises(ConfigError, match="out of range"):
        VideoWriter(tmp_path / "clip.mp4", **wrong)


def test_only_mp4(tmp_path):
    with pytest.raises(OutputError, match=r"'\.avi' videos are not written"):
        VideoWriter(tmp_path / "clip.avi", fps=10)


def test_a_size_the_encoder_refuses(tmp_path):
    with pytest.raises(OutputError, match="cannot be encoded"):
        write(tmp_path / "clip.mp4", [np.zeros((2, 20000, 1), np.uint8)])
    assert names(tmp_path) == []


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot be written"):
        write(tmp_path / "file" / "clip.mp4", noise(2))
    with pytest.raises(OutputError, match="cannot be written"):
        write_picture(tmp_path / "file" / "0.png", picture(0))


def test_a_full_device(tmp_path, monkeypatch):
    """/dev/full in place of the temporary file refuses every byte."""
    link = tmp_path / "unfinished"
    link.symlink_to("/dev/full")
    monkeypatch.setattr(writer, "temporary_path", lambda path: link)
    monkeypatch.setattr(_atomic, "temporary_path", lambda path: link)
    with pytest.raises(DiskFull, match=r"clip\.mp4: the disk is full"):
        write(tmp_path / "clip.mp4", noise(60))
    assert names(tmp_path) == []
    link.symlink_to("/dev/full")
    with pytest.raises(DiskFull, match=r"0\.png: the disk is full"):
        write_picture(tmp_path / "0.png", picture(0))
    assert names(tmp_path) == []


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 200 kB that lives in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a tmpfs is not allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_fills_up_holds_a_whole_video_or_none(small_disk):
    """Wherever it fills up: between frames, while the encoder is emptied, or while the index moves to the front."""
    kept, path = small_disk / "kept.txt", small_disk / "clip.mp4"
    kept.write_text("results so far")
    counts = range(42, 50)
    written = []
    for count in counts:
        with contextlib.suppress(DiskFull):
            write(path, noise(count, size_px=(48, 64)), crf=1)
            written.append(count)
            assert probe(path).frame_count == count
            path.unlink()
        assert names(small_disk) == ["kept.txt"]
    assert 0 < len(written) < len(counts)
    assert kept.read_text() == "results so far"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_quotas_count_as_a_full_disk(tmp_path, code):
    with pytest.raises(DiskFull), _atomic.replacing(tmp_path / "file"):
        raise OSError(code, "no room")


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".JPG"])
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_come_back(tmp_path, suffix, channels):
    image_HWC = picture(3)[..., :channels].copy()
    image_HWC[:, :8, 0] = 90
    path = tmp_path / "new" / f"0{suffix}"
    write_picture(str(path), image_HWC)
    assert list_pictures(path.parent) == [path]
    assert cv2.imread(str(path), cv2.IMREAD_UNCHANGED).ndim == (2 if channels == 1 else 3)
    with open_video(path, ReadOptions(grey=channels == 1)) as video:
        (frame,) = video
    difference = np.abs(frame.image_HWC.astype(int) - image_HWC)
    assert difference.mean() < 2 if suffix == ".JPG" else difference.max() == 0


def test_pictures_of_unknown_kind_or_shape(tmp_path):
    with pytest.raises(OutputError, match=r"'\.xyz' pictures are not written"):
        write_picture(tmp_path / "0.xyz", picture(0))
    with pytest.raises(FrameShapeError, match="float64"):
        write_picture(tmp_path / "0.png", np.zeros((4, 4, 3)))
    assert names(tmp_path) == []


def test_temporary_names_are_hidden_and_beside_the_target():
    first, second = (_atomic.temporary_path(Path("/data/clip.mp4")) for _ in range(2))
    assert first.parent == Path("/data")
    assert first.name.startswith(".clip.mp4.")
    assert first != second
