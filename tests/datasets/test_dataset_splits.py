from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalcy.datasets.base import LabelledVideo
from normalcy.datasets.splits import VideoSpan, split_validation
from normalcy.errors import ConfigError, DatasetIncomplete, VideoTooShort


def split(counts, *, fraction=0.2, seed=0):
    videos = [
        LabelledVideo(f"{place:02d}", "train", Path(f"{place:02d}.mp4")) for place in range(len(counts))
    ]
    by_name = {video.name: count for video, count in zip(videos, counts, strict=True)}
    spans = split_validation(
        videos, fraction=fraction, seed=seed, frame_count=lambda video: by_name[video.name]
    )
    return videos, *spans


def test_many_videos_are_held_out_whole():
    videos, fit_spans, held_spans = split([100] * 10)
    assert len(held_spans) == 2
    assert len(fit_spans) == 8
    assert {span.video for span in fit_spans + held_spans} == set(videos)
    assert all((span.start_frame, span.end_frame) == (0, None) for span in fit_spans + held_spans)


def test_the_seed_decides():
    draws = {tuple(span.video.name for span in split([100] * 10, seed=seed)[2]) for seed in range(20)}
    assert len(draws) > 5
    assert split([100] * 10, seed=3) == split([100] * 10, seed=3)


def test_one_video_is_split_in_time():
    (video,), fit_spans, held_spans = split([1000])
    assert fit_spans == [VideoSpan(video, 0, 800)]
    assert held_spans == [VideoSpan(video, 800, None)]


def test_two_videos_are_each_split_in_time():
    (one, two), fit_spans, held_spans = split([10, 3], fraction=0.5)
    assert fit_spans == [VideoSpan(one, 0, 5), VideoSpan(two, 0, 2)]
    assert held_spans == [VideoSpan(one, 5), VideoSpan(two, 2)]


def test_a_single_frame_is_only_fitted_on():
    (one, two), fit_spans, held_spans = split([1, 2], fraction=0.01)
    assert fit_spans == [VideoSpan(one), VideoSpan(two, 0, 1)]
    assert held_spans == [VideoSpan(two, 1)]


def test_a_huge_video_is_not_held_out_when_small_ones_do():
    for seed in range(10):
        _, _, held_spans = split([10_000, 500, 500, 500], fraction=0.05, seed=seed)
        assert [span.video.name for span in held_spans] != ["00"]


def test_errors():
    for fraction in (0.0, 1.0, -0.1):
        with pytest.raises(ConfigError, match=f"{fraction} is not between 0 and 1"):
            split([10, 10], fraction=fraction)
    with pytest.raises(DatasetIncomplete, match="no training videos"):
        split([])
    with pytest.raises(VideoTooShort, match=r"00\.mp4, 01\.mp4: too short"):
        split([1, 1])


@given(
    st.lists(st.integers(1, 500), min_size=3, max_size=30),
    st.floats(0.01, 0.99),
    st.integers(0, 2**31),
)
def test_both_sides_hold_something_and_the_share_is_about_right(counts, fraction, seed):
    videos, fit_spans, held_spans = split(counts, fraction=fraction, seed=seed)
    fit_names = [span.video.name for span in fit_spans]
    held_names = [span.video.name for span in held_spans]
    assert fit_names
    assert held_names
    assert sorted(fit_names + held_names) == [video.name for video in videos]
    held_frames = sum(counts[int(name)] for name in held_names)
    assert abs(held_frames - fraction * sum(counts)) <= max(counts)
