import shutil

import cv2
import numpy as np
import pytest
from dataset_files import statuses, write_gt_mat, write_interval_file, write_masks, write_pictures

from normalcy.datasets.labels import label_checksum
from normalcy.datasets.ucsd import PED2, UcsdPed1, UcsdPed2
from normalcy.errors import DatasetIncomplete, LabelError

# Two test clips of 5 and 4 frames: abnormal are frames 1 to 3, and 0 and 2 (counted from 0).
ABNORMAL = ([False, True, True, True, False], [True, False, True, False])


def write_official(base):
    for number in (1, 2, 10):
        write_pictures(base / "Train" / f"Train{number:03d}", 3, first=1, suffix=".tif")
    for number, flags in enumerate(ABNORMAL, start=1):
        write_pictures(base / "Test" / f"Test{number:03d}", len(flags), first=1, suffix=".tif")
        write_masks(base / "Test" / f"Test{number:03d}_gt", flags, first=1, suffix=".bmp")
    write_interval_file(base / "Test" / "UCSDped2.m", ["2:4", "1:1, 3:3"])
    return base


def write_frames_layout(base):
    for number in (1, 2, 10):
        write_pictures(base / "training" / "frames" / f"{number:02d}", 3)
    for number, flags in enumerate(ABNORMAL, start=1):
        write_pictures(base / "testing" / "frames" / f"{number:02d}", len(flags))
        write_masks(base / "testing" / "masks" / f"{number:02d}", flags)
    write_gt_mat(base / "ped2.mat", [[(2, 4)], [(1, 1), (3, 3)]])
    return base


@pytest.fixture(params=["official", "official under its parent", "frames", "frames under ped2"])
def dataset(request, tmp_path):
    base, write = {
        "official": (tmp_path, write_official),
        "official under its parent": (tmp_path / "UCSDped2", write_official),
        "frames": (tmp_path, write_frames_layout),
        "frames under ped2": (tmp_path / "ped2", write_frames_layout),
    }[request.param]
    write(base)
    return UcsdPed2(tmp_path)


def test_both_layouts_give_the_same_videos_and_labels(dataset):
    assert [video.name for video in dataset.videos("train")] == ["01", "02", "10"]
    videos = dataset.videos("test")
    assert [(video.name, video.split, video.fps) for video in videos] == [
        ("01", "test", 10.0),
        ("02", "test", 10.0),
    ]
    for video, flags in zip(videos, ABNORMAL, strict=True):
        assert dataset.frame_labels(video).tolist() == flags
        masks = list(dataset.pixel_masks(video))
        assert [mask_HW.any() for mask_HW in masks] == flags
        assert masks[flags.index(True)].sum() == 1
        assert masks[flags.index(True)][2, 3]
    assert dataset.frame_labels(dataset.videos("train")[0]) is None
    assert dataset.pixel_masks(dataset.videos("train")[0]) is None


def test_labels_from_masks_alone(tmp_path):
    write_official(tmp_path)
    (tmp_path / "Test" / "UCSDped2.m").unlink()
    shutil.rmtree(tmp_path / "Test" / "Test002_gt")
    dataset = UcsdPed2(tmp_path)
    first, second = dataset.videos("test")
    assert dataset.frame_labels(first).tolist() == ABNORMAL[0]
    assert dataset.frame_labels(second) is None


def test_labels_follow_the_number_of_a_video_not_its_position(tmp_path):
    write_frames_layout(tmp_path)
    shutil.rmtree(tmp_path / "testing" / "frames" / "01")
    dataset = UcsdPed2(tmp_path)
    (second,) = dataset.videos("test")
    assert second.name == "02"
    assert dataset.frame_labels(second).tolist() == ABNORMAL[1]


def test_labels_beyond_the_video(tmp_path):
    write_frames_layout(tmp_path)
    (tmp_path / "testing" / "frames" / "01" / "004.png").unlink()
    (tmp_path / "testing" / "frames" / "01" / "003.png").unlink()
    dataset = UcsdPed2(tmp_path)
    with pytest.raises(
        LabelError, match=r"ped2\.mat, video 01: frames 1 to 3 .* do not fit a video of 3 frames"
    ):
        dataset.frame_labels(dataset.videos("test")[0])
    with pytest.raises(LabelError, match="5 masks for a video of 3 frames"):
        dataset.pixel_masks(dataset.videos("test")[0])


def test_more_videos_than_labels(tmp_path):
    write_frames_layout(tmp_path)
    write_pictures(tmp_path / "testing" / "frames" / "03", 4)
    dataset = UcsdPed2(tmp_path)
    with pytest.raises(LabelError, match=r"ped2\.mat: labels 2 videos, but there is a video 3"):
        dataset.frame_labels(dataset.videos("test")[2])


