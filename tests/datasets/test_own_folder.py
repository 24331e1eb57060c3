import numpy as np
import pytest
from dataset_files import SIZE_PX, statuses, write_masks, write_pictures, write_video

from normalcy.datasets.label_csv import read_label_csv
from normalcy.datasets.own_folder import OwnFolder
from normalcy.errors import ConfigError, DatasetIncomplete, LabelError

HEADER = "video,start_seconds,end_seconds"


@pytest.fixture
def root(tmp_path):
    write_video(tmp_path / "train" / "yard" / "monday.mp4", 3)
    write_video(tmp_path / "train" / "gate 10.avi", 2)
    write_video(tmp_path / "train" / "gate 2.avi", 2)
    write_pictures(tmp_path / "train" / "yard" / "stills", 2)
    write_video(tmp_path / "test" / "night.mp4", 10, fps=10)
    write_pictures(tmp_path / "test" / "stills", 5)
    return tmp_path


def labels(root, *rows, header=HEADER):
    (root / "labels.csv").write_text("\n".join([header, *rows]) + "\n")
    dataset = OwnFolder(root)
    return [dataset.frame_labels(video) for video in dataset.videos("test")]


def places(label_T):
    return np.flatnonzero(label_T).tolist()


def test_videos_are_found_at_any_depth_and_named_by_their_path(root):
    videos = OwnFolder(root).videos("train")
    assert [(video.name, video.fps) for video in videos] == [
        ("gate 2", None),
        ("gate 10", None),
        ("yard/monday", None),
        ("yard/stills", 25.0),
    ]


def test_two_videos_of_one_name_keep_their_suffix(tmp_path):
    for name in ("a.mp4", "a.avi", "b.mp4"):
        write_video(tmp_path / "train" / name, 1)
    assert [video.name for video in OwnFolder(tmp_path).videos("train")] == ["a.avi", "a.mp4", "b"]


def test_without_train_the_root_holds_the_training_videos(tmp_path):
    write_video(tmp_path / "cam1.mp4", 1)
    write_pictures(tmp_path / "sub" / "cam2", 1)
    write_video(tmp_path / "test" / "later.mp4", 1)
    write_masks(tmp_path / "test_masks" / "later", [True])
    (tmp_path / ".hidden.mp4").write_bytes(b"")
    dataset = OwnFolder(tmp_path)
    assert [video.name for video in dataset.videos("train")] == ["cam1", "sub/cam2"]
    assert [video.name for video in dataset.videos("test")] == ["later"]


def test_a_folder_that_is_itself_a_row_of_pictures(tmp_path):
    write_pictures(tmp_path / "train", 3)
    (video,) = OwnFolder(tmp_path).videos("train")
    assert (video.name, video.path) == ("train", tmp_path / "train")


def test_a_picture_beside_video_files_is_no_video(tmp_path):
    write_pictures(tmp_path / "train", 1)
    write_video(tmp_path / "train" / "cam.mp4", 1)
    assert [video.name for video in OwnFolder(tmp_path).videos("train")] == ["cam"]


def test_nothing_there(tmp_path):
    with pytest.raises(DatasetIncomplete, match="no train videos"):
        OwnFolder(tmp_path).videos("train")
    write_video(tmp_path / "cam.mp4", 1)
    with pytest.raises(DatasetIncomplete, match="test: no test videos"):
        OwnFolder(tmp_path).videos("test")


def test_fps_of_pictures(root):
    (root / "fps.txt").write_text("12.5\n")
    assert OwnFolder(root).videos("test")[1].fps == 12.5
    for text in ("fast", "0", "nan", ""):
        (root / "fps.txt").write_text(text)
        with pytest.raises(ConfigError, match=r"fps\.txt: .* is not a number of frames per second"):
            OwnFolder(root).videos("test")


def test_no_labels(root):
    dataset = OwnFolder(root)
    assert [dataset.frame_labels(video) for video in dataset.videos("test")] == [None, None]
    assert dataset.frame_labels(dataset.videos("train")[0]) is None
    assert dataset.pixel_masks(dataset.videos("train")[0]) is None


def test_seconds_are_half_open(root):
    # night.mp4 shows frame i at i / 10 s.
    night_T, stills_T = labels(root, "night,0.2,0.5", "night.mp4,0.75,1.5")
    assert places(night_T) == [2, 3, 4, 8, 9]
    assert len(stills_T) == 5
    assert not stills_T.any()


def test_frames_are_half_open_and_count_from_zero(root):
    night_T, stills_T = labels(root, "night,2,5", "stills,4,5", header="video,start_frame,end_frame,comment")
    assert places(night_T) == [2, 3, 4]
    assert places(stills_T) == [4]


