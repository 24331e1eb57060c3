import struct

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from video_footage import index_of, picture

from normalcy.errors import (
    DamagedVideoWarning,
    FallbackWarning,
    ResolutionChangedWarning,
    UnreadableVideo,
    VideoTooShort,
)
from normalcy.video.pictures import natural_key
from normalcy.video.reader import ReadOptions, list_pictures, open_video, probe


def save(path, image_HWC):
    assert cv2.imwrite(str(path), image_HWC[..., ::-1])
    return path


def fill(folder, *, names=tuple(f"{index}.png" for index in range(12))):
    for index, name in enumerate(names):
        save(folder / name, picture(index))
    return folder


def read(source, **options):
    with open_video(source, ReadOptions(**options)) as video:
        return list(video)


def test_natural_order_hidden_files_and_other_files(tmp_path):
    names = ["a1.JPG", "a2.jpeg", "a10.png", "a010.TIF", "B2.bmp", "b.tiff"]
    for name in [*reversed(names), ".hidden.jpg", "._a1.jpg", "notes.txt", "Thumbs.db"]:
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder.jpg").mkdir()
    assert [path.name for path in list_pictures(tmp_path)] == names


@given(st.lists(st.integers(0, 10**6), unique=True))
def test_numbers_sort_by_value(numbers):
    from pathlib import Path

    paths = [Path(f"frame{number}.jpg") for number in numbers]
    assert [int(path.stem[5:]) for path in sorted(paths, key=natural_key)] == sorted(numbers)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".bmp"])
@pytest.mark.parametrize("grey", [False, True])
def test_every_kind_of_picture(tmp_path, suffix, grey):
    fill(tmp_path, names=[f"{index}{suffix}" for index in range(12)])
    frames = read(tmp_path, grey=grey)
    assert [index_of(frame.image_HWC) for frame in frames] == list(range(12))
    assert frames[0].image_HWC.shape == (32, 48, 1 if grey else 3)


def test_colours_are_rgb(tmp_path):
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 200
    save(tmp_path / "0.png", red)
    assert np.array_equal(read(tmp_path)[0].image_HWC, red)


def test_16_bit_pictures(tmp_path):
    for index in range(3):
        cv2.imwrite(str(tmp_path / f"{index}.png"), picture(index)[..., 0].astype(np.uint16) * 257)
    assert [index_of(frame.image_HWC) for frame in read(tmp_path, grey=True)] == [0, 1, 2]


def test_grey_and_colour_in_one_folder(tmp_path):
    save(tmp_path / "0.png", picture(0))
    cv2.imwrite(str(tmp_path / "1.png"), picture(1)[..., 0])
    save(tmp_path / "2.jpg", picture(2))
    for grey, channels in ((False, 3), (True, 1)):
        frames = read(tmp_path, grey=grey)
        assert {frame.image_HWC.shape for frame in frames} == {(32, 48, channels)}
        assert [index_of(frame.image_HWC) for frame in frames] == [0, 1, 2]


def test_times_and_info(tmp_path):
    fill(tmp_path)
    assert [frame.pts_seconds for frame in read(tmp_path)] == [index / 25 for index in range(12)]
    assert [frame.pts_seconds for frame in read(tmp_path, fps=10)] == [index / 10 for index in range(12)]
    info = probe(tmp_path)
    assert (info.frame_count, info.fps, info.duration_seconds) == (12, 25.0, 0.48)
    assert (info.width_px, info.height_px, info.backend, info.codec) == (48, 32, "pictures", "png")


def test_stride_and_span(tmp_path):
    fill(tmp_path)
    frames = read(tmp_path, fps=10, stride_frames=3, start_seconds=0.2, end_seconds=1.0)
    assert [frame.index for frame in frames] == [3, 6, 9]
    assert [index_of(frame.image_HWC) for frame in frames] == [3, 6, 9]
    with pytest.raises(VideoTooShort):
        read(tmp_path, start_seconds=60)


def test_pictures_that_are_not_wanted_are_not_read(tmp_path):
    fill(tmp_path)
    (tmp_path / "5.png").write_bytes(b"broken")
    assert [frame.index for frame in read(tmp_path, stride_frames=2)] == [0, 2, 4, 6, 8, 10]


