"""What is written is not computed again; what failed costs only itself."""

import contextlib
import json
import os
import shutil

import pyarrow.dataset as ds
import pytest
from archive_footage import CHUNK_SECONDS, EngineHere, require_same, scored_in_one_go, write_walk
from archive_footage import of_video as rows_of

from normalcy.archive.items import ChunkItem
from normalcy.archive.reading import read_archive
from normalcy.archive.run import ArchiveOptions, score_archive
from normalcy.errors import OutputError, RunFolderBusy, RunFolderExists
from normalcy.run_folder import RunFolder

OPTIONS = ArchiveOptions(backend="torch", threads=1, chunk_seconds=CHUNK_SECONDS)


@pytest.fixture
def footage(tmp_path):
    folder = tmp_path / "in"
    write_walk(folder / "door" / "long_20260301.mp4", 20)
    write_walk(folder / "door" / "short.mp4", 4, seed=5)
    write_walk(folder / "yard" / "2026-03-02 07.30.mp4", 5, seed=6)
    return folder


def run(bundle, footage, out, *, most=None, options=OPTIONS):
    engine = EngineHere(most=most)
    return score_archive(bundle, [str(footage)], out=str(out), engine=engine, options=options), engine


def written(out) -> dict[str, int]:
    return {str(path.relative_to(out)): path.stat().st_mtime_ns for path in out.rglob("part-*.parquet")}


def test_tables_are_partitioned_by_day_and_video(tiny_flow_run, footage, tmp_path):
    out = tmp_path / "out"
    os.utime(footage / "door" / "short.mp4", (1_760_000_000, 1_760_000_000))  # 2025-10-09, 08:53 UTC
    result, _ = run(tiny_flow_run.bundle, footage, out)
    assert sorted(result.rows) == ["door/long_20260301.mp4", "door/short.mp4", "yard/2026-03-02 07.30.mp4"]
    assert (out / "scores/day=2025-10-09/video=door%2Fshort.mp4/part-00000.parquet").is_file()
    assert (out / "scores/day=2026-03-01/video=door%2Flong_20260301.mp4/part-00002.parquet").is_file()
    assert (out / "videos/day=2026-03-02/video=yard%2F2026-03-02 07.30.mp4/part-00000.parquet").is_file()
    tables = read_archive(str(out))
    assert tables.videos["frames"].to_pylist() == [200, 40, 50]
    assert tables.videos["error"].to_pylist() == [None] * 3
    for name in result.rows:
        expected = scored_in_one_go(tiny_flow_run.bundle, footage / name)
        require_same(rows_of(tables.scores, name), rows_of(tables.events, name), expected, tolerance=0)
    plain = ds.dataset(out / "scores", partitioning="hive").to_table(columns=["day", "video", "raw"])
    assert plain.num_rows == 290
    assert set(plain["video"].to_pylist()) == set(result.rows)