def test_other_ways_to_write_a_csv(root):
    (root / "labels.csv").write_bytes("\ufeffStart;End;Video\r\n0:00.2;00:00:00.5;night\r\n\r\n".encode())
    dataset = OwnFolder(root)
    assert places(dataset.frame_labels(dataset.videos("test")[0])) == [2, 3, 4]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("nihgt,0,1", r"labels\.csv:2: there is no test video 'nihgt'\. Did you mean 'night'"),
        ("night,0", r"labels\.csv:2: 2 cells, at least 3 expected"),
        (",0,1", r"labels\.csv:2: no video is named"),
        ("night,zero,1", r"labels\.csv:2: 'zero' is not a number of seconds"),
        ("night,-1,1", r"labels\.csv:2: '-1' is not a possible number of seconds"),
        ("night,0,inf", r"labels\.csv:2: 'inf' is not a possible number"),
        ("night,0.5,0.5", r"labels\.csv:2: the interval ends at 0\.5 but starts at 0\.5"),
        ("night,5,6", r"labels\.csv:2: 5 to 6 s does not fit 'night', whose last frame is at 0\.90 s"),
        ("night,0,60", r"labels\.csv:2: 0 to 60 s does not fit"),
        ("night,0.21,0.29", r"labels\.csv:2: no frame lies between 0\.21 and 0\.29 s"),
    ],
)
def test_bad_rows(root, row, says):
    with pytest.raises(LabelError, match=says):
        labels(root, row)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("night,1.5,3", r"labels\.csv:3: '1\.5' is not a possible number of frames"),
        ("night,1:30,2:00", r"labels\.csv:3: '1:30' is not a number of frames"),
        ("night,8,11", r"labels\.csv:3: frames 8 to 10 .* do not fit a video of 10 frames"),
    ],
)
def test_bad_rows_of_frames(root, row, says):
    with pytest.raises(LabelError, match=says):
        labels(root, "night,0,1", row, header="video,start_frame,end_frame")


def test_bad_files(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("")
    with pytest.raises(LabelError, match=r"labels\.csv:1: the header is empty"):
        read_label_csv(path)
    path.write_text("video,from,to\n")
    with pytest.raises(LabelError, match="the header is video, from, to"):
        read_label_csv(path)
    path.write_bytes("video,start,end\nnächt,0,1\n".encode("latin-1"))
    with pytest.raises(LabelError, match="cannot be read as UTF-8"):
        read_label_csv(path)


def test_masks_as_pictures(root):
    flags = [False, True, False, True, True]
    # Masks drawn as 0 and 1 count as much as those drawn as 0 and 255.
    write_masks(root / "test_masks" / "stills", flags, value=1)
    dataset = OwnFolder(root)
    night, stills = dataset.videos("test")
    assert dataset.frame_labels(stills).tolist() == flags
    assert [bool(mask_HW.any()) for mask_HW in dataset.pixel_masks(stills)] == flags
    assert dataset.frame_labels(night) is None
    (root / "test_masks" / "stills" / "004.png").unlink()
    with pytest.raises(LabelError, match="4 masks for a video of 5 frames"):
        dataset.frame_labels(stills)


def test_masks_and_labels_as_arrays(root):
    mask_THW = np.zeros((5, *SIZE_PX), dtype=bool)
    mask_THW[2, 0, 0] = True
    (root / "test_masks").mkdir()
    np.save(root / "test_masks" / "stills.npy", mask_THW)
    np.save(root / "test_masks" / "night.npy", np.arange(10) > 6)
    dataset = OwnFolder(root)
    night, stills = dataset.videos("test")
    assert places(dataset.frame_labels(stills)) == [2]
    assert [int(mask_HW.sum()) for mask_HW in dataset.pixel_masks(stills)] == [0, 0, 1, 0, 0]
    assert places(dataset.frame_labels(night)) == [7, 8, 9]
    assert dataset.pixel_masks(night) is None
    np.save(root / "test_masks" / "night.npy", np.zeros(9))
    with pytest.raises(LabelError, match=r"night\.npy: 9 labels for a video of 10 frames"):
        dataset.frame_labels(night)


def test_check(root):
    write_masks(root / "test_masks" / "stills", [False, True, False, False, False])
    (root / "train" / "broken.mp4").write_bytes(b"no video")
    labels(root, "night,0.2,0.5")
    said = statuses(OwnFolder(root).check())
    assert said["ok"] == ["4 train videos of 9 frames", "2 test videos of 15 frames"]
    assert "2 of 2 test videos labelled, 3 frames abnormal" in said["note"]
    assert "1 test videos without a row in labels.csv: stills" in said["note"]
    assert any("25 frames per second assumed" in what for what in said["note"])
    broken, disagreement = said["wrong"]
    assert "train video broken: " in broken
    assert "video stills: labels.csv and the masks disagree on 1 frames, the first is frame 1" in disagreement


def test_check_of_bad_labels(root):
    (root / "labels.csv").write_text(f"{HEADER}\nday,0,1\n")
    report = OwnFolder(root).check()
    assert not report.complete
    assert "there is no test video 'day'" in statuses(report)["wrong"][0]


def test_check_of_an_unreadable_test_video(root):
    (root / "labels.csv").write_text(f"{HEADER}\nnight,0,1\n")
    (root / "test" / "night.mp4").write_bytes(b"no video")
    said = statuses(OwnFolder(root).check())
    assert len(said["wrong"]) == 2
    assert all("night" in what for what in said["wrong"])


def test_check_of_bad_settings(root):
    (root / "fps.txt").write_text("fast")
    assert not OwnFolder(root).check().complete


def test_check_of_training_video_alone(tmp_path):
    write_video(tmp_path / "cam.mp4", 2)
    report = OwnFolder(tmp_path).check()
    assert report.complete
    assert "no test videos" in statuses(report)["note"][0]
    assert statuses(OwnFolder(tmp_path / "absent").check())["missing"]
