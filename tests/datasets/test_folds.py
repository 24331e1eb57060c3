from pathlib import Path

import pytest

from normalcy.datasets.base import LabelledVideo
from normalcy.datasets.classes import ClassVideo, find_normal, require_fold
from normalcy.datasets.folds import hold_out, stratified_group_folds
from normalcy.errors import ConfigError, DatasetIncomplete

LABELS = ["fight"] * 20 + ["normal"] * 30
GROUPS = [f"scene{n // 2}" for n in range(50)]


def videos():
    return [
        ClassVideo(LabelledVideo(f"{n}", "train", Path(f"{n}.mp4")), label, group)
        for n, (label, group) in enumerate(zip(LABELS, GROUPS, strict=True))
    ]


def test_every_video_is_judged_once_and_no_scene_lies_on_both_sides():
    folds = stratified_group_folds(LABELS, GROUPS, folds=5)
    assert sorted(place for fold in folds for place in fold.test) == list(range(50))
    for fold in folds:
        assert not {GROUPS[n] for n in fold.train} & {GROUPS[n] for n in fold.test}
        assert sorted([*fold.train, *fold.test]) == list(range(50))


def test_classes_are_even_over_the_folds():
    for fold in stratified_group_folds(LABELS, GROUPS, folds=5):
        assert [sum(LABELS[n] == name for n in fold.test) for name in ("fight", "normal")] == [4, 6]


def test_scenes_that_show_both_classes_stay_whole():
    groups = [f"scene{n % 10}" for n in range(50)]
    for fold in stratified_group_folds(LABELS, groups, folds=5):
        assert not {groups[n] for n in fold.train} & {groups[n] for n in fold.test}


def test_the_seed_deals():
    dealt = [stratified_group_folds(LABELS, GROUPS, folds=5, seed=seed) for seed in (0, 0, 1)]
    assert dealt[0] == dealt[1] != dealt[2]


def test_a_class_of_one_scene_has_no_folds():
    with pytest.raises(DatasetIncomplete, match="'fight' shows 1 scenes, too few for 5 folds"):
        stratified_group_folds(LABELS, ["yard"] * 20 + GROUPS[20:], folds=5)


@pytest.mark.parametrize("fraction", [0.15, 0.2, 0.5])
def test_whole_scenes_of_every_class_are_held_out(fraction):
    fitted, held = hold_out(videos(), fraction=fraction, seed=0)
    assert len(fitted) + len(held) == 50
    assert abs(len(held) / 50 - fraction) < 0.08
    assert not {each.group for each in fitted} & {each.group for each in held}
    assert {each.label for each in held} == {each.label for each in fitted} == {"fight", "normal"}


def test_with_few_scenes_more_is_held_out():
    few = [each for each in videos() if each.group in ("scene0", "scene1", "scene20", "scene21")]
    fitted, held = hold_out(few, fraction=0.1, seed=0)
    assert len(fitted) == len(held) == 4


@pytest.mark.parametrize(
    "names", [("a", "Normal"), ("no-fight", "fight"), ("NoFight", "x"), ("Normal_Videos_event", "Arson")]
)
def test_the_normal_class_goes_by_its_name(names):
    assert find_normal(names) in ("Normal", "no-fight", "NoFight", "Normal_Videos_event")


@pytest.mark.parametrize(("names", "what"), [(("a", "b"), "none of"), (("normal", "nofight"), "several of")])
def test_it_must_be_one(names, what):
    with pytest.raises(ConfigError, match=what):
        find_normal(names)


def test_folds_count_from_0():
    assert require_fold(3, 4) == 3
    with pytest.raises(ConfigError, match="no fold 4"):
        require_fold(4, 4)
