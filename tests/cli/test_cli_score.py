"""`normalcy score`, in this process."""

import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow.parquet as pq
import pytest
from cli_footage import damaged

from normalcy.cli.console import WRONG_USE
from normalcy.run_folder import RunFolder
from normalcy.video.reader import probe


def names(folder) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_video_is_scored_and_annotated(normalcy, flow_run, scene, tmp_path):
    video, out = scene / "test" / "x.mp4", tmp_path / "out"
    outcome = normalcy("score", flow_run, video, "--out", out)
    assert outcome.code == 0
    assert outcome.out.startswith(f"{video}: 40 frames, ")
    assert f"{out / 'videos' / 'x.mp4'}\n" in outcome.out
    assert f"scoring {video}: 40/40" in outcome.err
    assert names(out) == [".lock", "events.json", "scores.parquet", "videos/x.mp4"]
    assert probe(out / "videos" / "x.mp4").frame_count == 40


def test_json_is_all_there_is_on_standard_output(normalcy, flow_run, scene, tmp_path):
    video = scene / "test" / "x.mp4"
    outcome = normalcy("score", flow_run, video, "--out", tmp_path, "--no-video", "--json")
    result = json.loads(outcome.out)
    assert result["videos"][str(video)]["frames"] == 40
    assert result["failures"] == []
    assert result["files"] == {
        "scores": str(tmp_path / "scores.parquet"),
        "events": str(tmp_path / "events.json"),
    }


def test_threads_are_limited(normalcy, flow_run, scene, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("cv2.setNumThreads", asked.append)
    monkeypatch.setattr("torch.set_num_threads", asked.append)
    words = [flow_run, scene / "test" / "x.mp4", "--no-video", "--backend", "torch", "--out", tmp_path]
    assert normalcy("score", *words, "--threads", "2").code == 0
    assert asked[:2] == [2, 2]
    assert normalcy("score", *words, "--threads", "0").code == WRONG_USE


def test_a_span_of_a_video(normalcy, flow_run, scene, tmp_path):
    words = ["--start", "1", "--end", "2.5", "--no-video", "--out", tmp_path]
    outcome = normalcy("score", flow_run, scene / "test" / "x.mp4", *words)
    assert "15 frames" in outcome.out
    assert ": 15/15" in outcome.err


def test_one_bad_video_costs_only_itself(normalcy, stae_run, scene, tmp_path):
    bad = damaged("text", tmp_path / "[red]bad[/]")
    good = [scene / "test" / f"{name}.mp4" for name in "xy"]
    outcome = normalcy("score", stae_run, good[0], bad, good[1], "--out", tmp_path / "out", "--no-video")
    assert outcome.code == 3
    assert outcome.error == f"{bad}: this is text, not video. Check which file you named."
    assert pq.read_table(tmp_path / "out" / "scores.parquet").column("video").unique().to_pylist() == [
        str(path) for path in good
    ]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("cut-index", "its index (the moov box"),
        ("empty", "the file is empty (0 bytes)"),
        ("text", "this is text, not video"),
        ("three-frames", "has 3 frames, the method needs at least 6"),
    ],
)
def test_a_video_that_cannot_be_scored(normalcy, stae_run, tmp_path, kind, text):
    bad = damaged(kind, tmp_path / "in")
    outcome = normalcy("score", stae_run, bad, "--out", tmp_path / "out")
    assert outcome.code == 3
    assert outcome.error.startswith(str(bad))
    assert text in outcome.error
    assert names(tmp_path / "out") == [".lock"]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("cut", "Frames read and used: "),
        ("bad-jpg", "011.jpg cannot be read, frames lost: 1. Frames read and used: 39."),
        ("resized", "from frame 20 on pictures are 96x64 instead of 48x32. They were scaled to one size."),
    ],
)
def test_a_damaged_video_is_scored_as_far_as_it_goes(normalcy, stae_run, tmp_path, kind, text):
    video = damaged(kind, tmp_path / "in")
    outcome = normalcy("score", stae_run, video, "--out", tmp_path / "out")
    assert outcome.code == 0
    (warning,) = outcome.warnings
    assert warning.startswith(str(video))
    assert text in warning
    scored = pq.read_table(tmp_path / "out" / "scores.parquet").num_rows
    assert scored >= 20
    assert probe(tmp_path / "out" / "videos" / f"{kind}.mp4").frame_count == scored


