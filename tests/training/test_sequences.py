from collections import Counter

import numpy as np
import pytest
import torch

from normalcy.training.config import SequenceAugmentation
from normalcy.training.sequences import (
    ClassAwareSampler,
    LabelledFeatures,
    TrainingSequences,
    ValidationSequences,
    batch_of,
    sequence_places,
    windows,
)

NOTHING = SequenceAugmentation(temporal=False, use_views=0.0)


def video(frames, target=0, *, views=1, start=0):
    """Features whose value is their frame; those of view v lie 1000 v higher."""
    frame_T = np.arange(start, start + frames, dtype=np.float16)
    return LabelledFeatures(
        np.stack([np.repeat((frame_T + 1000 * v)[:, None], 2, axis=1) for v in range(views)]), target
    )


@pytest.mark.parametrize(
    ("frames", "spans"),
    [
        (3, [(0, 3)]),
        (8, [(0, 8)]),
        (9, [(0, 8), (1, 9)]),
        (16, [(0, 8), (8, 16)]),
        (20, [(0, 8), (8, 16), (12, 20)]),
    ],
)
def test_windows_cover_a_video(frames, spans):
    assert windows(frames, length=8) == spans


def test_as_it_is_a_sequence_is_frames_in_a_row():
    data = TrainingSequences([video(20)], length=8, settings=NOTHING, seed=0)
    for draw in range(10):
        features, _ = data[0, draw]
        assert torch.equal(features[1:] - features[:-1], torch.ones(7, 2))
    assert len(data[0, 0][0]) == 8
    assert len(TrainingSequences([video(5)], length=8, settings=NOTHING, seed=0)[0, 0][0]) == 5


def test_a_draw_is_a_function_of_seed_video_and_turn():
    settings = SequenceAugmentation(noise=0.1)
    made = [
        TrainingSequences([video(40, views=3)], length=8, settings=settings, seed=seed) for seed in (0, 0, 1)
    ]
    assert torch.equal(made[0][0, 3][0], made[1][0, 3][0])
    assert not torch.equal(made[0][0, 3][0], made[2][0, 3][0])
    assert not torch.equal(made[0][0, 3][0], made[0][0, 4][0])


def places(settings, *, frames=60, draws=200, strength=1.0):
    return [
        sequence_places(
            frames, length=16, settings=settings, strength=strength, random=np.random.default_rng(n)
        )
        for n in range(draws)
    ]


def test_frames_stay_in_order_and_inside():
    for each in places(SequenceAugmentation(speed=0.5, frame_dropout=0.3)):
        assert (np.diff(each) >= 0).all()
        assert each.min() >= 0
        assert each.max() < 60
        assert 1 <= len(each) <= 16


def test_speed_changes_how_far_a_sequence_reaches():
    reaches = [each[-1] - each[0] for each in places(SequenceAugmentation(speed=0.4, frame_dropout=0.0))]
    assert min(reaches) < 13
    assert max(reaches) > 19
    still = [each[-1] - each[0] for each in places(SequenceAugmentation(speed=0.0, frame_dropout=0.0))]
    assert set(still) == {15}


def test_dropped_frames_show_the_one_before_again():
    repeated = np.mean(
        [np.mean(np.diff(each) == 0) for each in places(SequenceAugmentation(speed=0.0, frame_dropout=0.2))]
    )
    assert 0.15 < repeated < 0.25


def test_shift_can_be_switched_off():
    assert {each[0] for each in places(SequenceAugmentation(shift=False))} == {0}
    assert len({each[0] for each in places(SequenceAugmentation())}) > 10


def test_rare_classes_are_changed_more():
    common, rare = [video(30, 0, views=2) for _ in range(16)], [video(30, 1, views=2)]
    settings = SequenceAugmentation(use_views=0.2, temporal=False)
    data = TrainingSequences([*common, *rare], length=8, settings=settings, seed=0)
    changed = [np.mean([float(data[place, n][0][0, 0]) >= 1000 for n in range(300)]) for place in (0, 16)]
    assert changed[0] == pytest.approx(0.2, abs=0.06)
    assert changed[1] == pytest.approx(0.8, abs=0.06)


def test_validation_sees_all_of_each_video_as_it_is():
    data = ValidationSequences([video(20, 1, views=3), video(3, 0)], length=8)
    assert [(float(f[0, 0]), len(f), target) for f, target in (data[n] for n in range(len(data)))] == [
        (0.0, 8, 1),
        (8.0, 8, 1),
        (12.0, 8, 1),
        (0.0, 3, 0),
    ]


def test_a_batch_is_filled_up():
    batch = batch_of([(torch.ones(3, 2), 1), (torch.ones(5, 2), 0)])
    assert batch.features_BLD.shape == (2, 5, 2)
    assert batch.there_BL.tolist() == [[True] * 3 + [False] * 2, [True] * 5]
    assert (batch.features_BLD[0, 3:] == 0).all()
    assert batch.target_B.tolist() == [1, 0]


def test_classes_take_turns():
    targets = [0] * 30 + [1] * 3 + [2] * 9
    sampler = ClassAwareSampler(targets, seed=0)
    drawn = [place for place, _ in sampler]
    assert len(drawn) == len(sampler) == 42
    assert Counter(targets[place] for place in drawn) == {0: 14, 1: 14, 2: 14}
    assert all({targets[place] for place in drawn[n : n + 3]} == {0, 1, 2} for n in range(0, 42, 3))
    assert max(Counter(place for place in drawn if targets[place] == 1).values()) <= 5


def test_all_videos_of_a_class_come_in_time():
    sampler, seen = ClassAwareSampler([0] * 30 + [1] * 3, seed=0), set()
    for epoch in range(12):
        sampler.set_epoch(epoch)
        seen |= {place for place, _ in sampler}
    assert seen == set(range(33))


def test_the_order_is_a_function_of_seed_and_epoch():
    first, again, other = (ClassAwareSampler([0, 1] * 8, seed=seed) for seed in (0, 0, 1))
    later = ClassAwareSampler([0, 1] * 8, seed=0)
    later.set_epoch(5)
    assert list(first) == list(again)
    assert len({tuple(each) for each in (first, other, later)}) == 3


def test_unbalanced_each_video_comes_once():
    sampler = ClassAwareSampler([0] * 5 + [1], seed=0, balanced=False)
    assert sorted(place for place, _ in sampler) == list(range(6))
    assert [turn for _, turn in sampler] == list(range(6))


def test_no_turn_comes_twice():
    sampler, turns = ClassAwareSampler([0, 1, 1], seed=0), []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        turns += [turn for _, turn in sampler]
    assert turns == list(range(len(turns)))
