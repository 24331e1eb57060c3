import numpy as np
import pytest
from dataset_files import SIZE_PX, statuses, write_pictures, write_video

from normalcy.datasets.shanghaitech import ShanghaiTech
from normalcy.errors import DatasetIncomplete, LabelError

ABNORMAL = [False, True, True, False]


def write_labels(root, name, flags, *, masks=True):
    for folder in ("test_frame_mask", "test_pixel_mask"):
        (root / "testing" / folder).mkdir(exist_ok=True)
    np.save(root / "testing" / "test_frame_mask" / f"{name}.npy", np.array(flags, dtype=np.int8))
    if masks:
        mask_THW = np.zeros((len(flags), *SIZE_PX), dtype=np.uint8)
        mask_THW[np.flatnonzero(flags), 1, 2] = 1
        np.save(root / "testing" / "test_pixel_mask" / f"{name}.npy", mask_THW)


@pytest.fixture
def root(tmp_path):
    write_video(tmp_path / "training" / "videos" / "01_001.avi", 3, fps=24)
    for name in ("01_0014", "02_0128"):
        write_pictures(tmp_path / "testing" / "frames" / name, 4)
    write_labels(tmp_path, "01_0014", ABNORMAL)
    return tmp_path


def test_videos_labels_and_masks(root):
    dataset = ShanghaiTech(root)
    (train,) = dataset.videos("train")
    assert (train.name, train.fps, train.path.name) == ("01_001", None, "01_001.avi")
    first, second = dataset.videos("test")
    assert (first.name, first.fps) == ("01_0014", 24.0)
    assert dataset.frame_labels(first).tolist() == ABNORMAL
    assert [int(mask_HW.sum()) for mask_HW in dataset.pixel_masks(first)] == [0, 1, 1, 0]
    assert dataset.frame_labels(second) is None
    assert dataset.pixel_masks(second) is None
    assert dataset.frame_labels(train) is None


def test_training_pictures_and_the_parent_folder(root, tmp_path_factory):
    parent = tmp_path_factory.mktemp("parent")
    write_pictures(parent / "shanghaitech" / "training" / "frames" / "01_001", 2)
    (video,) = ShanghaiTech(parent).videos("train")
    assert (video.name, video.fps) == ("01_001", 24.0)


def test_masks_stand_in_for_frame_labels(root):
    (root / "testing" / "test_frame_mask" / "01_0014.npy").unlink()
    dataset = ShanghaiTech(root)
    assert dataset.frame_labels(dataset.videos("test")[0]).tolist() == ABNORMAL


def test_labels_that_do_not_fit(root):
    write_labels(root, "02_0128", [False] * 5)
    dataset = ShanghaiTech(root)
    second = dataset.videos("test")[1]
    with pytest.raises(LabelError, match=r"02_0128\.npy: 5 labels for a video of 4 frames"):
        dataset.frame_labels(second)


def test_no_pickle_is_loaded(root):
    path = root / "testing" / "test_frame_mask" / "01_0014.npy"
    np.save(path, np.array([{"not": "a label"}], dtype=object), allow_pickle=True)
    dataset = ShanghaiTech(root)
    with pytest.raises(LabelError, match=r"01_0014\.npy: cannot be read as a \.npy file of numbers"):
        dataset.frame_labels(dataset.videos("test")[0])


@pytest.mark.parametrize("array", [np.zeros((4, 2)), np.array(["a", "b", "c", "d"])])
def test_arrays_of_another_kind(root, array):
    np.save(root / "testing" / "test_frame_mask" / "01_0014.npy", array)
    dataset = ShanghaiTech(root)
    with pytest.raises(LabelError, match="Expected numbers with 1 dimensions"):
        dataset.frame_labels(dataset.videos("test")[0])


def test_check(root):
    write_labels(root, "02_0128", [True] * 4)
    np.save(root / "testing" / "test_frame_mask" / "02_0128.npy", np.array([1, 1, 0, 1]))
    said = statuses(ShanghaiTech(root).check())
    assert "329 of 330 train videos (found 1)" in said["missing"]
    assert "274,512 of 274,515 train frames (found 3)" in said["missing"]
    assert said["wrong"] == [
        "video 02_0128: test_frame_mask and test_pixel_mask disagree on 1 frames, "
        "the first is frame 2 (counted from 0), abnormal only in test_pixel_mask"
    ]
    assert "pixel masks of 2 of 2 test videos" in said["note"]


def test_nothing_there(tmp_path):
    with pytest.raises(DatasetIncomplete, match="no test videos of ShanghaiTech Campus"):
        ShanghaiTech(tmp_path).videos("test")
    assert statuses(ShanghaiTech(tmp_path).check())["missing"] == [
        "all 330 train videos",
        "all 107 test videos",
    ]
    assert not ShanghaiTech(tmp_path / "absent").check().complete
