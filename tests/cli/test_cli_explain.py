"""`normalcy explain`: the page and the data of what was alarmed."""

import json
from html.parser import HTMLParser

from cli_footage import make_video


class Pictures(HTMLParser):
    def __init__(self):
        super().__init__()
        self.sources = []

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.sources.append(dict(attrs)["src"])


def test_an_event_with_its_reason(normalcy, flow_run, scene, tmp_path):
    out = tmp_path / "why"
    found = normalcy("explain", flow_run, scene / "test" / "x.mp4", "--normal", scene / "train", "--out", out)
    assert found.code == 0, found.err
    assert "event" in found.out
    data = json.loads((out / "explanation.json").read_text())
    assert data["video"] == "x"
    (event,) = data["events"]
    assert 1.3 <= event["peak_seconds"] <= 2.6  # it jumps from 1.5 to 2.5 s
    assert event["sentence"].split(", ", 1)[1].startswith("something moves faster than is usual")
    assert event["nearest_frame"]["video"] in ("a", "b", "c")
    assert set(event["box"]) == {"left", "top", "right", "bottom"}
    page = (out / "explanation.html").read_text()
    assert event["sentence"] in page
    pictures = Pictures()
    pictures.feed(page)
    assert (
        len(pictures.sources) == 5
    )  # the ramp, the frame, its heat map, the place, and the place on normal video
    assert all(source.startswith("data:image/jpeg;base64,") for source in pictures.sources)


def test_a_quiet_video_has_nothing_to_explain(normalcy, flow_run, tmp_path):
    video = make_video(tmp_path / "quiet.mp4", frames=30)
    found = normalcy("explain", flow_run, video, "--out", tmp_path / "why")
    assert found.code == 0, found.err
    assert "0 events explained" in found.out
    assert (
        "Nothing in this video reached the threshold" in (tmp_path / "why" / "explanation.html").read_text()
    )


def test_a_stream_is_read_once_and_its_password_never_shown(normalcy, flow_run, tmp_path):
    found = normalcy("explain", flow_run, "rtsp://admin:secret@door.local/1", "--out", tmp_path / "why")
    assert found.code == 3
    assert "is read once and gone" in found.error
    assert "secret" not in found.out + found.err


def test_a_file_that_is_not_there(normalcy, flow_run, tmp_path):
    found = normalcy("explain", flow_run, "missing.mp4", "--out", tmp_path / "why")
    assert found.code == 3
    assert "no such file or folder" in found.error
    assert not (tmp_path / "why").exists()


def test_the_annotated_video_comes_with_it(normalcy, flow_run, scene, tmp_path):
    out = tmp_path / "why"
    found = normalcy("explain", flow_run, scene / "test" / "x.mp4", "--out", out, "--video")
    assert found.code == 0, found.err
    assert (out / "explanation.mp4").stat().st_size > 1000
    assert "explanation.mp4" in found.out


def test_what_is_left_out_is_said(normalcy, flow_run, scene, tmp_path, monkeypatch):
    monkeypatch.setattr("normalcy.workflows.explain.MOST_EVENTS", 0)
    words = ["explain", flow_run, scene / "test" / "x.mp4", "--out", tmp_path / "why"]
    assert "0 events explained; 1 more are not" in normalcy(*words).out
    assert json.loads(normalcy(*words, "--json").out)["left_out"] == 1


def test_a_folder_without_normal_videos(normalcy, flow_run, scene, tmp_path):
    (tmp_path / "empty").mkdir()
    found = normalcy(
        "explain", flow_run, scene / "test" / "x.mp4", "--normal", tmp_path / "empty", "--out", tmp_path / "w"
    )
    assert found.code == 3
    assert "holds no videos" in found.error
