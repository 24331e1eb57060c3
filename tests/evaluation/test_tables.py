"""The README's tables."""

import json
import subprocess
import sys

import pytest

from normalcy.errors import InputError
from normalcy.evaluation.results import RunResult, aggregate, gather, write_result
from normalcy.evaluation.tables import main, read_results, render_table, update_tables

README = """# Title

<!-- results:scene -->
old
<!-- /results:scene -->

The end.
"""


def run(method="stae", seed=0, dataset="scene", preset="paper", **metrics):
    return RunResult(
        method=method,
        dataset=dataset,
        preset=preset,
        seed=seed,
        metrics=metrics or {"micro_auc": 0.8},
        fit_seconds=None,
        frames_per_second=None,
        command="normalcy evaluate",
        versions={},
        hardware="Acme 9",
    )


@pytest.fixture
def folder(tmp_path):
    results = tmp_path / "results"
    for seed, auc in enumerate((0.80, 0.90)):
        write_result(results / "scene" / "stae.json", run(seed=seed, micro_auc=auc, macro_auc_sentinels=0.7))
    write_result(results / "scene" / "noise.json", run("noise", preset="", micro_auc=0.5))
    (tmp_path / "README.md").write_text(README)
    return tmp_path


def test_a_table_by_hand():
    results = [
        aggregate([run("stae", 0, micro_auc=0.8, equal_error_rate=0.3), run("stae", 1, micro_auc=0.9)]),
        aggregate([run("flow-magnitude", preset="", micro_auc=0.955, micro_auc_minmax=0.96)]),
        aggregate([run("noise", preset="", micro_auc=0.5)]),
    ]
    assert render_table(results, source="results/scene").splitlines() == [
        "| method | micro AUC | micro, min-max † | seeds |",
        "| --- | ---: | ---: | ---: |",
        "| `noise` (floor) | 0.500 | - | 1 |",
        "| `flow-magnitude` (floor) | 0.955 | 0.960 | 1 |",
        "| `stae`, paper | 0.850 ± 0.071 | - | 2 |",
        "",
        "† looks at the whole test video. Mean ± standard deviation over the seeds, from `results/scene`.",
    ]


def test_variants_follow_their_method_best_first():
    gan = [
        run("ocr-gan-video", preset=preset, micro_auc=auc)
        for preset, auc in (("compact", 0.9), ("paper", 0.94))
    ]
    results = [
        gather([*gan, run("ocr-gan-video", preset="standard", micro_auc=0.92, pixel_auc=0.7)]),
        aggregate([run("stae", preset="paper", micro_auc=0.99)]),
    ]
    assert render_table(results, source="results/scene").splitlines() == [
        "| method | micro AUC | pixel AUC | seeds |",
        "| --- | ---: | ---: | ---: |",
        "| `ocr-gan-video`, paper | 0.940 | - | 1 |",
        "| `ocr-gan-video`, standard | 0.920 | 0.700 | 1 |",
        "| `ocr-gan-video`, compact | 0.900 | - | 1 |",
        "| `stae`, paper | 0.990 | - | 1 |",
        "",
        "Presets of a method stand in order of micro AUC; for display, with the test labels in sight. "
        "Mean ± standard deviation over the seeds, from `results/scene`.",
    ]


def test_the_block_is_replaced_and_nothing_else(folder):
    text = update_tables(README, folder / "results")
    assert text.startswith("# Title\n\n<!-- results:scene -->\n| method |")
    assert text.endswith("from `results/scene`.\n<!-- /results:scene -->\n\nThe end.\n")
    assert "| `stae`, paper | 0.850 ± 0.071 | 0.700 ± 0.000 | 2 |" in text
    assert "old" not in text
    assert update_tables(text, folder / "results") == text


def test_the_table_of_a_study_is_taken_as_it_was_written(folder):
    studies = folder / "results" / "studies"
    studies.mkdir()
    (studies / "stae-frames-scene.md").write_text("| | AUC |\n\nA note.\n")
    text = "Before\n<!-- study:stae-frames-scene -->\nold\n<!-- /study:stae-frames-scene -->\nafter"
    found = update_tables(text, folder / "results")
    assert found == (
        "Before\n<!-- study:stae-frames-scene -->\n| | AUC |\n\nA note.\n<!-- /study:stae-frames-scene -->\nafter"
    )
    with pytest.raises(InputError, match=r"stae-ablation-scene\.md: cannot be read"):
        update_tables(
            "<!-- study:stae-ablation-scene --><!-- /study:stae-ablation-scene -->", folder / "results"
        )