def test_two_label_files_have_to_agree(tmp_path):
    write_frames_layout(tmp_path)
    write_interval_file(tmp_path / "UCSDped2.m", ["2:4", "1:1, 3:4"])
    dataset = UcsdPed2(tmp_path)
    first, second = dataset.videos("test")
    assert dataset.frame_labels(first).tolist() == ABNORMAL[0]
    with pytest.raises(
        LabelError, match=r"video 02: UCSDped2\.m and ped2\.mat disagree on 1 frames, .* frame 3"
    ):
        dataset.frame_labels(second)


def test_damaged_mask(tmp_path):
    write_frames_layout(tmp_path)
    dataset = UcsdPed2(tmp_path)
    for content in (b"", b"no picture"):
        (tmp_path / "testing" / "masks" / "01" / "002.png").write_bytes(content)
        with pytest.raises(LabelError, match=r"002\.png: cannot be read as a picture"):
            list(dataset.pixel_masks(dataset.videos("test")[0]))


def test_nothing_there(tmp_path):
    dataset = UcsdPed2(tmp_path)
    with pytest.raises(DatasetIncomplete, match=r"no train videos of UCSD .* Get it from http"):
        dataset.videos("train")
    said = statuses(dataset.check())
    assert said == {"missing": ["all 16 train videos", "all 12 test videos"]}
    report = UcsdPed1(tmp_path / "absent").check()
    assert not report.complete
    assert "CVPR" in report.info.citation


def test_check_says_what_is_missing_extra_and_wrong(tmp_path):
    write_frames_layout(tmp_path)
    write_pictures(tmp_path / "training" / "frames" / "17", 2)
    (tmp_path / "training" / "frames" / "01" / "001.png").write_bytes(b"")
    for path in (tmp_path / "training" / "frames" / "02").iterdir():
        path.write_bytes(b"no picture")
    (tmp_path / "testing" / "masks" / "02" / "003.png").unlink()
    cv2.imwrite(str(tmp_path / "testing" / "masks" / "01" / "000.png"), np.full((12, 16), 255, np.uint8))
    report = UcsdPed2(tmp_path).check()
    assert not report.complete
    said = statuses(report)
    assert "13 of 16 train videos: 03, 04, 05, 06, 07 and 8 more" in said["missing"]
    assert "2,544 of 2,550 train frames (found 6)" in said["missing"]
    assert "labels of 10 of 12 test videos" in said["missing"]
    assert said["extra"] == ["1 train videos beyond the official ones: 17"]
    wrong = "\n".join(said["wrong"])
    assert "1 empty files: 01/001.png" in wrong
    assert "train video 02: " in wrong
    assert "3 masks for a video of 4 frames" in wrong
    assert "video 01: the intervals and the masks disagree on 1 frames, the first is frame 0" in wrong


def test_check_of_ped1_does_not_blame_its_masks(tmp_path):
    for number, flags in enumerate(ABNORMAL, start=1):
        write_pictures(tmp_path / "Test" / f"Test{number:03d}", len(flags), first=1, suffix=".tif")
    write_masks(tmp_path / "Test" / "Test001_gt", [True] * 5, first=1, suffix=".bmp")
    write_interval_file(tmp_path / "Test" / "UCSDped1.m", ["2:4", "1:1, 3:3"])
    said = statuses(UcsdPed1(tmp_path).check())
    assert "wrong" not in said
    assert "labels of 34 of 36 test videos" in said["missing"]
    assert any("the intervals and the masks disagree" in what for what in said["note"])
    assert "pixel masks of 1 of 2 test videos" in said["note"]


@pytest.mark.realdata
class TestRealPed2:
    @pytest.fixture
    def ped2(self, data_root):
        root = data_root / "ucsd-ped2"
        if not root.is_dir():
            pytest.skip(f"no {root}")
        return UcsdPed2(root)

    def test_counts_and_checksum(self, ped2):
        assert [len(ped2.videos(split)) for split in ("train", "test")] == [16, 12]
        labels = [ped2.frame_labels(video) for video in ped2.videos("test")]
        assert sum(map(len, labels)) == 2_010
        assert sum(int(label_T.sum()) for label_T in labels) == 1_648
        assert label_checksum(labels) == PED2.label_checksum

    def test_masks_are_filled_exactly_where_abnormal(self, ped2):
        for video in ped2.videos("test")[3:6:2]:
            label_T = ped2.frame_labels(video)
            masks = list(ped2.pixel_masks(video))
            assert masks[0].shape == (240, 360)
            assert [bool(mask_HW.any()) for mask_HW in masks] == label_T.tolist()

    def test_check_is_complete(self, ped2):
        report = ped2.check()
        assert report.complete, report.items
        assert "the intervals and the masks agree on 12 test videos" in statuses(report)["ok"]
