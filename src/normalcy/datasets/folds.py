"""Folds of videos with classes: classes even, videos of one scene never on both sides."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

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
    from sklearn.model_selection import StratifiedGroupKFold  # datasets are listed without it

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
    """Videos to learn from, and about a share of each class to validate and calibrate on, by whole groups.

    Groups are drawn in an order of the seed; each is held out that brings no class beyond its share by more than half
    of what it adds. Of every class one group is held out and one left in any case.

    Raises:
        DatasetIncomplete: A class shows a single scene.
    """
    members: dict[str, list[ClassVideo]] = {}
    for each in videos:
        members.setdefault(each.group, []).append(each)
    labels = Counter(each.label for each in videos)
    for label in labels:
        if sum(any(each.label == label for each in group) for group in members.values()) < 2:
            raise DatasetIncomplete(
                f"class {label!r} shows one scene, and one must be held out",
                hint="Add videos of other scenes",
            )
    held: set[str] = set()
    counts: Counter[str] = Counter()
    order = [list(members)[place] for place in np.random.default_rng(seed).permutation(len(members))]
    for group in order:
        own = Counter(each.label for each in members[group])
        wanted = any(counts[label] == 0 for label in own)
        fits = all(counts[label] + count / 2 <= fraction * labels[label] for label, count in own.items())
        leaves = all(_left(members, held | {group}, label) for label in own)
        if leaves and (wanted or fits):
            held.add(group)
            counts += own
    return (
        [each for each in videos if each.group not in held],
        [each for each in videos if each.group in held],
    )


def _left(members: Mapping[str, Sequence[ClassVideo]], held: set[str], label: str) -> bool:
    """Whether a group with a class is left."""
    return any(each.label == label for name, group in members.items() if name not in held for each in group)
