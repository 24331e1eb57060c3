"""Verdicts as columns, and the table of scores."""

import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fake_models import BrightnessModel, frames_of, spec_of
from normalcy.scoring.pipeline import SourceScorer
from normalcy.scoring.record import as_columns, pair_with_frames, write_scores
from normalcy.scoring.settings import ScoringSettings
from normalcy.scoring.types import Event

SPEC = spec_of(3, scored=(2,))
EVENT = Event("yard", 1, 2, 0.1, 0.2, 1, 0.1, 5.0, {"level": 5.0})


def scorer_of(**options):
    return SourceScorer(
        BrightnessModel(SPEC), settings=ScoringSettings(), calibration=None, source_id="yard", **options
    )


def scored(name="yard", *, levels=(0, 4, 8, 2), label_T=None):
    verdicts = list(scorer_of().run(frames_of(levels)))
    return as_columns(name, verdicts, events=[EVENT], label_T=label_T)


def test_columns_by_hand():
    video = scored()
    assert video.index_T.tolist() == [0, 1, 2, 3]
    assert video.pts_seconds_T.tolist() == [0, 0.1, 0.2, 0.3]
    assert video.raw_T.tolist() == [8, 8, 8, 2]
    assert video.smoothed_T.tolist() == [8, 8, 8, 5]
    assert np.isnan(video.false_alarms_per_day_T).all()
    assert video.alarmed_T.tolist() == [False] * 4
    assert video.own_T.tolist() == [False, False, True, True]
    assert {name: part_T.tolist() for name, part_T in video.parts.items()} == {"level": [8, 8, 8, 2]}
    assert video.events == (EVENT,)
    assert video.label_T is None


def test_no_verdicts_are_empty_columns():
    video = as_columns("nothing", [])
    assert len(video.index_T) == len(video.raw_T) == 0
    assert video.parts == {}


@pytest.mark.parametrize("batch_clips", [1, 2, 8])
def test_each_frame_meets_its_own_verdict(batch_clips):
    frames = frames_of(range(7))
    pairs = list(pair_with_frames(scorer_of(batch_clips=batch_clips), frames))
    assert [frame.index for frame, _ in pairs] == [verdict.index for _, verdict in pairs] == list(range(7))
    assert all(frame is original for (frame, _), original in zip(pairs, frames, strict=True))


def test_the_table_has_the_promised_columns(tmp_path):
    label_T = np.array([False, True, True, False])
    write_scores(tmp_path / "run" / "scores.parquet", [scored(label_T=label_T), scored("gate")])
    table = pq.read_table(tmp_path / "run" / "scores.parquet")
    assert {field.name: field.type for field in table.schema} == {
        "video": pa.string(),
        "frame": pa.int64(),
        "pts_seconds": pa.float64(),
        "raw": pa.float64(),
        "smoothed": pa.float64(),
        "false_alarms_per_day": pa.float64(),
        "alarmed": pa.bool_(),
        "own": pa.bool_(),
        "label": pa.bool_(),
        "part.level": pa.float64(),
    }
    rows = table.to_pylist()
    assert [row["video"] for row in rows] == ["yard"] * 4 + ["gate"] * 4
    assert [row["frame"] for row in rows] == [0, 1, 2, 3] * 2
    assert [row["label"] for row in rows] == [False, True, True, False, None, None, None, None]
    assert [row["part.level"] for row in rows] == [row["raw"] for row in rows] == [8, 8, 8, 2] * 2
    assert math.isnan(rows[0]["false_alarms_per_day"])


def test_a_failure_leaves_the_old_table_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "scores.parquet"
    write_scores(path, [scored()])
    before = path.read_bytes()

    def fail(table, where):
        where.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", fail)
    with pytest.raises(OSError, match="No space"):
        write_scores(path, [scored("other")])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
