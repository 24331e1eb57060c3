"""The table of scores where pyarrow is not installed."""

import csv
import sys

import pytest

from fake_models import BrightnessModel, frames_of, spec_of
from normalcy.scoring.pipeline import SourceScorer
from normalcy.scoring.record import as_columns, write_scores
from normalcy.scoring.settings import ScoringSettings


@pytest.fixture
def without_pyarrow(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)


def scored(name, *, label_T=None):
    model = BrightnessModel(spec_of(3, scored=(2,)))
    scorer = SourceScorer(model, settings=ScoringSettings(), calibration=None, source_id=name)
    return as_columns(name, list(scorer.run(frames_of((0, 4, 8, 2)))), label_T=label_T)


def test_the_csv_has_the_promised_columns(tmp_path, without_pyarrow):
    labelled = scored('the "yard", Größe', label_T=[False, True, True, False])
    written = write_scores(tmp_path / "run" / "scores.parquet", [labelled, scored("gate")])
    assert written == tmp_path / "run" / "scores.csv"
    with written.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    columns = ["video", "frame", "pts_seconds", "raw", "smoothed", "false_alarms_per_day", "alarmed", "own"]
    assert list(rows[0]) == [*columns, "label", "part.level"]
    assert [row["video"] for row in rows] == ['the "yard", Größe'] * 4 + ["gate"] * 4
    assert [int(row["frame"]) for row in rows] == [0, 1, 2, 3] * 2
    assert [float(row["raw"]) for row in rows] == [8, 8, 8, 2] * 2
    assert [row["label"] for row in rows] == ["False", "True", "True", "False", "", "", "", ""]
    assert [row["own"] for row in rows][:4] == ["False", "False", "True", "True"]
    assert rows[0]["false_alarms_per_day"] == "nan"


def test_numbers_lose_nothing(tmp_path, without_pyarrow):
    video = scored("gate")
    video.raw_T[0] = 1 / 3
    with write_scores(tmp_path / "scores.parquet", [video]).open(encoding="utf-8") as file:
        assert float(next(csv.DictReader(file))["raw"]) == 1 / 3


def test_the_table_of_an_earlier_installation_is_replaced(tmp_path, monkeypatch):
    path = tmp_path / "scores.parquet"
    assert write_scores(path, [scored("yard")]) == path
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pyarrow", None)
        assert write_scores(path, [scored("gate")]) == tmp_path / "scores.csv"
    assert [each.name for each in tmp_path.iterdir()] == ["scores.csv"]
    write_scores(path, [scored("yard")])
    assert [each.name for each in tmp_path.iterdir()] == ["scores.parquet"]
