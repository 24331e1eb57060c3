import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalcy.errors import FrameShapeError
from normalcy.methods.contract import ClipSpec
from normalcy.scoring.types import FrameStamp
from normalcy.scoring.window import ClipWindow
from normalcy.video.frame import Frame


def frame(index: int, *, size=(2, 3), channels=1) -> Frame:
    return Frame(np.full((*size, channels), index % 256, np.uint8), index, index / 10, "camera")


def run(window: ClipWindow, count: int):
    clips = [clip for i in range(count) if (clip := window.push(frame(i)))]
    last = window.flush()
    return [*clips, last] if last else clips


def due(clips):
    return [[stamp.index for stamp in clip.due] for clip in clips]


def test_first_clip_settles_all_its_frames_and_then_each_the_newest():
    clips = run(ClipWindow(ClipSpec(4, (2, 3), 1)), 6)
    assert due(clips) == [[0, 1, 2, 3], [4], [5]]
    assert [stamp.index for stamp in clips[1].stamps] == [1, 2, 3, 4]
    assert clips[1].clip_TCHW[:, 0, 0, 0].tolist() == [1, 2, 3, 4]
    assert clips[1].clip_TCHW.shape == (4, 1, 2, 3)
    assert clips[1].stamps[0].pts_seconds == pytest.approx(0.1)


def test_hop_settles_several_and_flush_the_rest():
    assert due(run(ClipWindow(ClipSpec(4, (2, 3), 1), hop_frames=2), 7)) == [[0, 1, 2, 3], [4, 5], [6]]


def test_hop_longer_than_the_clip_leaves_no_frame_out():
    assert due(run(ClipWindow(ClipSpec(2, (2, 3), 1), hop_frames=3), 6)) == [[0, 1], [2, 3, 4], [5]]


def test_stride_spreads_the_clip():
    clips = run(ClipWindow(ClipSpec(3, (2, 3), 1, stride_frames=2)), 6)
    assert [[s.index for s in clip.stamps] for clip in clips] == [[0, 2, 4], [1, 3, 5]]
    assert due(clips) == [[0, 1, 2, 3, 4], [5]]


def test_frames_after_the_scored_one_wait_for_flush():
    clips = run(ClipWindow(ClipSpec(3, (2, 3), 1, scored_frames=(1,))), 5)
    assert due(clips) == [[0, 1], [2], [3], [4]]


def test_too_short_a_source_gives_nothing():
    assert run(ClipWindow(ClipSpec(4, (2, 3), 1)), 3) == []


def test_wrong_size_is_named():
    with pytest.raises(FrameShapeError, match=r"\(2, 4, 1\), expected \(2, 3, 1\)"):
        ClipWindow(ClipSpec(2, (2, 3), 1)).push(frame(0, size=(2, 4)))
    with pytest.raises(FrameShapeError):
        ClipWindow(ClipSpec(2, (2, 3), 1)).push(frame(0, channels=3))


@given(
    length=st.integers(1, 5),
    stride=st.integers(1, 3),
    hop=st.integers(1, 7),
    count=st.integers(0, 40),
    scored_last=st.booleans(),
)
def test_every_frame_is_settled_exactly_once_in_order(length, stride, hop, count, scored_last):
    spec = ClipSpec(length, (2, 3), 1, stride, scored_frames=(length - 1,) if scored_last else ())
    clips = run(ClipWindow(spec, hop_frames=hop), count)
    settled = [index for group in due(clips) for index in group]
    assert settled == (list(range(count)) if count >= spec.span_frames else [])
    assert all(clip.due for clip in clips)


def test_frames_whose_pictures_nobody_made_are_settled_with_the_others():
    """Who fills the window may leave out the pictures that no clip takes: the same clips settle the same frames."""
    spec = ClipSpec(3, (2, 3), 1, spacing_seconds=0.25)
    whole, sparse = ClipWindow(spec), ClipWindow(spec)
    clips, others, last = [], [], None
    for each in map(frame, range(14)):
        clips += [clip] if (clip := whole.push(each)) else []
        if last is not None and spec.too_soon(each.pts_seconds, after=last):
            sparse.pass_over(FrameStamp(each.index, each.pts_seconds))
            continue
        last = each.pts_seconds
        others += [clip] if (clip := sparse.push(each)) else []
    assert due(others) == due(clips)
    assert [clip.stamps for clip in others] == [clip.stamps for clip in clips]
    assert whole.waiting == sparse.waiting == 14 - sum(map(len, due(clips)))


def test_knows_how_many_frames_wait():
    window, waiting = ClipWindow(ClipSpec(3, (2, 3), 1), hop_frames=2), []
    for index in range(6):
        window.push(frame(index))
        waiting.append(window.waiting)
    assert waiting == [1, 2, 0, 1, 0, 1]
