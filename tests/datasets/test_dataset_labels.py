import numpy as np
import pytest
import scipy.io
from dataset_files import write_gt_mat
from hypothesis import given
from hypothesis import strategies as st

from normalcy.datasets.labels import (
    find_disagreement,
    intervals_to_labels,
    label_checksum,
    load_mat_variable,
    parse_interval_file,
    read_gt_mat,
    require_length,
)
from normalcy.errors import LabelError


def labels_of(text):
    return np.array([letter == "1" for letter in text])


def test_intervals_are_half_open_and_may_overlap():
    label_T = intervals_to_labels([(0, 2), (1, 3), (5, 6)], frame_count=6, where="x")
    assert label_T.tolist() == [True, True, True, False, False, True]


@pytest.mark.parametrize("interval", [(-1, 2), (2, 2), (3, 2), (0, 7)])
def test_interval_outside_the_video_is_an_error(interval):
    with pytest.raises(LabelError, match=r"clip 3: frames .* do not fit a video of 6 frames"):
        intervals_to_labels([interval], frame_count=6, where="clip 3")


def test_interval_file_counts_from_one_and_includes_the_last_frame():
    text = """
    % ground truth
    TestVideoFile = {};
    TestVideoFile{end+1}.gt_frame = [61:180];
    TestVideoFile{end+1}.gt_frame = [5:90, 140 : 200];   % two
    TestVideoFile{end+1}.gt_frame = [];
    TestVideoFile{ end + 1 }.gt_frame=[7 9:9]
    """
    assert parse_interval_file(text, where="x.m") == [
        [(60, 180)],
        [(4, 90), (139, 200)],
        [],
        [(6, 7), (8, 9)],
    ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("system('rm -rf /')", r"x\.m:2: cannot read \"system"),
        ("TestVideoFile{end+1}.gt_frame = [1:2:9];", r"x\.m:2: cannot read the range '1:2:9'"),
        ("TestVideoFile{end+1}.gt_frame = [a];", r"x\.m:2: cannot read the range 'a'"),
        ("TestVideoFile{end+1}.gt_frame = [9:3];", r"x\.m:2: frames 9 to 3"),
        ("TestVideoFile{end+1}.gt_frame = [0:3];", r"x\.m:2: frames 0 to 3"),
        ("TestVideoFile{end+1}.gt_frame = [1:3", r"x\.m:2: cannot read"),
    ],
)
def test_interval_file_refuses_anything_else_with_its_line(line, says):
    with pytest.raises(LabelError, match=says):
        parse_interval_file(f"TestVideoFile = {{}};\n{line}\n", where="x.m")


def test_gt_mat(tmp_path):
    path = write_gt_mat(tmp_path / "gt.mat", [[(61, 180)], [(5, 90), (140, 200)], []])
    assert read_gt_mat(path) == [[(60, 180)], [(4, 90), (139, 200)], []]


def test_gt_mat_of_another_shape(tmp_path):
    cells = np.empty((1, 1), dtype=object)
    cells[0, 0] = np.ones((3, 4))
    scipy.io.savemat(tmp_path / "gt.mat", {"gt": cells})
    with pytest.raises(LabelError, match=r"gt\{1\}: expected numbers of shape \(2, N\)"):
        read_gt_mat(tmp_path / "gt.mat")


def test_mat_that_is_none(tmp_path):
    path = tmp_path / "gt.mat"
    path.write_bytes(b"not a matlab file at all, but long enough to look at" * 9)
    with pytest.raises(LabelError, match="cannot be read as a MATLAB file"):
        load_mat_variable(path, "gt")
    # The version stands at byte 124; 7.3 files are HDF5.
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(384))
    with pytest.raises(LabelError, match=r"MATLAB 7\.3"):
        load_mat_variable(path, "gt")
    scipy.io.savemat(path, {"other": 1})
    with pytest.raises(LabelError, match="no variable 'gt'"):
        load_mat_variable(path, "gt")


def test_length():
    label_T = labels_of("011")
    assert require_length(label_T, frame_count=3, where="x") is label_T
    with pytest.raises(LabelError, match="x: 3 labels for a video of 4 frames"):
        require_length(label_T, frame_count=4, where="x")


def test_disagreement_names_video_and_frame():
    def between(one, other):
        return find_disagreement(labels_of(one), labels_of(other), video="07", sources=("a", "b"))

    assert between("0110", "0110") is None
    assert between("0110", "0100") == (
        "video 07: a and b disagree on 1 frames, the first is frame 2 (counted from 0), abnormal only in a"
    )
    assert "abnormal only in b" in between("0000", "0011")
    assert between("01", "011") == "video 07: a and b label 2 and 3 frames"


def test_checksum_of_known_bits():
    # printf "\x03\x00\x00\x00\x00\x00\x00\x00\x60" | sha256sum
    expected = "9ce42b206c763dfefc59de2ecd2d7c73d3409a600ebca6e0028671bb10e898ea"
    assert label_checksum([labels_of("011")]) == expected


@given(st.lists(st.lists(st.booleans(), max_size=20), max_size=4), st.data())
def test_checksum_tells_labels_apart(videos, data):
    arrays = [np.array(video, dtype=bool) for video in videos]
    others = data.draw(st.lists(st.lists(st.booleans(), max_size=20), max_size=4))
    other_arrays = [np.array(video, dtype=bool) for video in others]
    assert (label_checksum(arrays) == label_checksum(other_arrays)) == (videos == others)
