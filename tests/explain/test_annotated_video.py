from pathlib import Path

import numpy as np
import pytest

from normalcy.explain import annotate, drawing
from normalcy.explain.annotate import AnnotatedVideo
from normalcy.scoring.types import FrameScore


class FakeWriter:
    """Keeps what it is given."""

    made: "FakeWriter"

    def __init__(self, path, *, fps, crf):
        self.path, self.fps, self.crf = path, fps, crf
        self.frames, self.closed_with = [], "open"
        FakeWriter.made = self

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.closed_with = kind

    def write(self, image_HWC):
        self.frames.append(image_HWC)


def frame_score(index, *, alarmed):
    map_HW = np.zeros((8, 8), np.float32)
    return FrameScore("camera", index, index / 10, 0.5, 0.5, 2.0, alarmed, True, {}, map_HW)


@pytest.fixture
def writer(monkeypatch):
    monkeypatch.setattr(annotate, "VideoWriter", FakeWriter)
    return FakeWriter


def test_every_frame_is_written_at_one_even_size(writer):
    with AnnotatedVideo(Path("out.mp4"), fps=10.0, threshold=0.4, title="a", crf=20) as video:
        for index in range(5):
            video.add(np.full((60, 81, 3), 50, np.uint8), frame_score(index, alarmed=index > 2))
    made = writer.made
    assert (made.path, made.fps, made.crf, made.closed_with) == (Path("out.mp4"), 10.0, 20, None)
    assert len(made.frames) == 5
    assert len({frame.shape for frame in made.frames}) == 1
    height, width, channels = made.frames[0].shape
    assert (height % 2, width % 2, channels) == (0, 0, 3)
    assert [(frame[100, 1] == drawing.ALARM).all() for frame in made.frames] == [False] * 3 + [True] * 2


def test_an_error_reaches_the_writer(writer):
    with pytest.raises(RuntimeError, match="stop"), AnnotatedVideo(Path("out.mp4"), fps=10.0, threshold=0.4):
        raise RuntimeError("stop")
    assert writer.made.closed_with is RuntimeError


def test_the_file_holds_every_frame_with_its_colours(tmp_path):
    import av

    path = tmp_path / "annotated.mp4"
    with AnnotatedVideo(path, fps=10.0, threshold=0.4, duration_seconds=1.0) as video:
        for index in range(10):
            video.add(np.full((64, 64, 1), 120, np.uint8), frame_score(index, alarmed=index >= 5))
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 10
    assert frames[0].shape == (432, 740, 3)
    borders = [frame[100:200, 1:3].reshape(-1, 3).mean(axis=0) for frame in frames]
    assert all(red < 120 for red, _, _ in borders[:5])
    assert all(red > 180 and green < 130 for red, green, _ in borders[5:])
