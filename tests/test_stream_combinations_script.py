"""That the script on combinations of streams measures what it says."""

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from normalcy.run_folder import RunFolder
from normalcy.scoring.bundle import Bundle
from normalcy.training.fit import fit
from tiny_scene import tiny_config

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture
def run(tiny_root, tiny_cache, tmp_path) -> Path:
    settings = ["model.size_px=[64, 88]", 'model.streams=["speed", "dwell"]']
    folder = RunFolder(tmp_path / "run")
    fit(tiny_config(tiny_root, tiny_cache, method="scene-memory", overrides=settings), run=folder)
    label_T = np.arange(40) >= 20
    deviations = {"speed": np.where(label_T, 3.0, 0.0), "dwell": np.random.default_rng(0).uniform(-1, 1, 40)}
    fusion = Bundle.load(folder.path).method().memory.fusion.terms
    columns = {"label": label_T} | {
        f"part.{name}": np.exp(fusion.scale(name)[0] + max(fusion.scale(name)[1], 0.05) * z)
        for name, z in deviations.items()
    }
    pq.write_table(pa.table(columns), folder.path / "scores.parquet")
    return folder.path


def test_every_combination_is_judged(run, tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setattr(sys, "argv", ["x", str(run), str(run), "--out", str(tmp_path / "aucs.json")])
    import stream_combinations

    stream_combinations.main()
    aucs = json.loads((tmp_path / "aucs.json").read_text())["micro_auc"]
    assert set(aucs) == {"speed", "dwell", "speed + dwell"}
    assert aucs["speed"] == {"mean": 1.0, "sd": 0.0}
    assert 0.2 < aucs["dwell"]["mean"] < 0.8
    assert aucs["dwell"]["mean"] < aucs["speed + dwell"]["mean"]
    assert "| speed + dwell |" in (tmp_path / "aucs.md").read_text()
