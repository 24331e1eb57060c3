"""A long video that is scored in chunks gets the scores and events of one that is scored in one go."""

import json
import re
from pathlib import Path

import av
import numpy as np
import pytest
from archive_footage import (
    CHUNK_SECONDS,
    EngineHere,
    of_video,
    require_same,
    scored_in_one_go,
    write_video,
    write_walk,
)

from normalcy.archive.items import ChunkItem, VideoItem
from normalcy.archive.reading import read_archive
from normalcy.archive.run import ArchiveOptions, score_archive
from tiny_scene import scene

OPTIONS = ArchiveOptions(backend="torch", threads=1, chunk_seconds=CHUNK_SECONDS, wait_seconds=5)


def archived(bundle: Path, video: Path, out: Path):
    """Tables of one video, how it went, and what the engine was given."""
    engine = EngineHere()
    result = score_archive(bundle, [str(video)], out=str(out), engine=engine, options=OPTIONS)
    tables = read_archive(str(out))
    name = video.name
    return of_video(tables.scores, name), of_video(tables.events, name), result.rows[name], engine.items


@pytest.mark.parametrize("method", ["tiny_run", "tiny_flow_run"])
def test_seams_of_methods_that_know_one_clip(method, request, tmp_path):
    bundle = request.getfixturevalue(method).bundle
    video = write_walk(tmp_path / "in" / "walk.mp4", 22)
    scores, events, row, items = archived(bundle, video, tmp_path / "out")
    assert (row["chunks"], row["parts"]) == (4, 4)
    assert [item.number for item in items if isinstance(item, ChunkItem)] == [0, 1, 2, 3]
    require_same(scores, events, scored_in_one_go(bundle, video), tolerance=0)
    assert events.num_rows >= 2


def test_seams_of_a_method_that_knows_the_camera_and_takes_frames_apart(tiny_memory_run, tmp_path):
    video = write_walk(tmp_path / "in" / "walk.mkv", 20, fps=25)
    scores, events, row, _ = archived(tiny_memory_run.bundle, video, tmp_path / "out")
    assert row["chunks"] == 4
    require_same(scores, events, scored_in_one_go(tiny_memory_run.bundle, video), tolerance=0)
    assert not all(scores["own"].to_pylist()), "no frame was passed over"
    assert not (tmp_path / "out" / "_work").exists()


def test_an_event_may_last_over_a_seam(tiny_flow_run, tmp_path):
    images_THWC, _ = scene(160, seed=3, runs=range(30, 130))
    video = write_video(tmp_path / "in" / "long.mp4", images_THWC)
    scores, events, row, _ = archived(tiny_flow_run.bundle, video, tmp_path / "out")
    assert row["chunks"] == 3
    require_same(scores, events, scored_in_one_go(tiny_flow_run.bundle, video), tolerance=0)
    lengths = [each["end_index"] - each["start_index"] for each in events.to_pylist()]
    assert max(lengths) > 60


def test_open_groups_of_pictures(tiny_flow_run, tmp_path):
    options = {"x264-params": "open-gop=1:keyint=12:min-keyint=12"}
    video = write_walk(tmp_path / "in" / "open.ts", 15, format="mpegts", **options)
    scores, events, _, _ = archived(tiny_flow_run.bundle, video, tmp_path / "out")
    require_same(scores, events, scored_in_one_go(tiny_flow_run.bundle, video), tolerance=0)


def test_damage_in_the_middle_has_the_video_scored_whole(tiny_flow_run, tmp_path):
    video = write_walk(tmp_path / "in" / "hurt.mp4", 20)
    with av.open(str(video)) as container:
        packets = [each for each in container.demux(video=0) if each.size]
    hurt = next(each for each in packets[len(packets) // 2 :] if each.is_keyframe)
    data = bytearray(video.read_bytes())
    data[hurt.pos + 8 : hurt.pos + hurt.size] = bytes(hurt.size - 8)
    video.write_bytes(data)
    scores, events, row, items = archived(tiny_flow_run.bundle, video, tmp_path / "out")
    require_same(scores, events, scored_in_one_go(tiny_flow_run.bundle, video))
    assert (row["chunks"], row["error"]) == (1, None)
    assert row["notes"].startswith("scored as a whole: ")
    assert isinstance(items[-1], VideoItem)
    assert not (tmp_path / "out" / "_work").exists()


def test_frames_that_a_key_frame_does_not_make_anew_have_the_video_scored_whole(
    tiny_flow_run, tmp_path, monkeypatch
):
    """A decoder that says nothing of it: pictures after a seek are a little off, as with gradual refreshes."""
    from normalcy.video.stretch import Stretch

    image = Stretch.image
    monkeypatch.setattr(
        Stretch, "image", lambda self, picture: image(self, picture) + np.uint8(self._seek is not None)
    )
    video = write_walk(tmp_path / "in" / "drift.mp4", 20)
    scores, events, row, _ = archived(tiny_flow_run.bundle, video, tmp_path / "out")
    assert "are decoded differently from a key frame on" in row["notes"]
    require_same(scores, events, scored_in_one_go(tiny_flow_run.bundle, video), tolerance=0)


def test_a_chunk_does_not_wait_for_ever(tiny_flow_run, tmp_path):
    """The state that it waits for never comes; the video is scored as a whole then."""
    video, out = write_walk(tmp_path / "in" / "walk.mp4", 20), tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        score_archive(
            tiny_flow_run.bundle, [str(video)], out=str(out), engine=EngineHere(most=2), options=OPTIONS
        )
    (state,) = out.glob("_work/*/state-00000.pkl")
    state.unlink()
    options = ArchiveOptions(backend="torch", threads=1, chunk_seconds=CHUNK_SECONDS, wait_seconds=0.1)
    result = score_archive(
        tiny_flow_run.bundle, [str(video)], out=str(out), engine=EngineHere(), options=options
    )
    assert re.search(r"chunk 1 waited [\d.]+ s for the one before", result.rows["walk.mp4"]["notes"])
    tables = read_archive(str(out))
    require_same(tables.scores, tables.events, scored_in_one_go(tiny_flow_run.bundle, video), tolerance=0)


def test_a_tampered_state_is_not_run(tiny_flow_run, tmp_path):
    import os
    import pickle

    class Bad:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "run"),)

    video, out = write_walk(tmp_path / "in" / "walk.mp4", 20), tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        score_archive(
            tiny_flow_run.bundle, [str(video)], out=str(out), engine=EngineHere(most=2), options=OPTIONS
        )
    (state,) = out.glob("_work/*/state-00000.pkl")
    state.write_bytes(pickle.dumps(Bad()))
    result = score_archive(
        tiny_flow_run.bundle, [str(video)], out=str(out), engine=EngineHere(), options=OPTIONS
    )
    assert not (tmp_path / "run").exists()
    assert "posix.mkdir is not known here" in result.rows["walk.mp4"]["notes"]
    assert json.loads((out / "job.json").read_text())["method"] == "flow-magnitude"
