import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalcy.report.cases import choose_cases
from normalcy.report.data import VideoTimeline


def video(name, score_T, label_T, *, threshold=0.5, fps=1.0):
    smoothed_T = np.asarray(score_T, np.float32)
    return VideoTimeline(
        name=name,
        pts_seconds_T=np.arange(len(smoothed_T)) / fps,
        smoothed_T=smoothed_T,
        label_T=None if label_T is None else np.asarray(label_T, bool),
        alarmed_T=smoothed_T >= threshold,
    )


def chosen(picks, kind):
    return [(pick.video, pick.place) for pick in picks if pick.kind == kind]


def test_one_frame_of_each_kind_worked_by_hand():
    #             normal        abnormal         normal
    scores = [0.1, 0.9, 0.2, 0.8, 0.3, 0.7, 0.1, 0.6, 0.2]
    labels = [0, 0, 0, 1, 1, 1, 0, 0, 0]
    picks = choose_cases([video("a", scores, labels)], per_kind=1, apart_seconds=1.0, edge_seconds=0.0)
    assert chosen(picks, "miss") == [("a", 4)]
    assert chosen(picks, "false alarm") == [("a", 1)]
    assert chosen(picks, "detection") == [("a", 3)]
    assert chosen(picks, "alarm") == []
    assert [pick.kind for pick in picks] == ["miss", "false alarm", "detection"]
    assert (picks[1].pts_seconds, picks[1].score) == (1.0, pytest.approx(0.9))


def test_choices_of_one_video_are_apart_in_time():
    scores = [0.6, 0.9, 0.8, 0.7, 0.6, 0.85, 0.6]
    picks = choose_cases([video("a", scores, [0] * 7)], apart_seconds=3.0)
    assert chosen(picks, "false alarm") == [("a", 1), ("a", 5)]


def test_every_videos_first_choice_comes_before_any_second():
    loud = video("loud", [0.99, 0.1, 0.98, 0.1, 0.97], [0] * 5)
    quiet = video("quiet", [0.1, 0.6, 0.1, 0.1, 0.1], [0] * 5)
    picks = choose_cases([loud, quiet], per_kind=3, apart_seconds=1.0)
    assert chosen(picks, "false alarm") == [("loud", 0), ("quiet", 1), ("loud", 2)]


def test_a_span_that_never_alarmed_comes_before_a_lower_score_in_one_that_did():
    found = video("found", [0.1, 0.9, 0.0, 0.9, 0.1], [0, 1, 1, 1, 0])
    missed = video("missed", [0.1, 0.4, 0.4, 0.4, 0.1], [0, 1, 1, 1, 0])
    picks = choose_cases([found, missed], apart_seconds=9.0, edge_seconds=0.0)
    assert [name for name, _ in chosen(picks, "miss")] == ["missed", "found"]


def test_frames_at_the_edge_of_a_label_are_passed_over():
    scores = [0.1] * 4 + [0.9] + [0.05] + [0.2] * 4 + [0.05] + [0.1] * 4
    labels = [0] * 5 + [1] * 6 + [0] * 4
    near = choose_cases([video("a", scores, labels)], edge_seconds=0.0)
    away = choose_cases([video("a", scores, labels)], edge_seconds=1.5)
    assert chosen(near, "false alarm") == [("a", 4)]
    assert chosen(away, "false alarm") == []
    assert chosen(near, "miss")[0] == ("a", 5)
    assert chosen(away, "miss")[0] == ("a", 6)


def test_the_middle_of_a_span_shorter_than_its_edges_stays():
    picks = choose_cases([video("a", [0.1] * 9, [0, 0, 0, 1, 1, 1, 0, 0, 0])], edge_seconds=60.0)
    assert chosen(picks, "miss") == [("a", 4)]


def test_without_labels_there_are_only_alarms():
    picks = choose_cases([video("a", [0.1, 0.7, 0.1, 0.1, 0.9], None)], apart_seconds=1.0)
    assert [pick.kind for pick in picks] == ["alarm", "alarm"]
    assert chosen(picks, "alarm") == [("a", 4), ("a", 1)]


@pytest.mark.parametrize("videos", [[], [video("empty", [], None)], [video("empty", [], [])]])
def test_nothing_to_choose_from(videos):
    assert choose_cases(videos) == []


@given(
    st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans()), min_size=1, max_size=40),
    st.floats(0, 10),
    st.integers(0, 5),
)
def test_choices_fit_their_kind_whatever_comes(frames, apart_seconds, per_kind):
    scores, labels = zip(*frames, strict=True)
    source = video("a", scores, labels)
    picks = choose_cases([source], per_kind=per_kind, apart_seconds=apart_seconds)
    for kind, labelled, alarmed in (("miss", 1, 0), ("false alarm", 0, 1), ("detection", 1, 1)):
        places = [place for _, place in chosen(picks, kind)]
        assert len(places) <= per_kind
        assert all(
            source.label_T[place] == labelled and source.alarmed_T[place] == alarmed for place in places
        )
        gaps = np.diff(np.sort(places))
        assert (gaps >= apart_seconds).all()
        assert len(set(places)) == len(places)
