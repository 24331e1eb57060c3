import json
from functools import partial

import pytest

import normalcy.workflows.demo as demo
from normalcy.cli.main import main
from normalcy.training.config import resolve_config


@pytest.fixture
def short_demo(monkeypatch):
    """The same demo on a shorter scene, with smaller frames."""
    monkeypatch.setattr(demo, "synthesize", partial(_shortened, demo.synthesize))
    monkeypatch.setattr(demo, "resolve_config", _small)


def _shortened(synthesize, root, **settings):
    short = {"train_videos": 2, "test_videos": 1, "seconds_per_video": 8.0, "size_px": (48, 72)}
    synthesize(root, **{**settings, **short})


def _small(method, *, overrides, **settings):
    return resolve_config(method, overrides=[*overrides, "model.size_px=[64, 96]"], **settings)


@pytest.mark.timeout(300)  # of a busy machine: two whole demos
def test_demo_writes_everything_it_names(short_demo, tmp_path, capsys):
    for _ in range(2):  # a second demo in the same folder starts anew
        with pytest.raises(SystemExit) as end:
            main(["demo", "--out", str(tmp_path / "demo"), "--json"])
        assert end.value.code == 0
    printed = json.loads(capsys.readouterr().out.rpartition("\n{")[2].join(["{", ""]))
    folder = tmp_path / "demo"
    for name in ("metrics.json", "scores.parquet", "events.json", "report.html", "config.yaml"):
        assert (folder / name).stat().st_size > 0
    assert [path.suffix for path in (folder / "videos").iterdir()] == [".mp4"]
    assert printed["files"]["report"] == str(folder / "report.html")
    assert 0 <= printed["metrics"]["micro_auc"] <= 1
    assert set(printed["floors"]) == {"noise", "flow-magnitude"}
