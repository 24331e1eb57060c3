import json
from pathlib import Path

import pytest

from normalcy.errors import InputError
from normalcy.evaluation.class_results import gathered, read_class_result

PUBLISHED = Path(__file__).resolve().parent.parent.parent / "results"
METRICS = dict.fromkeys(
    ("accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "auc", "expected_calibration_error"), 0.5
)


def run(fold, accuracy):
    return {
        "fold": fold,
        "seed": 0,
        "seconds": 2.0,
        "metrics": METRICS | {"accuracy": accuracy},
        "confusion": [[1, 0], [1, 1]],
        "classes": ["a", "b"],
        "normal": 0,
        "targets": [0, 1, 1],
        "probabilities": [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]],
    }


def result():
    row = gathered({"settings_sha256": "abc", "runs": [run(0, 0.6), run(1, 0.8)]})
    about = {"command": "python x.py", "versions": {"torch": "2"}, "hardware": "a machine"}
    return {
        "method": "cnn-lstm",
        "dataset": "clips",
        "preset": "net",
        "row": "whole",
        "folds": 2,
        "seeds": [0],
        "metrics": row["metrics"],
        **about,
        "backbones": {"net": {**about, "rows": {"whole": row}}},
    }


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cnn-lstm.json"


def test_a_row_is_the_mean_of_its_runs(path):
    path.write_text(json.dumps(result()))
    found = read_class_result(path)
    assert found.metrics["accuracy"].mean == pytest.approx(0.7)
    assert found.metrics["accuracy"].sd == pytest.approx(0.1414, abs=1e-4)


def test_figures_that_do_not_follow_are_refused(path):
    data = result()
    data["backbones"]["net"]["rows"]["whole"]["metrics"]["accuracy"]["mean"] = 0.99
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match="the figures of 'whole' do not follow from its runs"):
        read_class_result(path)


def test_the_top_is_of_the_row_that_it_names(path):
    data = result()
    data["metrics"] = data["metrics"] | {"accuracy": {"mean": 0.99, "sd": None}}
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match="not those of the row"):
        read_class_result(path)


@pytest.mark.parametrize("text", ["", "{}", "[1]"])
def test_something_else_is_refused(path, text):
    path.write_text(text)
    with pytest.raises(InputError, match="is no results file of classes"):
        read_class_result(path)


def test_a_missing_value_has_no_mean():
    runs = [run(0, 0.5), run(1, None)]
    assert gathered({"runs": runs})["metrics"]["accuracy"] == {"mean": None, "sd": None}
    assert gathered({"runs": runs[:1]})["metrics"]["accuracy"] == {"mean": 0.5, "sd": None}


@pytest.mark.parametrize("path", sorted(PUBLISHED.glob("*/cnn-lstm.json")), ids=lambda path: path.parent.name)
def test_published_figures_follow_from_their_runs(path):
    found = read_class_result(path)
    assert found.dataset == path.parent.name
    assert found.folds > 1
