import pytest
from invented_reports import invented_report

from normalcy.report.data import EventSummary
from normalcy.report.verdict import floor_remark, metric_rows, tiles, verdict
from normalcy.report.words import compact, duration, meaning_of, number, quantity


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.500"), (None, "—"), (float("nan"), "—"), (float("inf"), "—"), (123456.0, "123,456")],
)
def test_numbers(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("micro_auc", 0.91234, "0.912"),
        ("detection_latency_seconds", 1.26, "1.3 s"),
        ("detection_latency_seconds", None, "—"),
        ("false_alarms_per_hour", 3.44, "3.4"),
    ],
)
def test_quantities_follow_the_name(metric, value, text):
    assert quantity(metric, value) == text


def test_compact_and_duration_of_what_is_not_finite():
    assert compact(float("inf")) == duration(None) == duration(float("nan")) == "—"


def test_unknown_metrics_get_a_readable_name():
    assert meaning_of("top_speed_kmh").name == "Top speed kmh"


def test_the_verdict_is_one_plain_sentence(report_data):
    assert verdict(report_data) == (
        "At this threshold stae finds 4 of 5 events with 41.2 false alarms per hour of normal video, and ranks a "
        "random abnormal frame above a random normal one 91 times in 100."
    )


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"metrics": {}},
            "At this threshold stae finds 4 of 5 events with 41.2 false alarms per hour of normal video.",
        ),
        (
            {"events": EventSummary(raised=9)},
            "At this threshold stae ranks a random abnormal frame above a random normal one 91 times in 100.",
        ),
        (
            {"metrics": {}, "events": EventSummary(raised=1, found=0, total=0)},
            "At this threshold stae raises 1 alarm where there is nothing to find.",
        ),
        (
            {"metrics": {}, "events": EventSummary(raised=1, found=1, total=1)},
            "At this threshold stae finds 1 of 1 event.",
        ),
        ({"metrics": {}, "events": EventSummary(raised=9)}, ""),
    ],
)
def test_the_verdict_says_only_what_is_known(changes, text):
    assert verdict(invented_report(**changes)) == text


@pytest.mark.parametrize(
    ("floors", "text", "bad"),
    [
        (
            {"noise": {"micro_auc": 0.5}, "flow": {"micro_auc": 0.89}},
            "The best floor, flow, reaches 0.890",
            False,
        ),
        ({"flow": {"micro_auc": 0.95}}, "It does not beat its floor: flow reaches 0.950", True),
        ({"stae": {"micro_auc": 0.9134}}, "", False),
        ({"flow": {"micro_auc": None}}, "", False),
        ({}, "", False),
    ],
)
def test_the_floor_is_never_hidden(floors, text, bad):
    remark, warns = floor_remark(invented_report(floors=floors))
    assert remark.startswith(text)
    assert bool(remark) is bool(text)
    assert warns is bad


def test_tiles_without_numbers_show_a_dash():
    data = invented_report(metrics={}, events=EventSummary(raised=0), frames_per_second=None, hardware="")
    assert [tile.value for tile in tiles(data)] == ["—", "—", "—", "—"]


def test_a_floor_beats_the_method_in_the_right_direction():
    data = invented_report(
        metrics={"micro_auc": 0.9, "equal_error_rate": 0.2, "rbdc": None},
        floors={"flow": {"micro_auc": 0.95, "equal_error_rate": 0.3, "rbdc": 0.1}},
    )
    assert [row.floors[0].beats for row in metric_rows(data)] == [True, False, False]


def test_notes_replace_the_known_marks():
    data = invented_report(
        metrics={"micro_auc": 0.9, "micro_auc_minmax": 0.9}, metric_notes={"micro_auc": "one seed"}
    )
    assert [row.mark for row in metric_rows(data)] == ["one seed", "looks at the whole test video"]
