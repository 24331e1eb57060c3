"""Results files: every seed kept, figures that follow from them, nothing half written."""

import json
import statistics
from concurrent.futures import ThreadPoolExecutor

import pytest

from normalcy.errors import InputError, OutputError
from normalcy.evaluation.protocols import METRIC_NOTES
from normalcy.evaluation.results import RunResult, Spread, aggregate, read_result, spread, write_result


def run(seed=0, auc=0.8, **changes):
    values = {
        "method": "stae",
        "dataset": "ucsd-ped2",
        "preset": "paper",
        "seed": seed,
        "metrics": {"micro_auc": auc, "macro_auc": None},
        "fit_seconds": 60.0,
        "frames_per_second": 30.5,
        "command": f"normalcy evaluate --seed {seed}",
        "versions": {"python": "3.11.7"},
        "hardware": "Acme 9, 2 cores",
    }
    return RunResult(**{**values, **changes})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results" / "ucsd-ped2" / "stae.json"


def test_mean_and_sample_deviation_by_hand():
    assert spread([1.0, 2.0, 6.0]) == Spread(mean=3.0, sd=statistics.stdev([1.0, 2.0, 6.0]))
    assert spread([1.0, 2.0, 6.0]).sd == pytest.approx(7**0.5)
    assert spread([0.5]) == Spread(mean=0.5, sd=None)


@pytest.mark.parametrize("values", [[], [None], [1.0, None]])
def test_what_a_seed_lacks_has_no_mean(values):
    assert spread(values) == Spread(mean=None, sd=None)


def test_the_shape_of_a_file(path):
    write_result(path, run(1, 0.9))
    write_result(path, run(0, 0.8))
    data = json.loads(path.read_text())
    assert list(data) == [
        "method",
        "dataset",
        "preset",
        "seeds",
        "metrics",
        "fit_seconds",
        "frames_per_second",
        "command",
        "versions",
        "hardware",
        "runs",
    ]
    assert data["seeds"] == [0, 1]
    assert list(data["metrics"]) == list(METRIC_NOTES)
    assert data["metrics"]["micro_auc"]["mean"] == pytest.approx(0.85)
    assert data["metrics"]["micro_auc"]["sd"] == pytest.approx(statistics.stdev([0.8, 0.9]))
    assert data["metrics"]["rbdc"] == {"mean": None, "sd": None}
    assert data["fit_seconds"] == {"mean": 60.0, "sd": 0.0}
    assert data["command"] == "normalcy evaluate --seed 0", "that of the latest run"
    assert [each["seed"] for each in data["runs"]] == [1, 0]


def test_a_seed_again_replaces_that_seed_only(path):
    for seed, auc in ((0, 0.1), (1, 0.9), (0, 0.7)):
        write_result(path, run(seed, auc))
    assert {each.seed: each.metrics["micro_auc"] for each in read_result(path).runs} == {0: 0.7, 1: 0.9}
    assert read_result(path).metrics["micro_auc"].mean == pytest.approx(0.8)


def test_reads_back_what_it_wrote(path):
    assert write_result(path, run()) == read_result(path)
    assert read_result(path).metrics["micro_auc"] == Spread(mean=0.8, sd=None)


def test_metrics_of_ones_own_come_after_the_known_ones():
    result = aggregate([run(metrics={"pixel_criterion_auc": 0.5, "micro_auc": 0.8})])
    assert list(result.metrics) == [*METRIC_NOTES, "pixel_criterion_auc"]


@pytest.mark.parametrize("change", [{"method": "other"}, {"dataset": "avenue"}, {"preset": "small"}])
def test_what_does_not_belong_together_is_not_mixed(path, change):
    write_result(path, run(0))
    before = path.read_text()
    with pytest.raises(OutputError, match="cannot share a file"):
        write_result(path, run(1, **change))
    assert path.read_text() == before


def test_a_seed_counts_once():
    with pytest.raises(OutputError, match=r"\[0, 0\] repeat"):
        aggregate([run(0), run(0)])


def test_figures_that_do_not_follow_from_the_runs_are_refused(path):
    write_result(path, run())
    data = json.loads(path.read_text())
    data["metrics"]["micro_auc"]["mean"] = 0.99
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match="do not follow"):
        read_result(path)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "is no results file"),
        ("{", "is no results file"),
        ("[]", "is no results file"),
        ('{"method": "stae"}', "dataset: Field required"),
    ],
)
def test_no_results_file(path, text, match):
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(InputError, match=match):
        read_result(path)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"surplus": 1}, "surplus: Extra inputs"),
        ({"runs": []}, "do not follow"),
        ({"seeds": ["0"]}, r"seeds\.0: Input should be a valid integer"),
    ],
)
def test_strictly_the_format(path, change, match):
    write_result(path, run())
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match=match):
        read_result(path)


def test_a_file_that_is_not_there(path):
    with pytest.raises(InputError, match="cannot be read"):
        read_result(path)


def test_a_nan_is_no_result():
    with pytest.raises(ValueError, match="finite number"):
        run(auc=float("nan"))


def test_a_failed_write_leaves_the_file_as_it_was(path, monkeypatch):
    write_result(path, run(0))
    before = path.read_text()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(OutputError, match="no room left"):
        write_result(path, run(1))
    assert path.read_text() == before
    assert [file.name for file in path.parent.iterdir()] == ["stae.json"]


def test_several_writers_add_to_one_file(path):
    with ThreadPoolExecutor(max_workers=6) as pool:
        list(pool.map(lambda seed: write_result(path, run(seed)), range(6)))
    assert read_result(path).seeds == [0, 1, 2, 3, 4, 5]
    assert [file.name for file in path.parent.iterdir()] == ["stae.json"]
