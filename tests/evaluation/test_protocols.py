"""The protocol every method is reported under."""

import json

import numpy as np
import pytest
import scipy.io

from normalcy.errors import ConfigError, InputError, LabelError
from normalcy.evaluation.frame_metrics import VideoScores, micro_auc, min_max
from normalcy.evaluation.protocols import LOOKS_AHEAD, METRIC_NOTES, PAPER_PROTOCOLS, evaluate_frames
from normalcy.scoring.record import as_columns
from normalcy.scoring.types import FrameScore

KEYS = [
    "micro_auc",
    "micro_auc_smoothed",
    "micro_auc_minmax",
    "macro_auc",
    "macro_auc_sentinels",
    "average_precision",
    "equal_error_rate",
    "pixel_auc",
    "rbdc",
    "tbdc",
    "paper_protocol_auc",
    "paper_protocol_clip_auc",
]

PED2_FRAMES = (180, 180, 150, 180, 150, 180, 180, 180, 120, 150, 180, 180)


def scored(raw, labels, smoothed=None, name="v"):
    pairs = zip(raw, raw if smoothed is None else smoothed, strict=True)
    verdicts = [
        FrameScore(name, i, i / 10, float(r), float(s), 0.0, False, True) for i, (r, s) in enumerate(pairs)
    ]
    return as_columns(name, verdicts, label_T=None if labels is None else np.array(labels, bool))


def delayed(label_T, frames):
    """A perfect detector that says so late; what it has not seen yet it takes from its first frame."""
    return np.concatenate([np.full(frames, label_T[0]), label_T[:-frames]]).astype(float)


@pytest.fixture(scope="module")
def ped2_labels(data_root):
    spans = scipy.io.loadmat(data_root / "ucsd-ped2" / "ped2.mat")["gt"][0]
    labels = []
    for (first, last), frames in zip((span.ravel() for span in spans), PED2_FRAMES, strict=True):
        place = np.arange(1, frames + 1)
        labels.append((place >= first) & (place <= last))
    assert sum(label_T.sum() for label_T in labels) == 1648
    return labels


def test_exactly_these_keys_and_json():
    measured = evaluate_frames([scored([1, 2], [0, 1])])
    assert list(measured) == KEYS == list(METRIC_NOTES)
    assert {name for name, value in measured.items() if value is None} == {
        "pixel_auc",
        "rbdc",
        "tbdc",
        "paper_protocol_auc",
        "paper_protocol_clip_auc",
    }
    assert all(isinstance(value, float) for value in measured.values() if value is not None)
    json.dumps(measured, allow_nan=False)


def test_each_metric_reads_its_own_scores():
    """Raw scores right within the videos but not across; smoothed ones wrong throughout."""
    videos = [
        scored([1, 2, 1, 2], [0, 1, 0, 1], smoothed=[1, 0, 1, 0], name="a"),
        scored([5, 6, 5, 6], [0, 1, 0, 1], smoothed=[1, 0, 1, 0], name="b"),
    ]
    measured = evaluate_frames(videos)
    assert measured["micro_auc"] == 0.75
    assert measured["micro_auc_smoothed"] == 0.0
    assert measured["micro_auc_minmax"] == 1.0
    assert measured["macro_auc"] == 1.0


def test_one_class_data_leave_the_places_empty():
    measured = evaluate_frames([scored([1, 2], [0, 0])])
    assert {name for name, value in measured.items() if value is not None} == {"macro_auc_sentinels"}


@pytest.mark.parametrize("protocol", PAPER_PROTOCOLS)
def test_the_papers_protocol_reads_frame_errors(protocol):
    labels = np.arange(40) >= 20
    video = scored(np.zeros(40), labels)
    measured = evaluate_frames([video], paper_protocol=protocol, paper_error_T_by_video=[1.0 + labels])
    assert measured["micro_auc"] == 0.5
    assert measured["paper_protocol_auc"] > 0.7


def test_the_papers_protocol_reads_raw_scores_unless_told_otherwise():
    assert evaluate_frames([scored([1, 2], [0, 1])], paper_protocol="regularity")["paper_protocol_auc"] == 1.0


def test_the_psnr_protocol_scales_the_decibels_of_each_video_by_themselves():
    # -20, -20, -15 dB and -40, -38, -30 dB; the worst frame of each is abnormal.
    dark, light = ([10 ** (db / 10) for db in each] for each in ((-20, -20, -15), (-40, -38, -30)))
    videos = [scored(dark, [0, 0, 1], name="dark"), scored(light, [0, 0, 1], name="light")]
    metrics = evaluate_frames(videos, paper_protocol="psnr")
    # Scaled: 0, 0, 1 and 0, .2, 1: both abnormal frames lie above all normal ones.
    assert metrics["paper_protocol_auc"] == 1.0
    # As they are, two normal frames of four lie above the lower abnormal one: 6 of 8 pairs are in order.
    assert metrics["micro_auc"] == 6 / 8


