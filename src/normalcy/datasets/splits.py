"""Holding out normal video for validation and calibration: whole videos where there are many, else time spans.

Neighbouring frames resemble each other, so frames are never dealt out one by one: held-out video has to be
video that the method has not seen, or it would look better than it is.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from normalcy.datasets.base import LabelledVideo
from normalcy.errors import ConfigError, DatasetIncomplete, VideoTooShort

# With so few videos, holding out a whole one would cost too much of what there is to learn from.
_FEW_VIDEOS = 2


@dataclass(frozen=True)
class VideoSpan:
    """Part of a video.

    Attributes:
        video: The video.
        start_frame: First frame, counted from 0 in the source.
        end_frame: First frame after the span; None for the end of the video.
    """

    video: LabelledVideo
    start_frame: int = 0
    end_frame: int | None = None


def split_validation(
    videos: Sequence[LabelledVideo],
    *,
    fraction: float,
    seed: int,
    frame_count: Callable[[LabelledVideo], int],
) -> tuple[list[VideoSpan], list[VideoSpan]]:
    """Splits training videos into those to fit on and those to hold out.

    With three videos or more, whole ones are held out: drawn at random under the seed until they hold about
    `fraction` of all frames, at least one and never all. With one or two, the last `fraction` of each is.

    Args:
        videos: Training videos.
        fraction: Share of the frames to hold out, between 0 and 1.
        seed: Same seed, same videos, same split.
        frame_count: Frames of a video.

    Returns:
        Spans to fit on and spans held out, in the order of `videos`.

    Raises:
        ConfigError: `fraction` is not between 0 and 1.
        DatasetIncomplete: There are no videos.
        VideoTooShort: One or two videos, none of which can be cut in two.
    """
    if not 0.0 < fraction < 1.0:
        raise ConfigError(f"{fraction} is not between 0 and 1", where="the validation fraction")
    if not videos:
        raise DatasetIncomplete("no training videos to split", hint="Check the dataset folder")
    counts = [frame_count(video) for video in videos]
    if len(videos) <= _FEW_VIDEOS:
        return _split_in_time(videos, counts, fraction)
    held = _draw_videos(counts, fraction, seed)
    fit_spans = [VideoSpan(video) for place, video in enumerate(videos) if place not in held]
    held_spans = [VideoSpan(video) for place, video in enumerate(videos) if place in held]
    return fit_spans, held_spans


def _draw_videos(counts: Sequence[int], fraction: float, seed: int) -> set[int]:
    """Places of the videos to hold out: each one drawn has to bring the total nearer to the target."""
    order = list(range(len(counts)))
    random.Random(seed).shuffle(order)
    target = fraction * sum(counts)
    held: set[int] = set()
    total = 0
    for place in order:
        nearer = abs(total + counts[place] - target) < abs(total - target)
        if nearer and len(held) < len(counts) - 1:
            held.add(place)
            total += counts[place]
    return held or {min(order, key=lambda place: counts[place])}


def _split_in_time(
    videos: Sequence[LabelledVideo], counts: Sequence[int], fraction: float
) -> tuple[list[VideoSpan], list[VideoSpan]]:
    """The last part of each video is held out; one of a single frame is only fitted on."""
    fit_spans: list[VideoSpan] = []
    held_spans: list[VideoSpan] = []
    for video, count in zip(videos, counts, strict=True):
        if count < 2:
            fit_spans.append(VideoSpan(video))
            continue
        cut = min(max(round(count * (1.0 - fraction)), 1), count - 1)
        fit_spans.append(VideoSpan(video, 0, cut))
        held_spans.append(VideoSpan(video, cut))
    if not held_spans:
        names = ", ".join(str(video.path) for video in videos)
        raise VideoTooShort("too short to hold out a part of it", where=names, hint="Add more normal video")
    return fit_spans, held_spans
