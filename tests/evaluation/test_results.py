"""Results files: every seed kept, figures that follow from them, nothing half written."""

import json
import statistics
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from normalcy.errors import InputError, OutputError
from normalcy.evaluation.protocols import METRIC_NOTES
from normalcy.evaluation.results import (
    RunResult,
    Spread,
    aggregate,
    gather,
    read_result,
    spread,
    write_result,
)
from normalcy.run_folder import write_json

PUBLISHED = Path(__file__).resolve().parents[2] / "results"


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


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({"method": "other"}, "a file of its own"),
        ({"dataset": "avenue"}, "a file of its own"),
        ({"method": "other", "preset": "small"}, "a file of its own"),
        ({"settings_sha256": "b"}, "publish runs of changed settings into another folder"),
    ],
)
def test_what_does_not_belong_together_is_not_mixed(path, change, hint):
    write_result(path, run(0))
    before = path.read_text()
    with pytest.raises(OutputError, match="cannot share a file") as raised:
        write_result(path, run(1, **change))
    assert hint in str(raised.value)
    assert path.read_text() == before


def test_a_mean_is_of_one_preset():
    with pytest.raises(OutputError, match=r"stae/ucsd-ped2/paper/ and of stae/ucsd-ped2/small/"):
        aggregate([run(0), run(1, preset="small")])


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


def test_the_best_preset_stands_at_the_top_and_the_others_below(path):
    for preset, auc in (("compact", 0.8), ("standard", 0.9), ("paper", None), ("odd", 0.85)):
        write_result(path, run(0, auc, preset=preset))
    data = json.loads(path.read_text())
    assert (data["preset"], data["metrics"]["micro_auc"]["mean"]) == ("standard", 0.9)
    assert list(data["variants"]) == ["odd", "compact", "paper"]
    assert {name: variant["preset"] for name, variant in data["variants"].items()} == {
        name: name for name in data["variants"]
    }
    for variant in data["variants"].values():
        assert [*variant] == [name for name in data if name != "variants"]
    assert [result.preset for result in read_result(path).presets] == ["standard", "odd", "compact", "paper"]


def test_a_seed_that_changes_the_mean_changes_the_top(path):
    write_result(path, run(0, 0.8, preset="compact"))
    write_result(path, run(0, 0.9, preset="standard"))
    result = write_result(path, run(1, 0.5, preset="standard"))
    assert (result.preset, result.seeds) == ("compact", [0])
    assert (result.variants["standard"].seeds, result.variants["standard"].metrics["micro_auc"].mean) == (
        [0, 1],
        pytest.approx(0.7),
    )


def test_a_seed_again_replaces_that_of_its_preset_only(path):
    for preset, auc in (("compact", 0.8), ("standard", 0.9), ("compact", 0.7)):
        write_result(path, run(0, auc, preset=preset))
    result = read_result(path)
    assert {each.preset: [one.metrics["micro_auc"] for one in each.runs] for each in result.presets} == {
        "standard": [0.9],
        "compact": [0.7],
    }


def test_presets_that_are_equally_good_stand_by_name():
    runs = [run(0, 0.8, preset=preset) for preset in ("b", "c", "a")]
    assert [result.preset for result in gather(runs).presets] == ["a", "b", "c"]


def test_settings_are_held_against_those_of_the_same_preset_alone(path):
    write_result(path, run(0, 0.8, preset="compact", settings_sha256="a"))
    write_result(path, run(0, 0.9, preset="standard", settings_sha256="b"))
    write_result(path, run(1, 0.9, preset="compact", settings_sha256="a"))
    before = path.read_text()
    with pytest.raises(OutputError, match=r"standard/[ab] and of"):
        write_result(path, run(1, 0.9, preset="standard", settings_sha256="a"))
    assert path.read_text() == before


def spoil_figure(data):
    data["variants"]["compact"]["metrics"]["micro_auc"]["mean"] = 0.85


def spoil_order(data):
    top = data.pop("variants")["compact"]
    lower = dict(data)
    data.clear()
    data.update({**top, "variants": {"standard": lower}})


def spoil_name(data):
    data["variants"]["other"] = data["variants"].pop("compact")


def spoil_depth(data):
    data["variants"]["compact"]["variants"] = {"standard": {**data, "variants": {}}}


def spoil_method(data):
    for one in data["variants"]["compact"]["runs"]:
        one["method"] = "other"


def spoil_runs(data):
    data["variants"]["compact"]["runs"] = []


def spoil_repeat(data):
    data["variants"]["again"] = {name: value for name, value in data.items() if name != "variants"}


@pytest.mark.parametrize(
    "spoil",
    [spoil_figure, spoil_order, spoil_name, spoil_depth, spoil_method, spoil_runs, spoil_repeat],
)
def test_variants_that_do_not_follow_from_their_runs_are_refused(path, spoil):
    write_result(path, run(0, 0.8, preset="compact"))
    write_result(path, run(0, 0.9, preset="standard"))
    data = json.loads(path.read_text())
    spoil(data)
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match="do not follow"):
        read_result(path)


def test_parts_are_averaged_and_left_out_where_there_are_none(path):
    write_result(path, run(0, parts={"feature": 0.7, "motion": None}))
    data = write_result(path, run(1, parts={"feature": 0.9, "motion": 0.5})).model_dump(mode="json")
    assert data["parts"] == {
        "feature": {"mean": pytest.approx(0.8), "sd": pytest.approx(statistics.stdev([0.7, 0.9]))},
        "motion": {"mean": None, "sd": None},
    }
    assert [each["parts"]["feature"] for each in data["runs"]] == [0.7, 0.9]
    assert json.loads(path.read_text()) == data
    assert "parts" not in write_result(path.with_name("bare.json"), run(0)).model_dump(mode="json")


def test_a_part_that_only_some_seeds_have_has_no_mean():
    assert aggregate([run(0), run(1, parts={"feature": 0.9})]).parts == {
        "feature": Spread(mean=None, sd=None)
    }


# Curves, speed, the settings of a study, exports, what runs live or on many machines, and results of classes have forms
# of their own.
OTHERS = (
    *("parity.json", "bench.json", "live.json", "reliability.json", "benchmarks/*.json"),
    *("archive.json", "ddp.json", "fleet.json", "scale.json"),
    *("studies/*.json", "studies/*/settings.json", "*/cnn-lstm.json"),
)
OF_RESULTS = sorted({*PUBLISHED.rglob("*.json")} - {path for each in OTHERS for path in PUBLISHED.glob(each)})


@pytest.mark.parametrize("path", OF_RESULTS, ids=lambda path: path.stem)
def test_published_files_are_written_again_as_they_are(path, tmp_path):
    again = tmp_path / path.name
    write_json(again, read_result(path).model_dump(mode="json"))
    assert again.read_bytes() == path.read_bytes()