def test_the_psnr_protocol_scales_decibels_and_not_errors():
    # -PSNR of 0, 10, 20 dB scales to 0, .5, 1; its errors 1, 10, 100 to 0, .09, 1.
    even = scored([1.0, 10.0, 100.0], [0, 1, 0], name="even")
    other = scored([1.0, 2.0, 100.0], [0, 0, 0], name="other")
    # The abnormal .5 lies above 0, 0 and log10(2) / 2 = .15, below 1 and 1: 3 of 5. By errors, .09 above .01: the same.
    metrics = evaluate_frames([even, other], paper_protocol="psnr")
    assert metrics["paper_protocol_auc"] == 3 / 5
    third = scored([1.0, 20.0, 1000.0], [0, 0, 0], name="third")
    # By decibels 20 of 1,000 is .43, below .5; by errors it would be .02, below .09 as well; 50 is .57 against .05.
    fourth = scored([1.0, 50.0, 1000.0], [0, 0, 0], name="fourth")
    metrics = evaluate_frames([even, third, fourth], paper_protocol="psnr")
    assert metrics["paper_protocol_auc"] == 4 / 8
    assert metrics["micro_auc_minmax"] == 5 / 8


def test_equal_pictures_have_no_endless_psnr():
    video = scored([0.0, 1e-3, 1e-2], [0, 0, 1])
    assert evaluate_frames([video], paper_protocol="psnr")["paper_protocol_auc"] == 1.0


def test_an_unknown_protocol_names_the_known_ones():
    with pytest.raises(ConfigError, match="known are psnr, regularity"):
        evaluate_frames([scored([1, 2], [0, 1])], paper_protocol="magic")


def test_unlabelled_video_is_named():
    with pytest.raises(LabelError, match="video 04: has no labels"):
        evaluate_frames([scored([1, 2], None, name="04")])


def test_nan_is_named():
    with pytest.raises(InputError, match="video 04: 1 of 2 frame scores"):
        evaluate_frames([scored([1, np.nan], [0, 1], name="04")])


def test_notes_say_what_looks_ahead():
    assert {name for name, note in METRIC_NOTES.items() if "whole test video" in note} == LOOKS_AHEAD


def test_what_looks_ahead_is_marked_because_it_does():
    """Raw scores of the past, then two futures: only the min-max scores of the past change."""
    past, low, high = np.array([1.0, 2.0]), np.array([1.5]), np.array([9.0])
    assert (
        min_max(np.concatenate([past, low]))[:2].tolist()
        != min_max(np.concatenate([past, high]))[:2].tolist()
    )


# --- frame alignment


def test_a_shift_of_a_perfect_detector_shows():
    label_T = np.zeros(100, bool)
    label_T[40:60] = True
    aucs = [micro_auc([VideoScores("v", delayed(label_T, k), label_T)]) for k in (1, 4, 10)]
    assert micro_auc([VideoScores("v", label_T.astype(float), label_T)]) == 1.0
    # k of 20 abnormal frames missed and k of 80 normal ones reported: 1 - (k/20 + k/80) / 2
    assert aucs == pytest.approx([1 - (k / 20 + k / 80) / 2 for k in (1, 4, 10)])


@pytest.mark.realdata
def test_a_shift_by_four_frames_on_ped2(ped2_labels):
    perfect = [scored(label_T.astype(float), label_T) for label_T in ped2_labels]
    assert evaluate_frames(perfect)["micro_auc"] == 1.0
    late = [scored(delayed(label_T, 4), label_T) for label_T in ped2_labels]
    assert evaluate_frames(late)["micro_auc"] == pytest.approx(0.977, abs=5e-4)
    dropped = [scored(label_T[:-4].astype(float), label_T[4:]) for label_T in ped2_labels]
    assert evaluate_frames(dropped)["micro_auc"] == pytest.approx(0.976, abs=5e-4)


@pytest.mark.realdata
def test_ped2_has_four_videos_with_one_class(ped2_labels):
    videos = [VideoScores(str(i + 1), np.zeros(len(labels)), labels) for i, labels in enumerate(ped2_labels)]
    assert [video.name for video in videos if video.one_class] == ["8", "9", "10", "11"]
