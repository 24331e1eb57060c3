import numpy as np
from dataset_files import statuses

from normalcy.datasets.base import DatasetInfo
from normalcy.datasets.check import Checklist, Official, check_agreement, check_labels
from normalcy.datasets.labels import label_checksum

LABELS = {"01": np.array([False, True, True]), "02": np.array([False, False])}


def said_by(action):
    checklist = Checklist()
    action(checklist)
    info = DatasetInfo(name="x", title="X", home="h", citation="c", terms="t")
    return checklist.report(info, None)


def official(**numbers):
    return Official(train_videos=1, train_frames=1, test_videos=2, test_frames=5, **numbers)


def test_counts():
    def count(checklist):
        checklist.count("videos", found=2, expected=2)
        checklist.count("clips", found=1_000, expected=1_200)
        checklist.count("films", found=3, expected=2)

    report = said_by(count)
    assert not report.complete
    assert statuses(report) == {
        "ok": ["2 videos"],
        "missing": ["200 of 1,200 clips (found 1,000)"],
        "extra": ["3 films, officially 2"],
    }
    assert not said_by(
        lambda checklist: checklist.count("frames", found=3, expected=2, more="wrong")
    ).complete


def test_labels_as_published():
    numbers = official(abnormal_frames=2, label_checksum=label_checksum(list(LABELS.values())))
    report = said_by(lambda checklist: check_labels(checklist, LABELS, numbers))
    assert report.complete
    assert statuses(report)["ok"][0] == "2 abnormal test frames"


def test_labels_of_another_release():
    shifted = {**LABELS, "01": np.array([True, True, False])}
    numbers = official(abnormal_frames=2, label_checksum=label_checksum(list(LABELS.values())))
    said = statuses(said_by(lambda checklist: check_labels(checklist, shifted, numbers)))
    assert said["ok"] == ["2 abnormal test frames"]
    assert "figures cannot be compared" in said["wrong"][0]
    more = said_by(lambda checklist: check_labels(checklist, LABELS, official(abnormal_frames=3)))
    assert statuses(more) == {"wrong": ["2 abnormal test frames, officially 3"]}


def test_agreement_says_nothing_where_there_is_nothing_to_compare():
    report = said_by(lambda checklist: check_agreement(checklist, LABELS, {}, sources=("a", "b")))
    assert report.items == ()