def test_a_text_without_blocks_stays():
    assert update_tables("no tables", None) == "no tables"


def test_a_block_without_an_end(folder):
    with pytest.raises(InputError, match="results:scene has no end"):
        update_tables("<!-- results:scene -->\n", folder / "results")


def test_a_block_without_results(folder):
    with pytest.raises(InputError, match="holds no results"):
        update_tables("<!-- results:avenue -->\n<!-- /results:avenue -->", folder / "results")


def test_a_result_in_the_wrong_folder(folder):
    write_result(folder / "results" / "scene" / "odd.json", run("odd", dataset="avenue"))
    with pytest.raises(InputError, match="odd was evaluated on avenue"):
        read_results(folder / "results" / "scene")


def test_the_command_updates_and_checks(folder, capsys):
    arguments = [str(folder / "README.md"), str(folder / "results")]
    assert main([*arguments, "--check"]) == 1
    assert "stale" in capsys.readouterr().err
    assert (folder / "README.md").read_text() == README
    assert main(arguments) == 0
    assert main([*arguments, "--check"]) == 0
    write_result(folder / "results" / "scene" / "stae.json", run(seed=2, micro_auc=0.1))
    assert main([*arguments, "--check"]) == 1


def test_several_documents(folder):
    (folder / "more.md").write_text(README)
    documents = [str(folder / name) for name in ("README.md", "more.md")]
    assert main([documents[0], str(folder / "results")]) == 0
    assert main([*documents, str(folder / "results"), "--check"]) == 1
    assert main([*documents, str(folder / "results")]) == 0
    assert (folder / "more.md").read_text() == (folder / "README.md").read_text() != README


def test_a_mistake_is_one_line(folder, capsys):
    assert main([str(folder / "absent.md"), str(folder / "results")]) == InputError.exit_code
    assert capsys.readouterr().err.count("\n") == 1


def test_as_a_module_without_torch(folder):
    code = "import sys, normalcy.evaluation.tables; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    command = [sys.executable, "-m", "normalcy.evaluation.tables", folder / "README.md", folder / "results"]
    subprocess.run(command, check=True)
    assert "| `stae`, paper |" in (folder / "README.md").read_text()


def test_tables_of_exports_are_made_from_their_files(tmp_path):
    export = {
        "largest": 0.26,
        "mean": 0.13,
        "relative": 1.8e-7,
        "rank_correlation": 0.99987,
        "auc": 0.8765,
        "auc_difference": -0.0012,
        "rounding": {"clip": {"kept": ["a", "b"]}},
        "recalibrated": True,
    }
    parity = {
        "method": "stae",
        "preset": "paper",
        "dataset": "ucsd-ped2",
        "exports": {"openvino-int8": export},
    }
    times = {"p50_ms": 24.04, "p95_ms": 25.0, "p99_ms": 30.0}
    backend = {
        "batches": {"1": times, "4": times},
        "times_as_fast": {"1": 3.0, "4": 2.5},
        "frames_per_second": 41.4,
        "times_as_fast_together": 2.25,
        "peak_memory_mib": None,
        "model_bytes": 2_700_000,
    }
    bench = {"method": "stae", "preset": "paper", "backends": {"openvino-int8": backend}}
    for name, bundle in (("parity", parity), ("bench", bench)):
        (tmp_path / f"{name}.json").write_text(json.dumps({"bundles": [bundle]}))
    text = "".join(f"<!-- deployment:{name} --><!-- /deployment:{name} -->" for name in ("parity", "bench"))
    filled = update_tables(text, tmp_path)
    assert (
        "| `stae`, paper | `ucsd-ped2` | openvino-int8 | 0.3 | 0.1 | 2e-07 | 0.9999 | 0.8765 | -0.0012 | 2 | yes |"
        in filled
    )
    assert (
        "| `stae`, paper | openvino-int8 | 24.0 | 25.0 | 30.0 | 3.00 | 2.50 | 41 | 2.25 | - | 2.7 |" in filled
    )
    (tmp_path / "bench.json").write_text("{}")
    with pytest.raises(InputError, match="cannot be read"):
        update_tables(text, tmp_path)
