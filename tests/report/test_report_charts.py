import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from invented_reports import invented_case

from normalcy.report.axes import ScoreAxis
from normalcy.report.data import VideoTimeline
from normalcy.report.histogram import histogram_svg
from normalcy.report.pictures import case_pictures
from normalcy.report.roc import labelled_frames, operating_point, roc_svg
from normalcy.report.sections import case_groups, video_facts
from normalcy.report.timeline import describe, timeline_svg


@pytest.fixture
def video():
    return VideoTimeline(
        name="a & b",
        pts_seconds_T=np.arange(5) * 1.0,
        smoothed_T=np.array([0.0, 1.0, 4.0, 3.0, 2.0]),
        label_T=np.array([False, False, True, True, False]),
        alarmed_T=np.array([False, False, True, False, False]),
    )


def with_class(root, name):
    return [node for node in root.iter() if name in node.get("class", "").split()]


def test_operating_point_by_hand():
    scores, labels = np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.array([0, 0, 1, 0, 1], bool)
    point = operating_point(scores, labels, threshold=3.0)
    assert (point.false_positive_rate, point.true_positive_rate) == (pytest.approx(1 / 3), 1.0)


def test_roc_tells_area_and_operating_point(video):
    root = ET.fromstring(roc_svg([video], threshold=2.0))
    assert "area 1.000" in root.get("aria-label")
    assert "100 % of abnormal and 33 % of normal" in root.get("aria-label")
    (mark,) = with_class(root, "point")
    assert mark[0].text == "the threshold finds 100 % at 33 %"
    assert len(with_class(root, "roc")) == 1
    assert with_class(root, "roc-raw") == []


def test_raw_scores_get_a_curve_of_their_own(video):
    root = ET.fromstring(roc_svg([replace(video, raw_T=video.smoothed_T[::-1])], threshold=3.5))
    assert len(with_class(root, "roc-raw")) == 1


def test_a_long_roc_is_thinned_with_both_ends_kept():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=20_000)
    long = VideoTimeline("a", np.arange(20_000.0), scores, rng.random(20_000) > 0.5, scores > 1)
    drawing = roc_svg([long], threshold=1.0)
    (curve,) = with_class(ET.fromstring(drawing), "roc")
    points = curve.get("d")[1:].split("L")
    assert 100 < len(points) <= 300
    assert (points[0], points[-1]) == ("66 312", "428 12")


@pytest.mark.parametrize("label_T", [None, np.zeros(5, bool), np.ones(5, bool)])
def test_no_roc_without_both_kinds_of_frames(video, label_T):
    assert roc_svg([replace(video, label_T=label_T)], threshold=2.0) is None
    assert labelled_frames([replace(video, label_T=label_T)]) is None


def test_histogram_shares_add_up_in_each_kind(video):
    axis = ScoreAxis.spanning([video.smoothed_T], threshold=2.5)
    root = ET.fromstring(histogram_svg([video], threshold=2.5, axis=axis))
    told = [column[0].text for column in with_class(root, "hover")]
    filled = [text for text in told if "33 %" in text or "50 %" in text]
    assert sum("33 % of normal" in text for text in filled) == 3
    assert sum("50 % of abnormal" in text for text in filled) == 2
    assert len(with_class(root, "threshold")) == 1


def test_histogram_without_labels_shows_all_frames(video):
    axis = ScoreAxis.spanning([video.smoothed_T], threshold=2.5)
    root = ET.fromstring(histogram_svg([replace(video, label_T=None)], threshold=2.5, axis=axis))
    assert len(with_class(root, "all")) == 1
    assert with_class(root, "normal") == with_class(root, "abnormal") == []


def test_histogram_of_nothing_can_be_drawn():
    axis = ScoreAxis.spanning([], threshold=float("inf"))
    root = ET.fromstring(histogram_svg([], threshold=float("inf"), axis=axis))
    assert with_class(root, "bars") == with_class(root, "threshold") == []


def test_a_logarithmic_histogram_says_so(video):
    wide = replace(video, smoothed_T=np.array([1.0, 1.0, 1.0, 1.0, 500.0]))
    axis = ScoreAxis.spanning([wide.smoothed_T], threshold=2.0)
    assert "smoothed score (log)" in histogram_svg([wide], threshold=2.0, axis=axis)


