"""`normalcy export`, and what scores afterwards."""

import json
import shutil

import pytest

from normalcy.cli.export import _alarms_line
from normalcy.scoring.backends.record import Difference, ExportRecord
from normalcy.scoring.bundle import Bundle

pytestmark = pytest.mark.timeout(300)  # of a busy machine: exporters that are traced take their time


@pytest.fixture
def run(stae_run, tmp_path):
    """A copy of a run that may be written to."""
    return shutil.copytree(stae_run, tmp_path / "run")


def test_a_run_remembers_the_video_that_its_export_is_compared_on(normalcy, run, scene, tmp_path):
    outcome = normalcy("export", run, "--to", "openvino")
    assert outcome.code == 0, outcome.err
    assert "Against torch on" in outcome.out
    assert "rank correlation 1.0000" in outcome.out
    assert f"{run / 'bundle' / 'exports' / 'openvino-fp32' / 'clip.xml'}\n" in outcome.out
    assert f"normalcy score {run} VIDEO --backend openvino-fp32" in outcome.out

    video = scene / "test" / "x.mp4"
    words = ["score", run, video, "--no-video", "--json"]
    by = {
        name: json.loads(normalcy(*words, "--out", tmp_path / name, "--backend", name).out)
        for name in ("torch", "openvino")
    }
    assert by["openvino"]["backend"] == "openvino-fp32"
    assert by["openvino"]["videos"] == by["torch"]["videos"]


def test_integers_are_tuned_on_the_video_that_was_held_out(normalcy, run):
    outcome = normalcy("export", run, "--target", "edge", "--json")
    assert outcome.code == 0, outcome.err
    record = json.loads(outcome.out)
    assert (record["backend"], record["precision"], record["target"]) == ("openvino", "int8", "edge")
    assert record["difference"]["rank_correlation"] > 0.9
    assert "taking samples" in outcome.err
    assert record["graphs"][0]["rounding"]["layers"] > 0


@pytest.mark.no_cover
def test_labelled_video_says_what_integers_may_cost(normalcy, run, scene):
    words = ["--precision", "int8", "--labelled", "folder", "--labelled-root", scene, "--json"]
    outcome = normalcy("export", run, *words)
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)["difference"]
    assert found["auc"] == pytest.approx(found["auc_torch"], abs=0.05)


def test_without_its_video_an_export_is_not_compared(normalcy, run):
    (run / "config.yaml").unlink()
    outcome = normalcy("export", run, "--to", "onnx")
    assert outcome.code == 0
    assert "Not compared with torch: there was no video; name some with --data and --root." in outcome.out
    assert normalcy("export", run, "--precision", "int8").code == 2


def test_video_that_has_moved_is_named(normalcy, run):
    config = run / "config.yaml"
    text = config.read_text()
    root = next(line for line in text.splitlines() if line.strip().startswith("root:"))
    config.write_text(text.replace(root, "  root: gone"))
    outcome = normalcy("export", run)
    assert outcome.warnings == ["gone, which it was fitted on, is not here; name its folder with --root"]


@pytest.mark.no_cover
def test_the_way_out_that_an_error_names_is_one(normalcy, run, scene, tmp_path):
    root, other = tmp_path / "video", tmp_path / "other"
    shutil.copytree(scene, root)
    config = run / "config.yaml"
    config.write_text(config.read_text().replace(str(scene), str(root)))
    first = min((root / "train").iterdir())
    for number in range(3):
        (other / "train").mkdir(parents=True, exist_ok=True)
        shutil.copy(first, other / "train" / f"other{number}{first.suffix}")
    held_out = Bundle.load(run).header.fit.held_out_videos[0]
    next(path for path in (root / "train").iterdir() if path.stem == held_out).unlink()
    outcome = normalcy("export", run, "--target", "edge")
    assert "what was held out cannot be told. Name a folder of other normal video" in outcome.error
    outcome = normalcy("export", run, "--target", "edge", "--data", "folder", "--root", other, "--json")
    assert outcome.code == 0, outcome.err
    record = json.loads(outcome.out)
    assert (record["precision"], record["recalibrated"]) == ("int8", False)
    assert record["difference"]["own_video"] is False


def test_a_line_says_what_became_of_thresholds():
    found = Difference(clips=9, largest=0, mean=0, relative=0, rank_correlation=1, own_video=False)
    record = ExportRecord(
        backend="openvino", precision="int8", method="stae", clip={}, graphs=(), runner="clips", made_of=""
    )
    left_out = "; `--backend auto` does not take it."
    assert _alarms_line(record, found) == f"There is too little normal video to compare alarms{left_out}"
    differs = found.model_copy(update={"same_alarms": False})
    assert _alarms_line(record, differs) == (
        "Its thresholds give other numbers of alarms on this video, which was not held out of the fit and sets no "
        f"thresholds{left_out}"
    )
    own = differs.model_copy(update={"own_video": True})
    assert "no unseen video to calibrate it on; " in _alarms_line(record, own)
    calibrated = record.model_copy(update={"recalibrated": True})
    assert _alarms_line(calibrated, own).endswith("so it has a calibration of its own.")
    assert _alarms_line(record, found.model_copy(update={"same_alarms": True})).endswith("as many alarms.")


def test_mistakes_are_named(normalcy, run, tmp_path):
    assert (
        "runs on ONNX Runtime, not on openvino"
        in normalcy("export", run, "--target", "gpu", "--to", "openvino").error
    )
    assert "the folder of ucsd-ped2 is missing" in normalcy("export", run, "--data", "ucsd-ped2").error
    assert "was not exported as openvino" in normalcy("score", run, "x.mp4", "--backend", "openvino").error
    assert "unknown backend 'tvm'" in normalcy("score", run, "x.mp4", "--backend", "tvm").error


def test_figures_of_an_export_are_not_published(normalcy, run, scene, tmp_path):
    assert normalcy("export", run).code == 0
    words = ["evaluate", run, "--data", "folder", "--root", scene, "--backend", "openvino"]
    outcome = normalcy(*words, "--publish", tmp_path / "results")
    assert "figures are published of torch, not of openvino-fp32" in outcome.error
    outcome = normalcy(*words, "--out", tmp_path / "judged", "--json")
    assert json.loads(outcome.out)["backend"] == "openvino-fp32"


def test_bench_writes_figures_and_a_picture(normalcy, run, scene, tmp_path):
    out = tmp_path / "bench"
    words = ["--rounds", "1", "--clips", "1", "--frames", "20", "--batch", "1", "--out", out]
    outcome = normalcy("bench", run, scene / "test" / "x.mp4", *words)
    assert outcome.code == 0, outcome.err
    assert "torch-eager" in outcome.out
    assert "decode: " in outcome.out
    record = json.loads((out / "bench.json").read_text())
    assert list(record["backends"]) == ["torch-eager", "torch"]
    assert (out / "bench.svg").read_text().startswith("<svg")


def test_bench_draws_a_scene_where_there_is_no_video(normalcy, run, tmp_path):
    words = ["--rounds", "1", "--clips", "1", "--frames", "12", "--batch", "1"]
    outcome = normalcy("bench", run, *words, "--backend", "torch", "--out", tmp_path, "--json")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["frames"] == 12
    assert "drawing a scene" in outcome.err
