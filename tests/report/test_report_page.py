import base64
import errno
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from invented_reports import invented_case, invented_report, invented_video

from normalcy.errors import DiskFull, OutputError
from normalcy.report.data import EventSummary
from normalcy.report.page import render_report, write_report

VOID = {"meta", "link", "img", "br", "hr", "input"}


class Structure(HTMLParser):
    """Collects elements and checks that every one is closed in its place."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.elements, self.open, self.words = [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def all(self, tag, **wanted):
        return [
            attrs
            for name, attrs in self.elements
            if name == tag and all(attrs.get(key.rstrip("_")) == value for key, value in wanted.items())
        ]


@pytest.fixture(scope="module")
def html(report_data):
    return render_report(report_data)


@pytest.fixture(scope="module")
def page(html):
    return Structure(html)


def test_the_page_is_balanced_and_has_its_sections_in_order(page):
    ids = [attrs["id"] for attrs in page.all("section")]
    assert ids == ["numbers", "threshold", "parts", "videos", "cases", "setting", "again"]
    assert [attrs["href"] for attrs in page.all("a")] == [f"#{name}" for name in ids]
    assert len(page.all("h1")) == 1


def test_nothing_is_loaded_from_elsewhere(html, page):
    assert not re.search(r"(?i)https?:|url\(|@import|//[a-z]", re.sub(r"base64,[A-Za-z0-9+/=]+", "", html))
    assert page.all("link") == []
    assert all(attrs.get("src", "data:").startswith("data:") for _, attrs in page.elements)


def test_the_content_policy_admits_this_script_and_no_other(html):
    script = re.search(r"<script>(.*?)</script>", html, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html
    assert "default-src 'none'" in html


def test_every_picture_has_words(page):
    assert len(page.all("img")) == 12 * 3 + 1
    assert all(attrs["alt"].strip() for attrs in page.all("img"))
    assert all(attrs["aria-label"].strip() for attrs in page.all("svg", role="img"))
    assert len(page.all("svg", role="img")) == 2 + 6


def test_the_numbers_are_on_the_page(page):
    for words in (
        "0.913 micro AUC",
        "41.2 false alarms per hour",
        "4 / 5 events found",
        "212 frames per second",
        "looks at the whole test video",
        "flow-magnitude",
        "0.910*",
        "8 videos of ordinary walkers, 1,600 frames, in 74.2 s",
        "24 false alarms a day",
        "an invented CPU, 2 cores",
        "batch_size: 16",
        "normalcy fit stae --data walkway",
        "normalcy 0.1.0",
        "a rate under 360 alarms a day reaches beyond it",
        "reconstruction 0.913",
    ):
        assert words in page.text, words


def test_case_pictures_are_jpegs_of_one_size(page):
    for attrs in page.all("img")[1:4]:
        data = np.frombuffer(base64.b64decode(attrs["src"].split(",", 1)[1]), np.uint8)
        decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
        assert decoded.shape == (160, 240, 3)
        assert (attrs["width"], attrs["height"]) == ("240", "160")


def test_everything_a_user_names_is_escaped():
    evil = "<b>&\"'.mp4"
    case = replace(invented_case("miss", evil, seed=1), parts={evil: 1.0})
    data = invented_report(
        title=evil,
        method=evil,
        dataset=evil,
        preset=evil,
        metrics={"micro_auc": 0.9, evil: 0.5},
        metric_notes={evil: evil},
        floors={evil: {"micro_auc": 0.1}},
        parts={evil: 0.5},
        kinds={evil: {evil: 0.5}},
        videos=(invented_video(evil, seed=0),),
        cases=(case,),
        fitted_on_text=evil,
        calibration_text=evil,
        config_yaml="</pre><script>alert(1)</script>",
        commands=("normalcy score '<b>.mp4'",),
        versions={evil: evil},
        hardware=evil,
        warnings=(evil,),
    )
    html = render_report(data)
    page = Structure(html)
    assert evil not in html
    assert "<script>alert" not in html
    assert page.text.count(evil) >= 12
    assert page.all("img")[1]["alt"].startswith(f"Frame of miss in video {evil} at ")


def test_without_labels_it_says_so_and_shows_timelines_only():
    videos = tuple(replace(video, label_T=None, auc=None, raw_T=None) for video in invented_report().videos)
    cases = (invented_case("alarm", "01", seed=1),)
    data = invented_report(
        videos=videos,
        metrics={},
        floors={},
        parts={},
        cases=cases,
        events=EventSummary(raised=2),
        warnings=(),
    )
    page = Structure(render_report(data))
    assert [attrs["id"] for attrs in page.all("section")] == [
        "threshold",
        "videos",
        "cases",
        "setting",
        "again",
    ]
    assert "None of it is labelled" in page.text
    assert "2 alarms raised" in page.text
    assert "no labels, so nobody can say" in page.text
    assert "Strongest alarms" in page.text
    assert "ROC curve over" not in page.text
    assert page.all("rect", class_="truth") == []
    assert len(page.all("svg", role="img")) == 1 + 6


@pytest.mark.parametrize(("span", "kind"), [(None, "normal"), ((0, 180), "abnormal")])
def test_labels_of_one_kind_have_no_roc(span, kind):
    videos = (invented_video("01", seed=0, span=span),)
    page = Structure(render_report(invented_report(videos=videos)))
    assert "all of one kind" in page.text
    assert f"no AUC: all frames are {kind}" in page.text


def test_a_run_with_nothing_in_it_still_makes_a_page():
    data = invented_report(
        preset="",
        metrics={},
        floors={},
        parts={},
        videos=(),
        cases=(),
        threshold=float("inf"),
        config_yaml="",
        commands=(),
        versions={},
        hardware="",
        fit_seconds=None,
        frames_per_second=None,
        warnings=(),
        events=EventSummary(raised=0),
    )
    page = Structure(render_report(data))
    assert "No videos." in page.text
    assert page.all("img") == []


def test_kinds_of_anomaly_have_a_table_where_they_are_known():
    kinds = {
        "score": {"against_flow": 0.7654, "runner": 0.9},
        "motion": {"against_flow": 0.5, "runner": None},
    }
    page = Structure(render_report(invented_report(kinds=kinds)))
    ids = [attrs["id"] for attrs in page.all("section")]
    assert ids == ["numbers", "threshold", "parts", "kinds", "videos", "cases", "setting", "again"]
    assert "Score or part against flow runner score 0.765 0.900 motion 0.500 —" in page.text


def test_the_same_data_gives_the_same_page(html):
    assert render_report(invented_report()) == html


def test_a_given_map_range_is_used():
    page = Structure(render_report(invented_report(map_range=(0.25, 7.5))))
    assert "0.25 7.5 map value" in page.text


def test_a_hundred_videos_stay_under_three_megabytes():
    videos = tuple(invented_video(f"{place:03d}", seed=place, frames=1500) for place in range(107))
    html = render_report(invented_report(videos=videos))
    assert len(html.encode()) < 3_000_000
    assert 'class="timelines many"' in html


def test_it_is_written_whole_with_nothing_left_beside_it(tmp_path, html, report_data):
    path = tmp_path / "report.html"
    path.write_text("old")
    write_report(path, report_data)
    assert path.read_text(encoding="utf-8") == html
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_named(tmp_path, report_data):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"report\.html: cannot be written"):
        write_report(tmp_path / "file" / "report.html", report_data)


def test_a_full_disk_keeps_the_old_report(tmp_path, report_data, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old")

    def fail(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(DiskFull, match="no room left"):
        write_report(path, report_data)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