def test_timeline_shades_truth_and_marks_alarms_half_way_to_their_neighbours(video):
    axis = ScoreAxis(0.0, 4.0)
    root = ET.fromstring(timeline_svg(video, threshold=2.0, axis=axis))
    (truth,) = with_class(root, "truth")
    assert (truth.get("x"), truth.get("width")) == ("375", "500")
    assert truth[0].text == "true event, alarm raised: 2.0 s to 3.0 s"
    (alarm,) = with_class(root, "alarm")
    assert (alarm.get("x"), alarm.get("width")) == ("375", "250")
    assert alarm[0].text == "alarm: 2.0 s to 2.0 s"
    assert [node.text for node in with_class(root, "tick")] == ["0 s", "1 s", "2 s", "3 s", "4 s"]


def test_a_missed_span_says_so(video):
    quiet = replace(video, alarmed_T=np.zeros(5, bool))
    assert "true event, no alarm" in timeline_svg(quiet, threshold=9.0, axis=ScoreAxis(0.0, 9.0))


def test_timeline_says_itself_in_a_sentence(video):
    assert describe(video, 2.0) == (
        "Score of video a & b over 4.0 seconds: 1 labelled spans, 1 alarms, highest score 4, threshold 2."
    )


def test_timeline_without_labels_or_threshold(video):
    drawing = timeline_svg(replace(video, label_T=None), threshold=float("inf"), axis=ScoreAxis(0.0, 4.0))
    root = ET.fromstring(drawing)
    assert with_class(root, "truth") == with_class(root, "threshold") == []
    assert "no labels" in root.get("aria-label")


@pytest.mark.parametrize("frames", [0, 1])
def test_timeline_of_hardly_any_frames(video, frames):
    short = VideoTimeline(
        "a",
        video.pts_seconds_T[:frames],
        video.smoothed_T[:frames],
        video.label_T[:frames],
        video.alarmed_T[:frames],
    )
    ET.fromstring(timeline_svg(short, threshold=2.0, axis=ScoreAxis(0.0, 4.0)))


def test_long_timelines_are_thinned(video):
    scores = np.random.default_rng(0).random(5000)
    long = VideoTimeline("a", np.arange(5000.0), scores, None, np.zeros(5000, bool))
    drawing = timeline_svg(long, threshold=2.0, axis=ScoreAxis(0.0, 4.0), most_points=200)
    (line,) = with_class(ET.fromstring(drawing), "score")
    assert line.get("d").count("L") < 200


@pytest.mark.parametrize(
    ("labels", "words"), [([], "no AUC"), ([False, True], "no AUC"), (None, "no labels")]
)
def test_a_video_without_an_auc_says_why(video, labels, words):
    frames = 2 if labels is None else len(labels)
    label_T = None if labels is None else np.array(labels, bool)
    short = VideoTimeline("a", np.arange(frames), np.zeros(frames), label_T, np.zeros(frames, bool))
    assert video_facts(short).endswith(f"·  {words}")


@pytest.mark.parametrize(
    ("size", "page_size"), [((64, 64), (240, 240)), ((240, 300), (240, 300)), ((500, 1000), (170, 340))]
)
def test_pictures_get_a_size_that_suits_a_page(size, page_size):
    case = invented_case("miss", "01", seed=1, size=size)
    pictures = case_pictures(case, map_range=(0.0, 1.0))
    assert (pictures.height_px, pictures.width_px) == page_size
    assert len({pictures.frame, pictures.heat_map, pictures.overlay}) == 3


def test_a_score_is_held_against_the_threshold_only_where_that_makes_sense():
    case = invented_case("miss", "01", seed=1)
    cards = [
        case_groups([replace(case, score=score)], threshold=threshold, map_range=(0.0, 1.0))[0].cases[0]
        for score, threshold in ((1.0, 2.0), (-1.0, 2.0), (1.0, -2.0), (1.0, float("inf")))
    ]
    assert [card.against for card in cards] == [", 0.50 times the threshold", "", "", ""]