@pytest.mark.parametrize("source", ["gone.mp4", "9", "[bold]x[/]"])
def test_a_source_that_is_not_there(normalcy, flow_run, tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    outcome = normalcy("score", flow_run, source)
    assert outcome.code == 3
    assert outcome.error.startswith("/dev/video9" if source == "9" else source)


def test_videos_of_one_name_each_get_a_file(normalcy, flow_run, scene, tmp_path):
    copy = tmp_path / "elsewhere" / "x.mp4"
    copy.parent.mkdir()
    shutil.copy(scene / "test" / "x.mp4", copy)
    outcome = normalcy("score", flow_run, scene / "test" / "x.mp4", copy, "--out", tmp_path / "out")
    assert outcome.code == 0
    assert names(tmp_path / "out" / "videos") == ["x-2.mp4", "x.mp4"]


def test_an_annotated_video_never_replaces_its_source(normalcy, flow_run, scene, tmp_path):
    source = tmp_path / "out" / "videos" / "x.mp4"
    source.parent.mkdir(parents=True)
    shutil.copy(scene / "test" / "x.mp4", source)
    before = source.read_bytes()
    assert normalcy("score", flow_run, source, "--out", tmp_path / "out").code == 0
    assert source.read_bytes() == before
    assert names(source.parent) == ["x-2.mp4", "x.mp4"]


def test_out_folders_that_cannot_be_used(normalcy, flow_run, scene, read_only, tmp_path):
    video = scene / "test" / "x.mp4"
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", read_only, read_only / "out"):
        outcome = normalcy("score", flow_run, video, "--out", out)
        assert outcome.code == 4
        assert outcome.error.startswith(f"{out}: ")
    with RunFolder(tmp_path / "busy").claimed():
        assert "another normalcy" in normalcy("score", flow_run, video, "--out", tmp_path / "busy").error


class VideoServer(ThreadingHTTPServer):
    """Serves one file under every path."""

    def __init__(self, path) -> None:
        data = path.read_bytes()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_) -> None:
                """Quiet."""

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def host(scene):
    with VideoServer(scene / "test" / "x.mp4") as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


SECRETS = ("amelie", "swordfish", "t0ken")


def url_with_secrets(scheme: str, host: str) -> str:
    return f"{scheme}://amelie:swordfish@{host}/yard/monday.mp4?token=t0ken&channel=2"


@pytest.mark.parametrize("wish", [[], ["--json"]])
def test_credentials_of_a_url_are_written_nowhere(normalcy, flow_run, host, tmp_path, wish):
    outcome = normalcy("score", flow_run, url_with_secrets("http", host), "--out", tmp_path, *wish)
    assert outcome.code == 0
    (video,) = (tmp_path / "videos").iterdir()
    assert video.name == f"{host.replace(':', '_')}_yard_monday.mp4_token_channel_2.mp4"
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in SECRETS:
        assert secret not in outcome.out + outcome.err
        assert secret.encode() not in written
        assert not [path for path in tmp_path.rglob("*") if secret in path.name]
    assert f"http://***@{host}/yard/monday.mp4" in outcome.out


@pytest.mark.parametrize("wish", [[], ["--json"], ["--debug"]])
def test_credentials_of_a_url_that_fails_are_not_shown(normalcy, flow_run, tmp_path, wish):
    url = url_with_secrets("rtsp", "127.0.0.1:9")
    outcome = normalcy("score", flow_run, url, "--out", tmp_path, *wish)
    assert outcome.code == 3
    assert "rtsp://***@127.0.0.1:9/yard/monday.mp4?token=***&channel=2: cannot be opened" in outcome.err
    for secret in SECRETS:
        assert secret not in outcome.out + outcome.err
