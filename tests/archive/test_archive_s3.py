"""Videos from an object store, tables into one."""

import contextlib

import pytest
import s3fs
from archive_footage import EngineHere, of_video, require_same, scored_in_one_go, write_walk
from archive_s3 import s3_server, upload
from botocore.exceptions import EndpointConnectionError

from normalcy.archive import attempts, media
from normalcy.archive.listing import Video, list_videos, reason
from normalcy.archive.media import opened
from normalcy.archive.reading import read_archive
from normalcy.archive.run import ArchiveOptions, score_archive
from normalcy.archive.store import Store
from normalcy.errors import InputError, NormalcyError, OutputError, UnreadableVideo

OPTIONS = ArchiveOptions(backend="torch", threads=1, chunk_seconds=5)


@pytest.mark.filterwarnings("ignore")  # botocore's own
@pytest.mark.parametrize("whole_bytes", [0, media._WHOLE_BYTES], ids=["in ranges", "at once"])
def test_an_archive_in_an_object_store(whole_bytes, tiny_flow_run, tmp_path, monkeypatch):
    monkeypatch.setattr(media, "_WHOLE_BYTES", whole_bytes)
    monkeypatch.setattr(media, "_RANGE_BYTES", 16 * 1024)
    footage = tmp_path / "in"
    write_walk(footage / "door" / "long.mp4", 20)
    write_walk(footage / "short.mp4", 4, seed=5)
    (footage / "text.mp4").write_text("this is not a video")
    with s3_server():
        upload(footage, "s3://footage/cams")
        patterns, out = ["s3://footage/cams/**/*.mp4"], "s3://results/runs/one"
        with pytest.raises(KeyboardInterrupt):
            score_archive(tiny_flow_run.bundle, patterns, out=out, engine=EngineHere(most=4), options=OPTIONS)
        engine = EngineHere()
        result = score_archive(tiny_flow_run.bundle, patterns, out=out, engine=engine, options=OPTIONS)
        tables = read_archive(out)
    assert len(engine.items) == 3  # the bad one again, and two chunks
    assert result.failures == ["text.mp4: this is text, not video. Check which file you named."]
    assert result.rows["door/long.mp4"]["chunks"] == 3
    for name in ("door/long.mp4", "short.mp4"):
        expected = scored_in_one_go(tiny_flow_run.bundle, footage / name)
        require_same(of_video(tables.scores, name), of_video(tables.events, name), expected, tolerance=0)


def nobody_there(monkeypatch) -> None:
    """The environment of a user who set none of it, or set it wrong; nothing waits longer than it has to."""
    monkeypatch.setattr(attempts, "PAUSES_SECONDS", (0.01,))
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.filterwarnings("ignore")  # botocore's own
def test_without_credentials_one_line_says_so(monkeypatch):
    with s3_server():
        nobody_there(monkeypatch)
        with pytest.raises(InputError, match=r"^s3://footage/\*\.mp4: cannot be listed .*credentials"):
            list_videos(["s3://footage/*.mp4"])
        store = Store("s3://results/one")
        with pytest.raises(InputError, match=r"^s3://results/one: job.json cannot be read .*credentials"):
            store.get("job.json")
        with pytest.raises(OutputError, match=r"^s3://results/one: cannot be written .*credentials"):
            store.put("job.json", b"{}")
        video = Video("a.mp4", "s3://footage/a.mp4", 10, "", "2026-03-01")
        with pytest.raises(UnreadableVideo, match=r"^a.mp4: cannot be read .*credentials"), opened(video):
            pass