@pytest.mark.parametrize("broken", [b"", b"no picture", "cut"])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".bmp"])
@pytest.mark.parametrize("position", [0, 3])
def test_one_unreadable_picture_is_left_out_and_keeps_its_place(tmp_path, broken, suffix, position):
    fill(tmp_path, names=[f"{index}{suffix}" for index in range(6)])
    path = tmp_path / f"{position}{suffix}"
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10] if broken == "cut" else broken)
    with pytest.warns(DamagedVideoWarning) as caught:
        frames = read(tmp_path)
    kept = [index for index in range(6) if index != position]
    assert [frame.index for frame in frames] == kept
    assert [index_of(frame.image_HWC) for frame in frames] == kept
    message = str(caught[0].message)
    assert f"{tmp_path}: {path.name} cannot be read, frames lost: 1. Frames read and used: 5." in message


def test_nothing_readable_is_unreadable(tmp_path):
    with pytest.raises(UnreadableVideo, match="no pictures in this folder"):
        open_video(tmp_path)
    for name in ("0.jpg", "1.png"):
        (tmp_path / name).write_bytes(b"broken")
    with pytest.raises(UnreadableVideo, match="none of the 2 pictures can be read"):
        open_video(tmp_path)


def test_a_picture_of_another_size_is_scaled(tmp_path):
    fill(tmp_path, names=["0.png", "1.png"])
    save(tmp_path / "2.png", picture(2, size_px=(64, 48)))
    save(tmp_path / "3.png", picture(3, size_px=(16, 48)))
    with pytest.warns(ResolutionChangedWarning, match="from frame 2 on") as caught:
        frames = read(tmp_path)
    assert len(caught) == 1
    assert {frame.image_HWC.shape for frame in frames} == {(32, 48, 3)}


def test_a_single_picture(tmp_path):
    (frame,) = read(save(tmp_path / "50%d.jpg", picture(4)))
    assert index_of(frame.image_HWC) == 4


def test_a_misnamed_picture_is_known_by_its_content(tmp_path):
    save(tmp_path / "0.png", picture(0)).rename(tmp_path / "0.jpg")
    assert index_of(read(tmp_path)[0].image_HWC) == 0


def test_what_only_opencv_reads(tmp_path):
    _, webp = cv2.imencode(".webp", picture(1)[..., ::-1])
    for name in ("0.jpg", "1.jpg"):
        (tmp_path / name).write_bytes(webp.tobytes())
    with pytest.warns(FallbackWarning, match=r"0\.jpg: read with OpenCV") as caught:
        frames = read(tmp_path)
    assert len(caught) == 1
    assert [index_of(frame.image_HWC) for frame in frames] == [1, 1]


def test_a_codec_that_pyav_refuses_goes_to_opencv(tmp_path):
    fill(tmp_path, names=["0.tif"])
    data = bytearray((tmp_path / "0.tif").read_bytes())
    tag = data.index(struct.pack("<HHI", 259, 3, 1))  # compression
    data[tag + 8 : tag + 10] = struct.pack("<H", 34925)  # LZMA
    (tmp_path / "0.tif").write_bytes(data)
    with pytest.raises(UnreadableVideo, match="none of the 1 pictures"):
        open_video(tmp_path)


@pytest.mark.parametrize(("orientation", "corner"), [(1, (0, 0)), (3, (-1, -1)), (6, (0, -1)), (8, (-1, 0))])
def test_exif_orientation_of_a_jpg(tmp_path, orientation, corner):
    _, encoded = cv2.imencode(".jpg", picture(0)[..., ::-1])
    data = encoded.tobytes()
    exif = b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    (tmp_path / "0.jpg").write_bytes(data[:2] + segment + data[2:])
    image_HWC = read(tmp_path, grey=True)[0].image_HWC
    assert image_HWC.shape[:2] == ((48, 32) if orientation in (6, 8) else (32, 48))
    assert image_HWC[corner] > 240
    assert np.sum([image_HWC[y, x] > 240 for y in (0, -1) for x in (0, -1)]) == 1


@pytest.mark.realdata
def test_ucsd_ped2_training_video(data_root):
    folder = data_root / "ucsd-ped2" / "training" / "frames" / "01"
    frames = read(folder, grey=True, size_px=(227, 227), fps=10)
    assert len(frames) == 120
    assert frames[-1].image_HWC.shape == (227, 227, 1)
