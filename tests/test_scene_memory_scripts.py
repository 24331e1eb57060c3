"""That the scripts on scene memory compare like with like, and tabulate what they measured."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from normalcy.scoring.bundle import Bundle
from normalcy.scoring.model import TorchModel

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture(autouse=True)
def importable(monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))


@pytest.fixture
def where(tiny_root) -> tuple[str, Path, int]:
    return "folder", tiny_root, 2


def test_plain_and_ours_see_the_same(tiny_memory_run):
    from scene_memory_variants import PlainModel
    from speed_work import uint8_clips

    method = Bundle.load(tiny_memory_run.path).method()
    assert not method.trunk.quantised
    clips = uint8_clips(method.clip, 2).numpy()
    plain, ours = PlainModel(method).infer(clips), TorchModel(method).infer(clips)
    for expected, found in zip(plain, ours, strict=True):
        assert set(expected) == set(found)
        for name in found:
            largest = np.abs(expected[name]).max()
            np.testing.assert_allclose(found[name], expected[name], atol=1e-4 * largest, err_msg=name)


def test_every_variant_judges_the_videos_and_every_stage_has_its_work(tiny_memory_run, where):
    from scene_memory_variants import FLOAT, FLOOR, PLAIN, end_to_end, frames_in, stages

    assert frames_in(*where) == 60
    for name in (PLAIN, FLOAT, FLOOR, str(tiny_memory_run.path)):
        end_to_end(name, *where, tiny_memory_run.path)()
    work, frames = stages(tiny_memory_run.path, *where)
    assert frames == 60
    assert {"decode and scale", "flow", "residual", "trunk", "camera: streams and fusion"} <= set(work)
    for each in work.values():
        each()


def test_every_way_to_search_finds_nearly_the_nearest(tiny_memory_run, where):
    from scene_memory_search import searches

    found = searches(tiny_memory_run.path, *where)
    assert found["matrix product"]["mean_excess_distance"] == pytest.approx(0, abs=1e-6)
    for name, each in found.items():
        each["work"]()
        assert each["frames"] > 0
        assert each["examples"] == 50
        assert -1e-3 < each["mean_excess_distance"] < 0.5, name


def test_the_script_writes_what_it_measured(tiny_memory_run, tiny_root, tmp_path, monkeypatch, capsys):
    import scene_memory
    from measuring import Memory

    monkeypatch.setattr(scene_memory, "memory_of", lambda *_: Memory(1.0, 2.0))
    monkeypatch.setattr("measuring.LEAST_SECONDS", 0.0)
    words = [str(tiny_memory_run.path), "--data", "folder", "--root", str(tiny_root), "--videos", "1"]
    monkeypatch.setattr(sys, "argv", ["x", *words, "--rounds", "1", "--out", str(tmp_path / "speed.json")])
    scene_memory.main()
    result = json.loads((tmp_path / "speed.json").read_text())
    assert set(result["end_to_end"]) == {
        "plain",
        "trunk in floating point",
        "flow-magnitude",
        "scene-memory, full",
    }
    assert all(each["frames_per_second"]["median"] > 0 for each in result["end_to_end"].values())
    table = (tmp_path / "speed.md").read_text()
    assert table == capsys.readouterr().out.removesuffix("\n")
    assert "| plain |" in table
    assert "matrix product" in table


def records(*aucs: float) -> list[dict]:
    return [
        {
            "metrics": {"micro_auc": auc},
            "parts": {"speed": auc - 0.1},
            "kinds": {"score": {"cart": auc, "fall": 0.5}, "speed": {"cart": auc - 0.2, "fall": 0.4}},
            "command": f"run {auc}",
            "hardware": "a machine",
            "versions": {"python": "3"},
        }
        for auc in aucs
    ]


def test_kinds_of_anomaly_are_averaged_over_the_runs(tmp_path, monkeypatch, capsys):
    import anomaly_kinds

    runs = []
    for number, record in enumerate(records(0.9, 0.8)):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "metrics.json").write_text(json.dumps(record))
        runs.append(str(tmp_path / str(number)))
    monkeypatch.setattr(sys, "argv", ["x", *runs, "--out", str(tmp_path / "kinds.json")])
    anomaly_kinds.main()
    result = json.loads((tmp_path / "kinds.json").read_text())
    cart = result["aucs"]["score"]["cart"]
    assert cart["mean"] == pytest.approx(0.85)
    assert cart["lowest"] == 0.8
    assert cart["sd"] == pytest.approx(0.1 / np.sqrt(2))
    assert result["commands"] == ["run 0.9", "run 0.8"]
    table = capsys.readouterr().out
    assert "| score | 0.850 | 0.850 | 0.500 |" in table
    assert "| score, lowest of the runs | 0.800 | 0.800 | 0.500 |" in table
    assert "| speed | 0.750 | 0.650 | 0.400 |" in table
