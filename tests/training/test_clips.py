import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalcy.methods.contract import ClipSpec
from normalcy.training.clips import ClipDataset, ClipPlace, EpochSampler, clip_places


def test_places_by_hand():
    places = clip_places([6, 3], clip_len_frames=3, strides=[1, 2])
    assert places == [
        ClipPlace(0, 0, 1),
        ClipPlace(0, 1, 1),
        ClipPlace(0, 2, 1),
        ClipPlace(0, 3, 1),
        ClipPlace(0, 0, 2),
        ClipPlace(0, 1, 2),
        ClipPlace(1, 0, 1),
    ]


@given(length=st.integers(1, 40), frames=st.integers(1, 6), stride=st.integers(1, 4))
def test_every_place_fits_and_none_is_left_out(length, frames, stride):
    video = np.arange(length, dtype=np.uint8).reshape(-1, 1, 1, 1)
    places = clip_places([length], clip_len_frames=frames, strides=[stride])
    dataset = ClipDataset([video], places, spec=ClipSpec(frames, (1, 1), 1))
    clips = [dataset[i].flatten().tolist() for i in range(len(dataset))]
    expected = [list(range(s, s + (frames - 1) * stride + 1, stride)) for s in range(length)]
    assert clips == [clip for clip in expected if clip[-1] < length]


def test_full_epoch_is_a_permutation_that_changes():
    sampler = EpochSampler(10, clips_per_epoch=None, seed=1)
    first = list(sampler)
    sampler.set_epoch(1)
    assert sorted(first) == sorted(sampler) == list(range(10))
    assert first != list(sampler)


def test_short_epochs_walk_through_every_clip_before_any_comes_again():
    sampler = EpochSampler(10, clips_per_epoch=4, seed=1)
    drawn = []
    for epoch in range(5):
        sampler.set_epoch(epoch)
        drawn += list(sampler)
    assert len(drawn) == 20
    assert sorted(drawn[:10]) == sorted(drawn[10:]) == list(range(10))


@pytest.mark.parametrize("per_epoch", [None, 3, 25])
def test_an_epoch_depends_on_seed_and_number_alone(per_epoch):
    one, other = (EpochSampler(10, clips_per_epoch=per_epoch, seed=3) for _ in range(2))
    list(one)
    one.set_epoch(7)
    other.set_epoch(7)
    assert list(one) == list(other)
    assert len(list(one)) == len(one)
