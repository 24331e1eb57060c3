"""A box that only scores: an exported bundle needs nothing that trains, and no torch."""

import csv
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from normalcy.cli.missing import ON_DEMAND
from normalcy.export.export import ExportRequest, export_bundle
from normalcy.methods.runtime import RUNNERS
from normalcy.video.writer import VideoWriter
from small_exports import save_bundle

ABSENT = sorted(set(ON_DEMAND) - {"openvino"})
WITHOUT_THEM = f"import sys; sys.modules.update(dict.fromkeys({ABSENT}))\n"
COMMAND = WITHOUT_THEM + "from normalcy.cli.main import main; main(sys.argv[1:])"
FRAMES, FPS = 24, 10


def normalcy(*words: object) -> subprocess.CompletedProcess[str]:
    """Runs the command in a process where the packages cannot be imported."""
    command = [sys.executable, "-c", COMMAND, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("footage") / "yard.mp4"
    texture = np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)
    with VideoWriter(path, fps=FPS) as writer:
        for frame in range(FRAMES):
            writer.write(np.roll(texture, 2 * frame, axis=1))
    return path


@pytest.mark.parametrize("name", ["flow-magnitude", "scene-memory"])
def test_an_exported_bundle_scores_a_video(name, video, tmp_path):
    pytest.importorskip("openvino")
    bundle = save_bundle(name, tmp_path / "bundle")
    record = export_bundle(bundle, ExportRequest("openvino", "fp32"))
    out = tmp_path / "out"
    done = normalcy("score", bundle, video, "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["backend"] == record.name == "openvino-fp32"
    with (out / "scores.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["frame"]) for row in rows] == list(range(FRAMES))
    assert {row["video"] for row in rows} == {str(video)}
    assert np.isfinite([float(row["raw"]) for row in rows]).all()
    assert isinstance(json.loads((out / "events.json").read_text(encoding="utf-8")), list)
    assert (out / "videos" / "yard.mp4").stat().st_size > 0
    assert not (out / "scores.parquet").exists()


def test_without_an_export_it_says_what_to_do(video, tmp_path):
    bundle = save_bundle("flow-magnitude", tmp_path / "bundle")
    done = normalcy("score", bundle, video, "--out", tmp_path / "out")
    assert done.returncode != 0
    (line,) = done.stderr.splitlines()
    assert "torch is not installed" in line
    assert "normalcy export" in line


@pytest.mark.parametrize("words", [["--help"], ["score", "--help"], ["data", "list"]])
def test_what_needs_no_detector_runs(words):
    done = normalcy(*words)
    assert done.returncode == 0, done.stderr


def test_own_footage_is_checked(video):
    done = normalcy("data", "check", "folder", "--root", video.parent)
    assert done.returncode in (0, 3), done.stderr
    assert "Error" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["fit", "stae", "--data", "folder", "--root", "footage"],
        ["evaluate", "bundle", "--data", "folder", "--root", "footage"],
        ["export", "bundle"],
    ],
)
def test_what_trains_says_which_package_is_missing(words):
    done = normalcy(*words)
    assert done.returncode == 7, done.stderr
    (line,) = done.stderr.splitlines()
    assert line == "Error: this command needs torch, which is not installed. pip install 'normalcy[train]'"


def test_the_modules_of_the_runtime_import_without_them():
    modules = [
        *RUNNERS.values(),
        "normalcy.methods.flow_terms",
        "normalcy.methods.runtime",
        "normalcy.methods.scene_memory.runner",
        "normalcy.scoring.backends.choice",
        "normalcy.scoring.backends.onnxruntime_graph",
        "normalcy.scoring.backends.openvino_graph",
        "normalcy.scoring.pipeline",
        "normalcy.workflows.bench.bench",
        "normalcy.workflows.bench.worker",
        "normalcy.workflows.score",
    ]
    code = WITHOUT_THEM + "\n".join(f"import {module}" for module in modules)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_extra_that_is_named_exists():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    assert {extra for _, extra in ON_DEMAND.values() if extra} <= set(extras)
    for package, extra in ON_DEMAND.values():
        if extra:
            assert any(each.startswith(package) for each in extras[extra]), package
