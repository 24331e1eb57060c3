"""Batches of clips, to fit on and to validate on."""

from collections.abc import Sequence

from torch import Tensor
from torch.utils.data import DataLoader

from normalcy.methods.contract import ClipSpec
from normalcy.training.clips import ClipDataset, EpochSampler, clip_places
from normalcy.training.config import TrainingConfig
from normalcy.training.data import Footage
from normalcy.training.distributed.group import ALONE, Group
from normalcy.training.distributed.sampling import own_rows


def training_loader(
    footage: Sequence[Footage],
    *,
    spec: ClipSpec,
    config: TrainingConfig,
    seed: int,
    group: Group = ALONE,
) -> DataLoader[Tensor]:
    """Clips at every stride, in an order that seed and epoch settle; of several processes, those of this one."""
    places = clip_places(
        [len(span) for span in footage], clip_len_frames=spec.length_frames, strides=config.clip_strides
    )
    order = EpochSampler(len(places), clips_per_epoch=config.clips_per_epoch, seed=seed)
    batch_size = min(config.batch_size // config.accumulate, len(order))
    sampler, own_batch_size = own_rows(order, batch_size=batch_size, group=group, drop_last=True)
    dataset = ClipDataset([span.frames_TCHW for span in footage], places, spec=spec)
    return DataLoader(
        dataset,
        batch_size=own_batch_size,
        sampler=sampler,
        num_workers=config.workers,
        drop_last=True,
    )


def validation_loader(
    footage: Sequence[Footage], *, spec: ClipSpec, config: TrainingConfig, group: Group = ALONE
) -> DataLoader[Tensor]:
    """Clips end to end, at the stride that is scored; of several processes, those of this one."""
    places = clip_places(
        [len(span) for span in footage],
        clip_len_frames=spec.length_frames,
        strides=(spec.stride_frames,),
        hop_frames=spec.length_frames,
    )
    dataset = ClipDataset([span.frames_TCHW for span in footage], places, spec=spec)
    sampler, batch_size = own_rows(
        range(len(places)), batch_size=config.batch_size // config.accumulate, group=group
    )
    return DataLoader(dataset, batch_size=batch_size, sampler=sampler)
