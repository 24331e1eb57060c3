"""Clips for training: which ones an epoch holds is a pure function of seed and epoch, so that resuming is exact.

Letters: T frames of a clip or video, C channels, H height, W width.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from normalcy.methods.contract import ClipSpec


@dataclass(frozen=True)
class ClipPlace:
    """Where a clip lies: frames start, start + stride, ... of a video."""

    video: int
    start: int
    stride: int


def clip_places(
    lengths: Sequence[int], *, clip_len_frames: int, strides: Sequence[int], hop_frames: int = 1
) -> list[ClipPlace]:
    """Every clip that fits into videos of these lengths, in order.

    >>> len(clip_places([12], clip_len_frames=10, strides=[1, 2]))
    3
    """
    return [
        ClipPlace(video, start, stride)
        for video, length in enumerate(lengths)
        for stride in strides
        for start in range(0, length - (clip_len_frames - 1) * stride, hop_frames)
    ]


class ClipDataset(Dataset[Tensor]):
    """Clips cut from memory-mapped videos: item i is a uint8 tensor (T, C, H, W)."""

    def __init__(
        self, videos: Sequence[npt.NDArray[np.uint8]], places: Sequence[ClipPlace], *, spec: ClipSpec
    ) -> None:
        self._videos, self._places, self._length = videos, places, spec.length_frames

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Tensor:
        place = self._places[index]
        stop = place.start + (self._length - 1) * place.stride + 1
        # A copy: memory-mapped frames are read only, and tensors are not.
        return torch.from_numpy(np.array(self._videos[place.video][place.start : stop : place.stride]))


class EpochSampler(Sampler[int]):
    """Draws without replacement; short epochs walk on through one endless row of permutations.

    Args:
        count: Clips there are.
        clips_per_epoch: Clips in an epoch; None for all.
        seed: Seed of the permutations.
    """

    def __init__(self, count: int, *, clips_per_epoch: int | None, seed: int) -> None:
        self.count = count
        self.clips_per_epoch = clips_per_epoch or count
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch; Lightning calls it before each one, after resuming as well."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.clips_per_epoch

    def __iter__(self) -> Iterator[int]:
        first = self.epoch * self.clips_per_epoch
        rounds = range(first // self.count, (first + self.clips_per_epoch - 1) // self.count + 1)
        row = np.concatenate([np.random.default_rng((self.seed, r)).permutation(self.count) for r in rounds])
        start = first - rounds[0] * self.count
        yield from row[start : start + self.clips_per_epoch].tolist()
