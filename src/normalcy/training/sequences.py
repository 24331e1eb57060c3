"""Labelled sequences of features for training, and the order that classes take turns in.

What an epoch holds, and how each sequence is changed, is a pure function of seed and epoch, so that resuming is exact.

Letters: V views, T frames of a video, L frames of a sequence, D values of a feature vector, B sequences.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from normalcy.training.config import SequenceAugmentation

Float16Array = npt.NDArray[np.float16]
IntArray = npt.NDArray[np.int64]


class SequenceBatch(NamedTuple):
    """Sequences, filled up to one length.

    Attributes:
        features_BLD: Float32.
        there_BL: Bool; False for what only fills up, which comes last.
        target_B: Place of the class of each.
    """

    features_BLD: Tensor
    there_BL: Tensor
    target_B: Tensor


@dataclass(frozen=True, eq=False)
class LabelledFeatures:
    """A video as the backbone saw it.

    Attributes:
        features_VTD: View 0 is the video as it is.
        target: Place of its class.
    """

    features_VTD: Float16Array
    target: int


def windows(frames: int, *, length: int, hop: int | None = None) -> list[tuple[int, int]]:
    """Spans of at most `length` frames over a video: all of a short one, a last one that ends with a long one.

    >>> windows(5, length=8), windows(10, length=4, hop=3)
    ([(0, 5)], [(0, 4), (3, 7), (6, 10)])
    """
    if frames <= length:
        return [(0, frames)]
    starts = [*range(0, frames - length, hop or length), frames - length]
    return [(start, start + length) for start in starts]


def sequence_places(
    frames: int,
    *,
    length: int,
    settings: SequenceAugmentation,
    strength: float,
    random: np.random.Generator,
) -> IntArray:
    """Frames of a video that make a sequence: shifted, at another speed, some held longer in place of their next.

    Args:
        frames: Of the video.
        length: Of the sequence, at most.
        settings: How much is changed.
        strength: 1 as set, more for rare classes.
        random: Where draws come from.
    """
    reach = min(settings.speed * strength, 0.6)
    speed = float(np.exp(random.uniform(-reach, reach)))
    wanted = min(length, max(1, int(frames / speed)))
    spare = frames - (wanted - 1) * speed - 1
    start = random.uniform(0, spare) if spare > 0 and settings.shift else 0.0
    places = np.clip(np.round(start + speed * np.arange(wanted)), 0, frames - 1).astype(np.int64)
    dropped = random.uniform(size=wanted) < min(settings.frame_dropout * strength, 0.5)
    dropped[0] = False
    held = np.where(dropped, 0, np.arange(wanted))
    return places[np.maximum.accumulate(held)]


class TrainingSequences(Dataset[tuple[Tensor, int]]):
    """Item (i, n) is a sequence of video i, changed by the n-th draw."""

    def __init__(
        self,
        videos: Sequence[LabelledFeatures],
        *,
        length: int,
        settings: SequenceAugmentation,
        seed: int,
    ) -> None:
        self._videos, self._length, self._settings, self._seed = videos, length, settings, seed
        counts = Counter(video.target for video in videos)
        most = max(counts.values())
        self._strength = {target: float(np.sqrt(most / count)) for target, count in counts.items()}

    def __len__(self) -> int:
        return len(self._videos)

    def __getitem__(self, drawn: tuple[int, int]) -> tuple[Tensor, int]:
        place, number = drawn
        video, settings = self._videos[place], self._settings
        random = np.random.default_rng((self._seed, place, number))
        views, frames, _ = video.features_VTD.shape
        strength = self._strength[video.target]
        changed = views > 1 and random.uniform() < min(settings.use_views * strength, 0.95)
        view = int(random.integers(1, views)) if changed else 0
        if settings.temporal:
            places = sequence_places(
                frames, length=self._length, settings=settings, strength=strength, random=random
            )
        else:
            start = int(random.integers(max(1, frames - self._length + 1)))
            places = np.arange(start, min(frames, start + self._length))
        features_LD = video.features_VTD[view][places].astype(np.float32)
        if settings.noise:
            features_LD += (
                settings.noise
                * features_LD.std()
                * random.standard_normal(features_LD.shape, dtype=np.float32)
            )
        return torch.from_numpy(features_LD), video.target


class ValidationSequences(Dataset[tuple[Tensor, int]]):
    """All windows of all videos, as they are."""

    def __init__(self, videos: Sequence[LabelledFeatures], *, length: int) -> None:
        self._parts = [
            (video, span) for video in videos for span in windows(video.features_VTD.shape[1], length=length)
        ]

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        video, (start, end) = self._parts[place]
        return torch.from_numpy(video.features_VTD[0, start:end].astype(np.float32)), video.target


class ClassAwareSampler(Sampler[tuple[int, int]]):
    """Classes take turns, so that an epoch holds each equally often; within a class, videos do.

    Args:
        targets: Class of each video.
        seed: Of the order.
        balanced: Otherwise an epoch is each video once, in an order of its own.
    """

    def __init__(self, targets: Sequence[int], *, seed: int, balanced: bool = True) -> None:
        self._targets, self._seed, self._balanced = np.asarray(targets), seed, balanced
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch; Lightning calls it before each one, after resuming as well."""
        self._epoch = epoch

    def __len__(self) -> int:
        if not self._balanced:
            return len(self._targets)
        counts = Counter(self._targets.tolist())
        return len(counts) * -(-len(self._targets) // len(counts))

    def __iter__(self) -> Iterator[tuple[int, int]]:
        random = np.random.default_rng((self._seed, self._epoch))
        if self._balanced:
            classes = sorted(set(self._targets.tolist()))
            each = len(self) // len(classes)
            drawn = np.stack([self._of_class(label, each, random) for label in classes], axis=1).ravel()
        else:
            drawn = random.permutation(len(self._targets))
        for turn, place in enumerate(drawn.tolist()):
            yield place, self._epoch * len(self) + turn

    def _of_class(self, label: int, count: int, random: np.random.Generator) -> IntArray:
        own = np.flatnonzero(self._targets == label)
        rounds = [random.permutation(own) for _ in range(-(-count // len(own)))]
        return np.concatenate(rounds)[:count]


def batch_of(items: Sequence[tuple[Tensor, int]]) -> SequenceBatch:
    """Fills sequences of features up to the longest."""
    return SequenceBatch(*filled_up(items))


def longer(batch_BL: Tensor, length: int) -> Tensor:
    """Sequences (B, L, ...), filled up with zeros to another length."""
    missing = batch_BL.new_zeros((batch_BL.shape[0], length - batch_BL.shape[1], *batch_BL.shape[2:]))
    return torch.cat([batch_BL, missing], dim=1)


def filled_up(items: Sequence[tuple[Tensor, int]]) -> tuple[Tensor, Tensor, Tensor]:
    """Sequences of anything, each (L, ...), filled up to the longest; what is there, bool (B, L); classes, (B,)."""
    sequences = [sequence for sequence, _ in items]
    lengths_B = torch.tensor([len(each) for each in sequences])
    return (
        torch.nn.utils.rnn.pad_sequence(sequences, batch_first=True),
        torch.arange(int(lengths_B.max()))[None] < lengths_B[:, None],
        torch.tensor([target for _, target in items]),
    )


def class_counts(targets: Sequence[int], classes: int) -> list[int]:
    """How many there are of each class.

    >>> class_counts([0, 2, 2], 3)
    [1, 0, 2]
    """
    counts = Counter(targets)
    return [counts[place] for place in range(classes)]
