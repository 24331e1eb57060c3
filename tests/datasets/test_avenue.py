import numpy as np
import pytest
import scipy.io
from dataset_files import statuses, write_video, write_volume

from normalcy.datasets.avenue import Avenue
from normalcy.errors import DatasetIncomplete, LabelError

ABNORMAL = [False, True, True, False]


@pytest.fixture
def base(tmp_path):
    base = tmp_path / "Avenue Dataset"
    write_video(base / "training_videos" / "01.avi", 3)
    for number in (1, 2, 10):
        write_video(base / "testing_videos" / f"{number:02d}.avi", 4)
    return base


@pytest.mark.parametrize(
    "place",
    [
        "Avenue Dataset/ground_truth_demo/testing_label_mask",
        "Avenue Dataset/testing_vol",
        "Avenue Dataset/testing_gt",
        "ground_truth_demo/testing_label_mask",
    ],
)
def test_videos_labels_and_masks(tmp_path, base, place):
    write_volume(tmp_path / place / "1_label.mat", ABNORMAL)
    write_volume(tmp_path / place / "10_label.mat", [True] * 4)
    dataset = Avenue(tmp_path)
    assert [video.name for video in dataset.videos("train")] == ["01"]
    first, second, tenth = dataset.videos("test")
    assert (second.name, tenth.name, first.fps) == ("02", "10", None)
    assert dataset.frame_labels(first).tolist() == ABNORMAL
    assert dataset.frame_labels(second) is None
    assert dataset.frame_labels(tenth).all()
    masks = list(dataset.pixel_masks(first))
    assert [int(mask_HW.sum()) for mask_HW in masks] == [0, 2, 2, 0]
    assert masks[1][4:6, 5].all()
    assert dataset.frame_labels(dataset.videos("train")[0]) is None


def test_labels_are_read_once(base):
    path = write_volume(base / "testing_label_mask" / "1_label.mat", ABNORMAL)
    dataset = Avenue(base)
    video = dataset.videos("test")[0]
    dataset.frame_labels(video)
    path.write_bytes(b"gone")
    assert dataset.frame_labels(video).tolist() == ABNORMAL


def test_label_file_of_something_else(base):
    cells = np.empty((1, 1), dtype=object)
    cells[0, 0] = np.zeros((2, 3, 4))
    (base / "testing_vol").mkdir()
    scipy.io.savemat(base / "testing_vol" / "1_label.mat", {"volLabel": cells})
    dataset = Avenue(base)
    with pytest.raises(
        LabelError, match=r"volLabel\{1\}: expected a mask of numbers \(H, W\), got float64 \(2, 3, 4\)"
    ):
        dataset.frame_labels(dataset.videos("test")[0])


def test_check(base):
    write_volume(base / "testing_label_mask" / "1_label.mat", ABNORMAL[:3])
    (base / "testing_videos" / "02.avi").write_bytes(b"no video")
    said = statuses(Avenue(base).check())
    assert "15 of 16 train videos: 02, 03, 04, 05, 06 and 10 more" in said["missing"]
    assert "labels of 20 of 21 test videos" in said["missing"]
    wrong = "\n".join(said["wrong"])
    assert "test video 02: " in wrong
    assert "test video 01: 3 labels for 4 frames" in wrong


def test_nothing_there(tmp_path):
    dataset = Avenue(tmp_path)
    with pytest.raises(DatasetIncomplete, match="no test videos of CUHK Avenue"):
        dataset.videos("test")
    assert statuses(dataset.check()) == {"missing": ["all 16 train videos", "all 21 test videos"]}
    assert not Avenue(tmp_path / "absent").check().complete
