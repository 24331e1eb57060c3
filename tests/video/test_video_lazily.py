"""Frames that become images only when somebody asks for one."""

import warnings

import numpy as np
import pytest
from video_footage import FRAMES, HEIGHT, WIDTH, cut, is_open, make_video, picture

from normalcy.errors import DamagedVideoWarning
from normalcy.video._scaler import Scaler
from normalcy.video.reader import ReadOptions, open_video
from normalcy.video.writer import write_picture

OPTIONS = ReadOptions(size_px=(16, 24), grey=True, preview_height_px=20)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return make_video(tmp_path_factory.mktemp("lazy") / "clip.mp4")


def test_they_are_the_same_frames(video):
    with open_video(video, OPTIONS) as eager, open_video(video, OPTIONS) as lazy:
        for frame, each in zip(eager, lazy.lazily(), strict=True):
            assert (each.index, each.pts_seconds) == (frame.index, frame.pts_seconds)
            assert each.size_px == (HEIGHT, WIDTH)
            np.testing.assert_array_equal(each.image(), frame.image_HWC)
            np.testing.assert_array_equal(each.preview(), frame.preview_HWC)


def test_nothing_is_scaled_that_nobody_asks_for(video, monkeypatch):
    scaled = []
    to_image = Scaler.to_image
    monkeypatch.setattr(Scaler, "to_image", lambda self, each: scaled.append(each) or to_image(self, each))
    with open_video(video, OPTIONS) as reader:
        for lazy in reader.lazily():
            if lazy.index % 3 == 0:
                lazy.image()
    assert len(scaled) == FRAMES // 3


def test_a_frame_can_be_kept(video):
    with open_video(video) as reader:
        kept = list(reader.lazily())
    for index, lazy in enumerate(kept):
        assert np.abs(lazy.image().astype(int) - picture(index)).mean() < 3
        assert lazy.preview() is None


def test_damage_is_told_when_asked(tmp_path):
    broken = cut(make_video(tmp_path / "clip.mp4", movflags="faststart"), 0.8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with open_video(broken) as reader:
            count = len(list(reader.lazily()))
    assert 0 < count < FRAMES
    with open_video(broken) as eager, pytest.warns(DamagedVideoWarning) as caught:
        list(eager)
    assert (reader.trouble, reader.lost) == (eager.trouble, eager.lost)
    assert reader.trouble in str(caught[0].message)


def test_another_resolution_is_seen_and_not_warned_of(tmp_path):
    for index, size_px in enumerate([(32, 48), (32, 48), (16, 48)]):
        write_picture(tmp_path / f"{index}.png", picture(0, size_px=size_px))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with open_video(tmp_path, OPTIONS) as reader:
            sizes = [(lazy.size_px, lazy.image().shape) for lazy in reader.lazily()]
    assert sizes == [((32, 48), (16, 24, 1)), ((32, 48), (16, 24, 1)), ((16, 48), (16, 24, 1))]


def test_a_reader_is_read_once(video):
    with open_video(video) as reader:
        frames = reader.lazily()
        assert next(frames).index == 0
        assert is_open(video)
        frames.close()
        assert not is_open(video)
        with pytest.raises(ValueError, match="closed"):
            reader.lazily()