@pytest.mark.filterwarnings("ignore")  # botocore's own
def test_where_nobody_answers_one_line_says_so_without_secrets(monkeypatch):
    nobody_there(monkeypatch)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "very-secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(InputError, match=r"cannot be listed \(.*127\.0\.0\.1:9") as caught:
        list_videos(["s3://footage/*.mp4"])
    with pytest.raises(OutputError, match=r"cannot be listed \(.*127\.0\.0\.1:9") as other:
        Store("s3://results/one").paths("scores")
    for error in (caught, other):
        assert "secret" not in str(error.value)
        assert "\n" not in str(error.value)
    s3fs.S3FileSystem.clear_instance_cache()


def test_what_a_client_says_is_shown_without_secrets():
    said = 'Could not connect to "https://user:pass-word@host:9/b?X-Amz-Signature=abc123"\n(again)'
    assert reason(Exception(said)).startswith('Could not connect to "https://***@host:9/b?')
    assert not any(each in reason(Exception(said)) for each in ("pass-word", "abc123", "\n"))


class Flaky:
    """Fails a number of times, as a client does whose errors are no OSErrors."""

    def __init__(self, files, times):
        self._files, self.left = files, times

    def __getattr__(self, name):
        found = getattr(self._files, name)

        def call(*arguments, **options):
            if self.left:
                self.left -= 1
                raise EndpointConnectionError(endpoint_url="http://127.0.0.1:9")
            return found(*arguments, **options)

        return call


@pytest.mark.parametrize(("times", "passes"), [(2, True), (3, False)])
def test_what_passes_is_tried_again(times, passes, monkeypatch):
    monkeypatch.setattr(attempts, "PAUSES_SECONDS", (0.0, 0.0))
    store = Store("memory://flaky")
    store.put("scores/a", b"a")
    store.put("scores/b", b"b")
    files = store._files
    for call in (
        lambda: store.put("scores/a", b"a"),
        lambda: store.get("scores/a"),
        lambda: store.paths("scores"),
        lambda: store.remove("nothing"),
    ):
        store._files = Flaky(files, times)
        with contextlib.nullcontext() if passes else pytest.raises(NormalcyError, match="Could not connect"):
            call()
        assert store._files.left == 0
    assert files.cat_file("/flaky/scores/a") == b"a"


def test_of_many_files_one_that_fails_is_asked_for_again(monkeypatch):
    store = Store("memory://many")
    for name in "abc":
        store.put(name, name.encode())
    whole = type(store._files).cat

    def cat(self, paths, **options):
        return whole(self, paths, **options) | {paths[1]: EndpointConnectionError(endpoint_url="http://x")}

    monkeypatch.setattr(type(store._files), "cat", cat)
    assert store.get_all(["a", "b", "c", "d"]) == {"a": b"a", "b": b"b", "c": b"c"}


def test_a_range_that_fails_is_read_again(monkeypatch):
    monkeypatch.setattr(attempts, "PAUSES_SECONDS", (0.0, 0.0))
    monkeypatch.setattr(media, "_WHOLE_BYTES", 0)
    monkeypatch.setattr(media, "_BUFFER_BYTES", 16)
    data = bytes(range(200))
    Store("memory://ranges").put("a.mp4", data)
    video = Video("a.mp4", "memory://ranges/a.mp4", len(data), "", "2026-03-01")
    with opened(video) as source:
        assert source.file.read(20) == data[:20]
        flaky = Flaky(source.file.raw._file, 2)
        monkeypatch.setattr(source.file.raw._file, "read", flaky.read)
        source.file.seek(100)
        assert source.file.read() == data[100:]
        assert flaky.left == 0


def test_a_read_that_fails_costs_one_video(tiny_flow_run, tmp_path, monkeypatch):
    """It is scored as a whole then, and the others are as they would be."""
    monkeypatch.setattr(attempts, "PAUSES_SECONDS", (0.0,))
    write_walk(tmp_path / "in" / "long.mp4", 20)
    write_walk(tmp_path / "in" / "short.mp4", 4)
    get = Store.get

    def failing(self, path):
        if "state-00000" in path:
            raise InputError(f"{path} cannot be read (Could not connect)", where=self.shown)
        return get(self, path)

    monkeypatch.setattr(Store, "get", failing)
    out = str(tmp_path / "out")
    result = score_archive(
        tiny_flow_run.bundle, [str(tmp_path / "in")], out=out, engine=EngineHere(), options=OPTIONS
    )
    assert (result.failures, result.rows["short.mp4"]["notes"]) == ([], "")
    assert "state-00000.pkl cannot be read" in result.rows["long.mp4"]["notes"]
    assert read_archive(out).scores.num_rows == 240
