"""Decoding videos into the cache, side by side."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from normalcy.datasets.base import LabelledVideo
from normalcy.datasets.cache import FrameCache
from normalcy.methods.contract import ClipSpec
from normalcy.progress import Progress
from normalcy.training.config import DataConfig
from normalcy.training.data import training_videos
from normalcy.training.spread.settings import Spread
from normalcy.training.spread.videos import at_its_place, require_arrived, unsaid_warnings


@dataclass(frozen=True)
class Decode:
    """Decodes videos into the cache; what they hold, whoever opens them next finds there."""

    cache: Path
    size_px: tuple[int, int]
    channels: int

    def open(self) -> Callable[[LabelledVideo], None]:
        """Opens the cache."""
        cache = FrameCache(self.cache)

        def decode(video: LabelledVideo) -> None:
            with unsaid_warnings():
                cache.open(video, size_px=self.size_px, channels=self.channels)

        return decode


def decode(config: DataConfig, *, spec: ClipSpec, spread: Spread, progress: Progress | None = None) -> None:
    """Fills the cache with the normal training videos that it does not hold.

    One that a worker cannot decode is passed over with a warning: whoever reads it next finds that again.

    Raises:
        OutputError: The cache cannot be written.
        InputError: A worker keeps what it decodes where this machine does not find it.
    """
    job = Decode(config.cache.expanduser().absolute(), spec.size_px, spec.channels)
    cache = FrameCache(job.cache)
    missing = [
        at_its_place(video)
        for video in training_videos(config)
        if not cache.holds(video, size_px=spec.size_px, channels=spec.channels)
    ]
    if not missing:
        return
    with spread.open() as engine:
        for done, outcome in enumerate(engine.run(job, missing), start=1):
            if progress:
                progress(f"reading {missing[outcome.place].name}", done, len(missing))
            video = missing[outcome.place]
            is_held = cache.holds(video, size_px=spec.size_px, channels=spec.channels)
            require_arrived(outcome, video, is_held=is_held, setting="data.cache")
