"""Which videos patterns name, here and in object stores."""

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import fsspec
import pytest
from archive_s3 import s3_server, upload

from normalcy.archive.listing import day_of, list_videos
from normalcy.archive.media import opened
from normalcy.archive.needs import require
from normalcy.errors import InputError, MissingPackage, UnreadableVideo


@pytest.fixture
def folder(tmp_path):
    for name in ("a/1.mp4", "a/b/2.MKV", "a/b/3.txt", "c d/4.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def names(*patterns) -> list[str]:
    return [video.name for video in list_videos([str(each) for each in patterns])]


def test_names_are_relative_to_what_of_a_pattern_is_fixed(folder):
    assert names(folder) == ["a/1.mp4", "a/b/2.MKV", "c d/4.mp4"]
    assert names(folder / "**" / "*.mp4") == ["a/1.mp4", "c d/4.mp4"]
    assert names(folder / "a" / "*") == ["1.mp4"]
    assert names(folder / "a" / "b" / "3.txt") == ["3.txt"]
    assert names(folder / "a" / "1.mp4", folder / "a") == ["1.mp4", "b/2.MKV"]
    assert list_videos([str(folder / "c d")])[0].folder.endswith("/video=4.mp4")


def test_what_matches_nothing_or_twice_is_an_error(folder):
    with pytest.raises(InputError, match=r"no video there. Quote the pattern"):
        list_videos([f"{folder}/*.avi"])
    with pytest.raises(InputError, match=r"gone.mp4: cannot be listed"):
        list_videos([f"{folder}/gone.mp4"])
    (folder / "c d" / "1.mp4").touch()
    with pytest.raises(InputError, match=r"two videos are called 1.mp4. Give a pattern that begins"):
        list_videos([f"{folder}/a", f"{folder}/c d"])
    with pytest.raises(InputError, match="cannot be listed") as caught:
        list_videos(["nosuch://user:secret@host/x.mp4"])
    assert "secret" not in str(caught.value)


def test_other_file_systems_are_listed_alike():
    files = fsspec.filesystem("memory")
    files.pipe_file("/store/door/20260301T101500.mp4", b"xyz")
    try:
        (video,) = list_videos(["memory://store/**/*.mp4"])
    finally:
        files.rm("/store", recursive=True)
    assert (video.name, video.day, video.size_bytes) == ("door/20260301T101500.mp4", "2026-03-01", 3)


def test_names_are_written_as_hive_does_and_too_long_ones_shortened(tmp_path):
    odd = 'Tür "1" 50%=x[3].mp4'
    (tmp_path / odd).touch()
    deep = tmp_path / "/".join("ä" * 60 for _ in range(3)) / "20260301.mp4"
    deep.parent.mkdir(parents=True)
    deep.touch()
    (tmp_path / "kö").mkdir()
    (tmp_path / "kö" / f"{'ü' * 110}.mp4").touch()
    by_end = {video.name[-12:]: video for video in list_videos([str(tmp_path)])}
    assert by_end[odd[-12:]].folder.endswith("/video=Tür %221%22 50%25%3Dx%5B3%5D.mp4")
    whole = next(video for video in by_end.values() if "kö" in video.name)
    assert whole.name == f"kö/{'ü' * 110}.mp4"
    shortened = by_end["20260301.mp4"]
    assert re.fullmatch(r"[0-9a-f]{12}~ä+/ä+/20260301\.mp4", shortened.name)
    assert shortened.day == "2026-03-01"
    folder = tmp_path / "out" / shortened.folder
    folder.mkdir(parents=True)
    assert unquote(folder.name) == f"video={shortened.name}"


class Streams(BaseHTTPRequestHandler):
    """Does not say how long what it sends is."""

    sent = b""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.sent)

    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("sent", [b"x" * 3_000_000, b""])
def test_what_a_server_streams_is_read_whatever_its_size(sent, monkeypatch):
    monkeypatch.setattr(Streams, "sent", sent)
    with ThreadingHTTPServer(("127.0.0.1", 0), Streams) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (video,) = list_videos([f"http://127.0.0.1:{server.server_port}/a.mp4"])
        assert (video.name, video.size_bytes) == ("a.mp4", None)
        if sent:
            with opened(video) as source:
                assert source.file.read() == sent
                assert source.file.seek(5) == 5
        else:
            with pytest.raises(UnreadableVideo, match="the file is empty"), opened(video):
                pass
        server.shutdown()


@pytest.mark.filterwarnings("ignore")
def test_s3_is_listed_with_sizes_and_times(folder):
    with s3_server():
        upload(folder, "s3://footage/cams")
        videos = list_videos(["s3://footage/cams/**/*.mp4"])
    assert [(video.name, video.size_bytes) for video in videos] == [("a/1.mp4", 1), ("c d/4.mp4", 1)]
    assert all(video.modified.startswith(video.day) for video in videos)


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("2026-03-01.mp4", "2026-03-01"),
        ("cam1_20260301_235959.mp4", "2026-03-01"),
        ("cam1-20260301235959.mp4", "2026-03-01"),
        ("2026/03.01/clip.mp4", "2020-01-02"),
        ("20261301.mp4", "2020-01-02"),
        ("120260301.mp4", "2020-01-02"),
        ("2026-03-01/cam_20260302.mp4", "2026-03-02"),
    ],
)
def test_the_day_in_a_name_counts_before_that_of_its_last_change(name, day):
    assert day_of(name, "2020-01-02T03:04:05+00:00") == day


def test_what_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr("normalcy.archive.needs.find_spec", lambda name: None)
    with pytest.raises(MissingPackage, match=r"fsspec is not installed. pip install 'normalcy\[scale\]'"):
        require("fsspec")
