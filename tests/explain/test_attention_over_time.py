"""Attention over a whole video, as numbers and as strips."""

import numpy as np
import pytest

from normalcy.explain import drawing
from normalcy.explain.attention import over_time
from normalcy.explain.attention.over_time import AttentionOverTime, attention_over_time
from normalcy.explain.attention.watch import Attended
from normalcy.explain.attention_strip import AttentionStrip, StripsBelow
from normalcy.video.frame import Frame
from small_methods import small


@pytest.fixture
def method():
    return small("ocr-gan-video").eval()  # clips of 6 frames


def video(frames, *, seed=0):
    images_THWC = np.random.default_rng(seed).integers(0, 256, (frames, 16, 24, 1), np.uint8)
    return [Frame(image_HWC, index, index / 10, "x") for index, image_HWC in enumerate(images_THWC)]


@pytest.fixture
def looks_at_the_first(monkeypatch, method):
    """Every frame of a clip gives all to the first, in head 0, and to itself in head 1."""
    frames, main = method.clip.length_frames, method.main_attention
    weights_BAPTT = np.zeros((1, 2, 3, frames, frames), np.float32)
    weights_BAPTT[:, 0, :, :, 0] = 1
    weights_BAPTT[:, 1] = np.eye(frames)
    same = np.ones((1, frames, 4, 3), np.float32)
    found = [Attended(name, weights_BAPTT, same, same, (1, 3)) for name in (f"{main}.0", "elsewhere")]
    monkeypatch.setattr(over_time, "watch_attention", lambda method, clip_BTCHW: found)


@pytest.mark.usefixtures("looks_at_the_first")
def test_what_frames_receive_by_hand(method):
    (found,) = attention_over_time(method, video(8))  # clips from 0, 1 and 2 on
    assert found.name.startswith(method.main_attention)
    assert found.seconds_F.tolist() == pytest.approx(np.arange(8) / 10)
    # The first of a clip receives all six even shares; frame 1 is first in one clip of two, frame 2 in one of three.
    assert found.received_AF[0].tolist() == [6, 3, 2, 0, 0, 0, 0, 0]
    assert found.received_AF[1].tolist() == [1] * 8
    # Entropy 0; rows alike in one head, at right angles in the other; features do not change: 0 - 1/2 + 0.
    assert found.score_F.tolist() == pytest.approx([-0.5] * 8)


@pytest.mark.usefixtures("looks_at_the_first")
def test_frames_that_no_clip_holds_are_unknown(method):
    (found,) = attention_over_time(method, video(13), hop_frames=6)  # two clips, one frame left over
    assert np.isnan(found.received_AF[:, 12]).all()
    assert np.isnan(found.score_F[12])
    assert np.isfinite(found.score_F[:12]).all()


def test_the_streams_of_a_method(method):
    found = attention_over_time(method, video(9), hop_frames=3)
    assert [each.received_AF.shape[1] for each in found] == [9, 9]  # of the high and of the low frequencies
    for each in found:
        assert np.isfinite(each.received_AF).all()
        assert each.received_AF.mean() == pytest.approx(1, abs=0.2)


def test_a_video_shorter_than_a_clip_has_none(method):
    assert attention_over_time(method, video(5)) == []


def strip_of(received_AF, score_F, *, width_px=220):
    frames = received_AF.shape[1]
    return AttentionStrip(
        AttentionOverTime("mix.attention.0", np.arange(frames) / 10, received_AF, score_F), width_px=width_px
    )


def test_a_strip_shows_who_is_looked_at():
    received_AF = np.array([[0.0, 2.0], [2.0, 0.0]])
    picture_HWC = strip_of(received_AF, np.array([0.0, 1.0])).draw()
    left_HW, right_HW = (
        picture_HWC[18:36, columns].sum(axis=2) for columns in (slice(10, 110), slice(110, 210))
    )
    assert right_HW[:8].min() > 3 * left_HW[:8].max()
    assert left_HW[9:17].min() > 3 * right_HW[9:17].max()
    assert picture_HWC.shape[0] % 2 == 0


def test_columns_go_by_time():
    # The last of five frames is shown from 10 s on, the one before it from 3 s.
    seconds_F = np.array([0.0, 1.0, 2.0, 3.0, 10.0])
    attention = AttentionOverTime("a", seconds_F, np.array([[0, 0, 0, 2.0, 0]]), np.zeros(5))
    row_W = AttentionStrip(attention, width_px=145).draw()[20, 10:135].sum(axis=1)  # ten columns a second
    lit = np.flatnonzero(row_W > 300)
    assert (lit.min(), lit.max()) == (30, 99)


def test_a_column_shows_the_mean_of_its_frames():
    received_AF = np.tile([0.0, 1.0, 2.0], 500)[None]
    attention = AttentionOverTime("a", np.arange(1500) / 10, received_AF, np.zeros(1500))
    row_W3 = AttentionStrip(attention, width_px=120).draw()[20, 10:110]
    assert np.ptp(row_W3.astype(int), axis=0).max() < 40
    even_W3 = AttentionStrip(
        AttentionOverTime("a", np.arange(1500) / 10, np.ones((1, 1500)), np.zeros(1500)), width_px=120
    ).draw()[20, 10:110]
    assert np.abs(row_W3.astype(int) - even_W3).max() < 25


def test_what_no_clip_holds_is_not_nothing():
    received_AF = np.array([[0.0, np.nan]])
    row_W3 = AttentionStrip(
        AttentionOverTime("a", np.array([0.0, 1.0]), received_AF, np.array([0.0, 0.0])), width_px=120
    ).draw()[20]
    assert row_W3[30].max() < 10
    assert tuple(row_W3[90]) == drawing.FAINT


@pytest.mark.parametrize("score_F", [np.array([0.3, 0.3, 0.3]), np.array([0.1, np.nan, 0.2])])
def test_a_strip_of_what_does_not_vary_or_is_unknown(score_F):
    received_AF = np.where(np.isnan(score_F), np.nan, 1.0)[None]
    picture_HWC = strip_of(received_AF, score_F).draw()
    away_HW = np.abs(picture_HWC.astype(int) - drawing.SCORE).max(axis=2)
    assert away_HW.min() < 40  # the line is there


def test_the_present_is_marked_and_the_strip_kept():
    strip = strip_of(np.ones((1, 10)), np.linspace(0, 1, 10))
    before = strip.draw().copy()
    marked = strip.draw(seconds=0.5)
    (columns,) = (marked != before).any(axis=(0, 2)).nonzero()
    assert columns.tolist() == [110]
    assert np.array_equal(strip.draw(), before)


def test_strips_go_below_the_picture():
    attention = AttentionOverTime("mix.attention.0", np.arange(4) / 10, np.ones((2, 4)), np.zeros(4))
    picture_HWC = np.full((40, 300, 3), 7, np.uint8)
    below = StripsBelow([attention, attention])
    whole = below(picture_HWC, 0.1)
    assert np.array_equal(whole[:40], picture_HWC)
    assert whole.shape == (40 + 2 * AttentionStrip(attention, width_px=300).height_px, 300, 3)
    assert np.array_equal(StripsBelow([])(picture_HWC, 0.1), picture_HWC)
