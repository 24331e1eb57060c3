"""A video that is served as a camera would."""

import itertools
import urllib.error
import urllib.request

import numpy as np
import pytest

from normalcy.errors import UnreadableVideo
from normalcy.video.reader import ReadOptions, open_video
from normalcy.video.stream_server import StreamServer
from tiny_scene import SIZE_PX, scene, write_scene

QUICK = ReadOptions(open_timeout_seconds=5.0, read_timeout_seconds=5.0)


@pytest.fixture
def stream(tmp_path):
    path = write_scene(tmp_path / "walk.mp4", scene(6, seed=1)[0])
    with StreamServer(path, fps=50.0) as server:
        yield server


def test_it_shows_the_video_over_and_over(stream):
    with open_video(stream.url, QUICK) as video:
        frames = list(itertools.islice(video, 14))
    assert len(frames) == 14
    assert frames[0].image_HWC.shape == (*SIZE_PX, 3)
    apart = [np.abs(frames[0].image_HWC.astype(int) - each.image_HWC).mean() for each in frames]
    assert apart[6] < apart[3]
    assert apart[12] < apart[9]


def test_it_goes_away_and_comes_back(stream):
    with open_video(stream.url, QUICK) as video:
        frames = iter(video)
        next(frames)
        stream.go_away()
        with pytest.warns(UserWarning, match="reading broke off"):
            list(frames)  # comes to an end
    with pytest.raises(urllib.error.HTTPError, match="503"):
        urllib.request.urlopen(stream.url, timeout=5)
    with pytest.raises(UnreadableVideo):
        open_video(stream.url, QUICK)
    stream.come_back()
    with open_video(stream.url, QUICK) as video:
        assert next(iter(video)).image_HWC.shape == (*SIZE_PX, 3)
