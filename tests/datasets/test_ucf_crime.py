from pathlib import Path

import pytest
from dataset_files import statuses, write_video

from normalcy.datasets.classes import KnowsClasses
from normalcy.datasets.ucf_crime import CLASSES, UcfCrime, UcfCrimeDetection, class_of, recording_of
from normalcy.errors import ConfigError, DatasetIncomplete, LabelError

TRAIN = [
    "Abuse/Abuse001_x264.mp4",
    "Normal_Videos_event/Normal_Videos_015_x264.mp4",
    "Arson/Arson001A_x264.mp4",
]
TEST = ["RoadAccidents/RoadAccidents002_x264.mp4", "Normal_Videos_event/Normal_Videos_003_x264.mp4"]
ANNOTATION = [
    "RoadAccidents002_x264.mp4  RoadAccidents  3  5  8  99  ",
    "Normal_Videos_003_x264.mp4  Normal  -1  -1  -1  -1  ",
]


def write_lists(root: Path) -> None:
    recognition, detection = root / "Action_Regnition_splits", root / "Anomaly_Detection_splits"
    recognition.mkdir(parents=True)
    detection.mkdir()
    for fold in range(1, 5):
        (recognition / f"train_{fold:03d}.txt").write_text("\n".join(f"{name} " for name in TRAIN) + "\n\n")
        (recognition / f"test_{fold:03d}.txt").write_text("\n".join(f"{name} " for name in TEST))
    (detection / "Anomaly_Train.txt").write_text("\n".join(TRAIN))
    (detection / "Anomaly_Test.txt").write_text("\n".join(TEST))
    (detection / "Temporal_Anomaly_Annotation_for_Testing_Videos.txt").write_text("\n".join(ANNOTATION))


@pytest.fixture
def root(tmp_path):
    write_lists(tmp_path)
    for place, name in enumerate([*TRAIN, *TEST]):
        write_video(tmp_path / f"Part-{place}" / Path(name).name, 10)
    return tmp_path


def test_videos_and_their_classes(root):
    dataset = UcfCrime(root)
    assert isinstance(dataset, KnowsClasses)
    assert [each.label for each in dataset.class_videos("train")] == ["Abuse", "Normal", "Arson"]
    assert [each.label for each in dataset.at_fold(3).class_videos("test")] == ["RoadAccidents", "Normal"]
    assert [video.name for video in dataset.videos("train")] == ["Normal_Videos_015_x264"]
    assert [video.name for video in dataset.videos("test")] == [Path(name).stem for name in TEST]


def test_a_whole_video_is_of_its_class_in_the_recognition_folds(root):
    dataset = UcfCrime(root)
    accident, normal = dataset.videos("test")
    assert dataset.frame_labels(accident).tolist() == [True] * 10
    assert dataset.frame_labels(normal).tolist() == [False] * 10


def test_the_detection_split_is_annotated_in_time(root):
    dataset = UcfCrimeDetection(root)
    accident, normal = dataset.videos("test")
    # Frames 3 to 5 and from 8 to beyond the end, counted from 1.
    assert dataset.frame_labels(accident).tolist() == [False] * 2 + [True] * 3 + [False] * 2 + [True] * 3
    assert not dataset.frame_labels(normal).any()
    assert dataset.frame_labels(dataset.videos("train")[0]) is None
    assert dataset.folds == 1
    with pytest.raises(ConfigError, match="no fold 1"):
        dataset.at_fold(1)


def test_a_test_video_without_annotation(root):
    path = root / "Anomaly_Detection_splits" / "Temporal_Anomaly_Annotation_for_Testing_Videos.txt"
    path.write_text(ANNOTATION[1])
    dataset = UcfCrimeDetection(root)
    with pytest.raises(LabelError, match=r"no line for RoadAccidents002_x264\.mp4"):
        dataset.frame_labels(dataset.videos("test")[0])


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("RoadAccidents002_x264.mp4 RoadAccidents 3 5", "cannot read"),
        ("RoadAccidents002_x264.mp4 RoadAccidents 3 five -1 -1", "cannot read"),
        ("RoadAccidents002_x264.mp4 RoadAccidents 5 3 -1 -1", "frames 5 to 3 are not a span"),
    ],
)
def test_a_line_that_cannot_be_read(root, line, what):
    path = root / "Anomaly_Detection_splits" / "Temporal_Anomaly_Annotation_for_Testing_Videos.txt"
    path.write_text(line)
    dataset = UcfCrimeDetection(root)
    with pytest.raises(LabelError, match=what):
        dataset.frame_labels(dataset.videos("test")[0])


def test_check_says_what_is_missing(root):
    said = statuses(UcfCrime(root).check())
    assert any("of 532 listed train videos of fold 0" in line for line in said["missing"])
    (root / "Part-0" / "Abuse001_x264.mp4").unlink()
    said = statuses(UcfCrime(root).check())
    assert any("1 of 3 train videos of fold 2: Abuse/Abuse001_x264.mp4" in line for line in said["missing"])


def test_without_lists_it_says_where_to_get_them(tmp_path):
    with pytest.raises(DatasetIncomplete, match=r"no list Action_Regnition_splits/train_001\.txt"):
        UcfCrime(tmp_path).class_videos("train")


def test_without_videos_too(tmp_path):
    write_lists(tmp_path)
    with pytest.raises(DatasetIncomplete, match="no test videos of UCF-Crime"):
        UcfCrime(tmp_path).class_videos("test")


def test_names():
    assert [class_of(f"{name}001_x264.mp4") for name in CLASSES if name != "Normal"] == [
        name for name in CLASSES if name != "Normal"
    ]
    assert recording_of("Arson/Arson001A_x264.mp4") == recording_of("Arson001B_x264.mp4") == "Arson001"
    assert recording_of("Normal_Videos_015_x264.mp4") == "Normal_Videos_015"
    with pytest.raises(LabelError, match="of none of the classes"):
        class_of("Holiday.mp4")


@pytest.mark.realdata
def test_the_official_lists(data_root):
    root = data_root / "ucf-crime"
    if not root.is_dir():
        pytest.skip(f"no folder {root}")
    said = [
        *statuses(UcfCrime(root).check())["ok"],
        *statuses(UcfCrimeDetection(root).check())["ok"],
    ]
    for fold in range(4):
        assert f"532 listed train videos of fold {fold}" in said
        assert f"168 listed test videos of fold {fold}" in said
        dataset = UcfCrime(root).at_fold(fold)
        train, test = (dataset.listed(split) for split in ("train", "test"))
        assert not set(train) & set(test)
        assert {class_of(name) for name in train} == {class_of(name) for name in test} == set(CLASSES)
    assert "1,610 listed train videos of fold 0" in said
    assert "290 annotated test videos" in said
    listed = UcfCrimeDetection(root)
    assert sum(class_of(name) == "Normal" for name in listed.listed("train")) == 800
    assert sum(class_of(name) == "Normal" for name in listed.listed("test")) == 150
