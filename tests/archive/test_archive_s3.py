"""Videos from an object store, tables into one."""

import pytest
from archive_footage import EngineHere, of_video, require_same, scored_in_one_go, write_walk
from archive_s3 import s3_server, upload

from normalcy.archive import media
from normalcy.archive.reading import read_archive
from normalcy.archive.run import ArchiveOptions, score_archive

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