def test_an_interrupted_run_goes_on_in_the_middle_of_a_video(tiny_flow_run, footage, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        run(tiny_flow_run.bundle, footage, out, most=5)  # three videos, two chunks of the long one
    before = written(out)
    result, engine = run(tiny_flow_run.bundle, footage, out)
    assert [item.number for item in engine.items if isinstance(item, ChunkItem)] == [2]
    assert len(engine.items) == 1
    after = written(out)
    assert {name: after[name] for name in before} == before
    tables = read_archive(str(out))
    for name in result.rows:
        expected = scored_in_one_go(tiny_flow_run.bundle, footage / name)
        require_same(rows_of(tables.scores, name), rows_of(tables.events, name), expected, tolerance=0)


def test_only_what_is_missing_or_changed_is_computed(tiny_flow_run, footage, tmp_path):
    out = tmp_path / "out"
    run(tiny_flow_run.bundle, footage, out)
    _, engine = run(tiny_flow_run.bundle, footage, out)
    assert engine.items == []
    before = written(out)
    (lost,) = out.glob("scores/*/video=yard*/part-00000.parquet")
    lost.unlink()
    write_walk(footage / "door" / "short.mp4", 6, seed=5)
    result, engine = run(tiny_flow_run.bundle, footage, out)
    assert {item.video.name for item in engine.items} == {"door/short.mp4", "yard/2026-03-02 07.30.mp4"}
    assert (result.scored, result.rows["door/short.mp4"]["frames"]) == (2, 60)
    after = written(out)
    untouched = [name for name in before if "long" in name]
    assert {name: after[name] for name in untouched} == {name: before[name] for name in untouched}


def test_a_bad_video_is_a_row_with_its_error(tiny_run, footage, tmp_path):
    (footage / "door" / "text.mp4").write_text("this is not a video")
    (footage / "door" / "empty.mp4").touch()
    write_walk(footage / "door" / "blink.mp4", 0.2)
    whole = (footage / "door" / "short.mp4").read_bytes()
    (footage / "door" / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    result, _ = run(tiny_run.bundle, footage, tmp_path / "out")
    assert [line.partition(".mp4: ")[2][:30] for line in result.failures] == [
        "has 2 frames, the method needs",
        "its index (the moov box at the",
        "the file is empty (0 bytes). R",
        "this is text, not video. Check",
    ]
    videos = read_archive(str(tmp_path / "out")).videos.to_pylist()
    assert sum(row["error"] is None for row in videos) == 3
    assert result.summary()["failures"] == result.failures


def test_rows_of_something_else_are_never_mixed_in(tiny_flow_run, tiny_run, footage, tmp_path):
    out = tmp_path / "out"
    run(tiny_flow_run.bundle, footage / "yard", out)
    with pytest.raises(
        RunFolderExists, match=r"another method flow-magnitude, bundle \w+. Choose another --out"
    ):
        run(tiny_run.bundle, footage / "yard", out)
    with pytest.raises(RunFolderExists, match=r"another chunk_seconds 5.0"):
        run(tiny_flow_run.bundle, footage, out, options=ArchiveOptions(backend="torch", chunk_seconds=60))
    other = ArchiveOptions(backend="torch", threads=1, chunk_seconds=60, overwrite=True)
    run(tiny_run.bundle, footage / "yard", out, options=other)
    assert json.loads((out / "job.json").read_text())["method"] == "stae"
    assert "part.motion" not in read_archive(str(out)).scores.column_names
    (tmp_path / "mine" / "videos").mkdir(parents=True)
    (tmp_path / "mine" / "videos" / "holiday.mp4").touch()
    with pytest.raises(RunFolderExists, match="holds videos already, and no archive"):
        run(tiny_run.bundle, footage, tmp_path / "mine", options=other)


def test_one_run_at_a_time(tiny_flow_run, footage, tmp_path):
    with RunFolder(tmp_path / "out").claimed(), pytest.raises(RunFolderBusy):
        run(tiny_flow_run.bundle, footage, tmp_path / "out")


def test_overwrite_goes_on_with_what_the_same_made(tiny_flow_run, footage, tmp_path):
    out = tmp_path / "out"
    run(tiny_flow_run.bundle, footage / "yard", out)
    before = written(out)
    overwriting = ArchiveOptions(backend="torch", threads=1, chunk_seconds=CHUNK_SECONDS, overwrite=True)
    _, engine = run(tiny_flow_run.bundle, footage / "yard", out, options=overwriting)
    assert (engine.items, written(out)) == ([], before)
    (out / "job.json").write_text("not json")
    with pytest.raises(RunFolderExists, match="another method None"):
        run(tiny_flow_run.bundle, footage / "yard", out)
    _, engine = run(tiny_flow_run.bundle, footage / "yard", out, options=overwriting)
    assert len(engine.items) == 1


def test_nothing_stays_of_what_a_video_was_before(tiny_flow_run, footage, tmp_path):
    out, video = tmp_path / "out", footage / "door" / "short.mp4"
    run(tiny_flow_run.bundle, footage, out)
    assert list(out.glob("scores/*/video=door%2Fshort.mp4"))
    good = video.read_bytes()
    video.write_text("this is not a video")
    os.utime(video, (1_760_000_000, 1_760_000_000))  # another day
    result, _ = run(tiny_flow_run.bundle, footage, out)
    assert len(result.failures) == 1
    tables = read_archive(str(out))
    assert rows_of(tables.scores, "door/short.mp4").num_rows == 0
    assert rows_of(tables.events, "door/short.mp4").num_rows == 0
    (row,) = rows_of(tables.videos, "door/short.mp4").to_pylist()
    assert (row["day"], row["frames"]) == ("2025-10-09", 0)
    video.write_bytes(good)
    result, _ = run(tiny_flow_run.bundle, footage, out)
    assert rows_of(read_archive(str(out)).videos, "door/short.mp4")["error"].to_pylist() == [None]


def test_of_a_cut_that_was_broken_off_nothing_stays_under_another_day(tiny_flow_run, tmp_path):
    video, out = tmp_path / "in" / "walk.mp4", tmp_path / "out"
    write_walk(video, 20)
    os.utime(video, (1_760_000_000, 1_760_000_000))
    with pytest.raises(KeyboardInterrupt):
        run(tiny_flow_run.bundle, video, out, most=2)
    assert list(out.glob("scores/day=2025-10-09/*/part-*"))
    write_walk(video, 4, seed=5)
    run(tiny_flow_run.bundle, video, out)
    assert not list(out.glob("*/day=2025-10-09/*/part-*"))
    assert read_archive(str(out)).scores.num_rows == 40
    assert not (out / "_work").exists()


def test_workers_are_told_where_a_relative_output_is(tiny_flow_run, footage, tmp_path, monkeypatch):
    class Elsewhere(EngineHere):
        """Workers that are in another folder than who asks."""

        def run(self, job, items):
            (tmp_path / "elsewhere").mkdir(exist_ok=True)
            with contextlib.chdir(tmp_path / "elsewhere"):
                yield from list(super().run(job, items))

    monkeypatch.chdir(tmp_path)
    result = score_archive(
        tiny_flow_run.bundle, ["in/door/short.mp4"], out="out", engine=Elsewhere(), options=OPTIONS
    )
    assert (result.failures, read_archive("out").scores.num_rows) == ([], 40)
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("lost", ["scores/*/video=short.mp4", "_work/*"])
def test_an_output_that_only_workers_see_is_an_error(lost, tiny_flow_run, tmp_path):
    """As if each machine had a folder of that name of its own."""

    class Apart(EngineHere):
        def run(self, job, items):
            for outcome in super().run(job, items):
                for each in (tmp_path / "out").glob(lost):
                    shutil.rmtree(each)
                yield outcome

    write_walk(tmp_path / "in" / "short.mp4", 20 if "_work" in lost else 4)
    with pytest.raises(OutputError, match=r"is not there\. --out has to be a folder that all machines share"):
        score_archive(
            tiny_flow_run.bundle,
            [str(tmp_path / "in")],
            out=str(tmp_path / "out"),
            engine=Apart(),
            options=OPTIONS,
        )


def test_going_on_takes_the_backend_that_began(tiny_flow_run, footage, tmp_path, monkeypatch):
    """Here another one would be taken by now, such as after an export; of another bundle it is no matter."""
    from normalcy.archive import run as archive_run

    out = tmp_path / "out"
    run(tiny_flow_run.bundle, footage / "yard", out)
    monkeypatch.setattr(archive_run, "TORCH", "torch-int8")
    auto = ArchiveOptions(threads=1, chunk_seconds=CHUNK_SECONDS)
    result, engine = run(tiny_flow_run.bundle, footage / "yard", out, options=auto)
    assert (result.backend, engine.items) == ("torch", [])
