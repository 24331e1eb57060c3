"""What a dataset holds, to tell whether what was made from it still stands."""

import hashlib

from normalcy.datasets.base import Dataset, KnowsRegions, LabelledVideo, Split
from normalcy.datasets.cache import fingerprint
from normalcy.datasets.classes import KnowsClasses


def content_of(dataset: Dataset, split: Split) -> list[list[str]]:
    """Name, content and truth of each video of a split."""
    if isinstance(dataset, KnowsClasses):
        return [
            [each.video.name, each.label, fingerprint(each.video.path)]
            for each in dataset.class_videos(split)
        ]
    return [
        [video.name, fingerprint(video.path), *([_truth(dataset, video)] if split == "test" else [])]
        for video in dataset.videos(split)
    ]


def _truth(dataset: Dataset, video: LabelledVideo) -> str:
    """What the labels, the masks and the regions of a test video say."""
    digest = hashlib.sha256()
    label_T = dataset.frame_labels(video)
    digest.update(b"none" if label_T is None else label_T.tobytes())
    for mask_HW in dataset.pixel_masks(video) or ():
        digest.update(mask_HW.tobytes())
    if isinstance(dataset, KnowsRegions):
        for boxes_N4, tracks in dataset.abnormal_regions(video) or ():
            digest.update(boxes_N4.tobytes() + repr(tracks).encode())
    return digest.hexdigest()
