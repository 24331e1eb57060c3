"""What a dataset holds, to tell whether what was made from it still stands."""

from normalcy.datasets.base import Dataset, Split
from normalcy.datasets.cache import fingerprint
from normalcy.datasets.classes import KnowsClasses


def content_of(dataset: Dataset, split: Split) -> list[list[str]]:
    """Name, class and content of each video of a split."""
    if isinstance(dataset, KnowsClasses):
        return [
            [each.video.name, each.label, fingerprint(each.video.path)]
            for each in dataset.class_videos(split)
        ]
    return [[video.name, fingerprint(video.path)] for video in dataset.videos(split)]
