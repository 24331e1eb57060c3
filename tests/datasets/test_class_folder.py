import pytest
from dataset_files import statuses, write_classes, write_scene, write_video

from normalcy.datasets import open_dataset
from normalcy.datasets.class_folder import ClassFolder, SurveillanceFight
from normalcy.datasets.classes import KnowsClasses
from normalcy.errors import ConfigError, DatasetIncomplete


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("normalcy.datasets.class_folder.HASHES", tmp_path / "hashes")


@pytest.fixture
def root(tmp_path):
    return write_classes(tmp_path / "clips")


def test_one_folder_a_class(root):
    dataset = open_dataset("class-folder", root)
    assert isinstance(dataset, KnowsClasses)
    assert (dataset.classes, dataset.normal_class, dataset.folds, dataset.fold) == (
        ("normal", "passing"),
        "normal",
        5,
        0,
    )


def test_each_video_is_judged_in_one_fold(root):
    dataset = ClassFolder(root)
    judged = [each.video.name for fold in range(5) for each in dataset.at_fold(fold).class_videos("test")]
    assert sorted(judged) == sorted(f"normal/n{n}" for n in range(6)) + sorted(
        f"passing/p{n}" for n in range(6)
    )
    for fold in range(5):
        train, test = (dataset.at_fold(fold).class_videos(split) for split in ("train", "test"))
        assert not {each.group for each in train} & {each.group for each in test}
        assert {each.video.split for each in train} == {"train"}


def test_clips_of_one_scene_stay_together(root):
    for n in range(3):
        write_scene(root / "passing" / f"again{n}", seed=n, moves=True)
    dataset = ClassFolder(root)
    for fold in range(5):
        sides = {
            each.video.name: split
            for split in ("train", "test")
            for each in dataset.at_fold(fold).class_videos(split)
        }
        assert all(sides[f"normal/n{n}"] == sides[f"passing/again{n}"] for n in range(3))


def test_methods_of_normal_video_learn_from_it_alone(root):
    dataset = ClassFolder(root)
    assert {video.name.split("/")[0] for video in dataset.videos("train")} == {"normal"}
    test = dataset.videos("test")
    labels = {video.name: dataset.frame_labels(video) for video in test}
    assert {name.split("/")[0] for name in labels} == {"normal", "passing"}
    assert all(label_T.tolist() == [name.startswith("passing")] * 6 for name, label_T in labels.items())
    assert dataset.pixel_masks(test[0]) is None


def test_videos_may_be_files_too(tmp_path):
    for n in range(5):
        write_scene(tmp_path / "normal" / "deep" / f"{n}", seed=n)
        write_video(tmp_path / "other" / f"{n}.mp4", 4)
        write_scene(tmp_path / "other" / f"s{n}", seed=50 + n)
    names = {
        each.video.name
        for fold in range(5)
        for each in ClassFolder(tmp_path).at_fold(fold).class_videos("test")
    }
    assert {"normal/deep/0", "other/0", "other/s0"} <= names


def test_a_single_class_is_none(tmp_path):
    write_scene(tmp_path / "normal" / "a", seed=1)
    with pytest.raises(DatasetIncomplete, match="1 folders with videos"):
        _ = ClassFolder(tmp_path).classes


def test_there_must_be_a_normal_class(tmp_path):
    for n in range(5):
        write_scene(tmp_path / "cats" / f"{n}", seed=n)
        write_scene(tmp_path / "dogs" / f"{n}", seed=20 + n)
    with pytest.raises(ConfigError, match="none of the classes cats, dogs"):
        _ = ClassFolder(tmp_path).normal_class
    assert "wrong" in statuses(ClassFolder(tmp_path).check())


def test_there_is_no_sixth_fold(root):
    with pytest.raises(ConfigError, match="no fold 5"):
        ClassFolder(root).at_fold(5)


def test_check_tells_of_scenes(root):
    said = statuses(ClassFolder(root).check())
    assert "12 videos show 12 scenes; a scene is never on both sides of a fold" in said["note"]
    assert "normal is normal" in said["ok"]
    assert "5 folds" in said["ok"]


def test_check_of_too_few_scenes(tmp_path):
    report = ClassFolder(write_classes(tmp_path / "few", scenes=2)).check()
    assert not report.complete
    assert "too few for 5 folds" in statuses(report)["missing"][0]


def test_fights_are_counted(tmp_path):
    for n in range(5):
        write_scene(tmp_path / "fight" / f"{n}", seed=n, moves=True)
        write_scene(tmp_path / "noFight" / f"{n}", seed=50 + n)
    dataset = SurveillanceFight(tmp_path)
    assert (dataset.classes, dataset.normal_class) == (("fight", "noFight"), "noFight")
    assert [line for line in statuses(dataset.check())["missing"] if "of 150 videos of fight" in line]


def test_without_fights_it_says_where_to_get_them(tmp_path):
    with pytest.raises(DatasetIncomplete, match="no videos of Surveillance Camera Fight"):
        _ = SurveillanceFight(tmp_path).classes


@pytest.mark.realdata
def test_the_real_fights(data_root):
    root = data_root / "surveillance-fight"
    if not root.is_dir():
        pytest.skip(f"no folder {root}")
    dataset = SurveillanceFight(root)
    assert dataset.check().complete
    for fold in range(5):
        test = dataset.at_fold(fold).class_videos("test")
        assert 50 <= len(test) <= 70
        assert 0.4 < sum(each.label == "fight" for each in test) / len(test) < 0.6
