"""That the scripts about classes measure what they say; on clips of two seconds."""

import json
import sys
from pathlib import Path

import pytest

from tiny_classes import TINY_CNN_LSTM, write_tiny_classes

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture(autouse=True)
def own_hashes(tmp_path, monkeypatch):
    monkeypatch.setattr("normalcy.datasets.class_folder.HASHES", tmp_path / "hashes")


def words(tmp_path, root):
    settings = [each for each in TINY_CNN_LSTM if "views" not in each and "backbone" not in each]
    settings += ["training.epochs=1", f"data.features={tmp_path / 'features'}"]
    return ["--data", "class-folder", "--root", root, "--backbone", "efficientnet-lite0", "--set", *settings]


def test_parts_over_folds_and_seeds(script, tmp_path):
    root, out = write_tiny_classes(tmp_path / "clips"), tmp_path / "parts.json"
    common = ["--folds", "2", "--views", "1", "--out", out]
    script("class_parts", *common, "--seeds", "0", "--rows", "logistic", *words(tmp_path, root))
    script("class_parts", *common, "--seeds", "0", "1", "--rows", "augmented views", *words(tmp_path, root))
    rows = json.loads(out.read_text())["backbones"]["efficientnet-lite0"]["rows"]
    runs = {name: len(row["runs"]) for name, row in rows.items()}
    assert runs == {
        "mean of the features, logistic regression": 2,
        "mean of their changes, logistic regression": 2,
        "mean of their changes, logistic regression, half of the clips": 2,
        "mean of their changes, logistic regression, a quarter of the clips": 2,
        "+ augmented views": 4,
        "the same, augmented views at test too": 4,
        "the same, without temperature": 4,
        "the same, mean of the seeds": 2,
    }
    floor = rows["mean of their changes, logistic regression"]
    assert floor["metrics"]["accuracy"]["mean"] == pytest.approx(
        sum(run["metrics"]["accuracy"] for run in floor["runs"]) / 2
    )
    # The scene tells nothing, what moves tells much.
    assert floor["metrics"]["accuracy"]["mean"] > 0.7
    cold = rows["the same, without temperature"]["metrics"]
    assert cold["accuracy"] == rows["+ augmented views"]["metrics"]["accuracy"]
    assert "### efficientnet-lite0" in out.with_suffix(".md").read_text()

    # The same measured once more as if with another backbone: together they say what each says.
    other = json.loads(out.read_text())
    other["backbones"] = {"inception-v3": other["backbones"].pop("efficientnet-lite0")}
    (tmp_path / "other.json").write_text(json.dumps(other))
    merged = tmp_path / "merged.json"
    common = ["--folds", "2", "--top", "efficientnet-lite0", "--out", merged]
    script("class_parts", *common, "--merge", out, tmp_path / "other.json", *words(tmp_path, root))
    found = json.loads(merged.read_text())
    assert list(found["backbones"]) == [
        "efficientnet-lite0",
        "inception-v3",
        "efficientnet-lite0 and inception-v3",
    ]
    both = found["backbones"]["efficientnet-lite0 and inception-v3"]["rows"]["the same, mean of the seeds"]
    alone = rows["the same, mean of the seeds"]
    assert both["metrics"]["auc"]["mean"] == pytest.approx(alone["metrics"]["auc"]["mean"])
    assert found["metrics"] == rows["+ augmented views"]["metrics"]


def test_rows_differ_in_what_they_say(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import class_parts

    settings = [json.dumps(row, sort_keys=True) for row in class_parts.ROWS.values()]
    assert len(set(settings)) == len(settings)
    monkeypatch.delitem(sys.modules, "class_parts")


def test_an_epoch_with_and_without_the_store(script, tmp_path):
    root, out = write_tiny_classes(tmp_path / "clips"), tmp_path / "cache.json"
    script(
        "feature_cache",
        *("--data", "class-folder", "--root", root, "--backbone", "efficientnet-lite0"),
        *("--videos", "4", "--rounds", "1", "--out", out),
    )
    result = json.loads(out.read_text())
    assert result["videos"] == 4
    seconds = {name: each["median"] for name, each in result["seconds_per_epoch"].items()}
    assert result["times_faster"] == pytest.approx(seconds["without"] / seconds["with the store"])
