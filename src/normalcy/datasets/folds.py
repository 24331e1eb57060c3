"""Folds of videos with classes: classes even, videos of one scene never on both sides."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from normalcy.datasets.classes import ClassVideo
from normalcy.errors import DatasetIncomplete


class Fold(NamedTuple):
    """Places of the videos to learn from, and of those to judge."""

    train: tuple[int, ...]
    test: tuple[int, ...]


def stratified_group_folds(
    labels: Sequence[str], groups: Sequence[str], *, folds: int, seed: int = 0
) -> list[Fold]:
    """Folds that hold every class in about its share, and each group whole; every video is judged in one of them.

    Args:
        labels: Class of each video.
        groups: Group of each video.
        folds: How many.
        seed: Of the order that groups are dealt out in.

    Raises:
        DatasetIncomplete: A class has fewer groups than there are folds.
    """
    for label in dict.fromkeys(labels):
        own = {group for each, group in zip(labels, groups, strict=True) if each == label}
        if len(own) < folds:
            raise DatasetIncomplete(
                f"class {label!r} shows {len(own)} scenes, too few for {folds} folds",
                hint="Add videos of other scenes",
            )
    dealer = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    dealt = dealer.split(np.zeros(len(labels)), labels, groups)
    return [Fold(tuple(train.tolist()), tuple(test.tolist())) for train, test in dealt]


def hold_out(
    videos: Sequence[ClassVideo], *, fraction: float, seed: int
) -> tuple[list[ClassVideo], list[ClassVideo]]:
    """Videos to learn from, and about a share of them to validate and calibrate on; of every class, by whole groups.

    Raises:
        DatasetIncomplete: A class shows a single scene.
    """
    labels, groups = [each.label for each in videos], [each.group for each in videos]
    fewest = min(
        len({each.group for each in videos if each.label == label}) for label in dict.fromkeys(labels)
    )
    parts = max(2, min(round(1 / fraction), fewest))
    fold = stratified_group_folds(labels, groups, folds=parts, seed=seed)[0]
    return [videos[place] for place in fold.train], [videos[place] for place in fold.test]
