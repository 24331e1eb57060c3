"""That the scripts of studies measure what they say; on a scene of a second or two."""

import json
from pathlib import Path

import pytest

from normalcy.datasets import open_dataset
from normalcy.evaluation.results import read_result
from normalcy.evaluation.run import evaluate
from normalcy.run_folder import RunFolder, write_json
from normalcy.training.fit import fit
from tiny_scene import tiny_config

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"
TINY = [
    "model.size_px=[48, 64]",
    "model.widths=[8, 8]",
    "model.discriminator_widths=[8, 8]",
    "model.discriminator_strides=[2, 2]",
    "training.clips_per_epoch=8",
    "training.precision=float32",
]


def test_the_loss_ablation_leaves_out_what_its_rows_say(script, tiny_root, tiny_cache, tmp_path, capsys):
    settings = [*TINY, "training.epochs=1", f"data.cache={tiny_cache}"]
    words = ["--data", "folder", "--root", tiny_root, "--flow-weights", "none.pth", "--out", tmp_path / "out"]
    words += [
        "--runs",
        tmp_path / "runs",
        "--seeds",
        0,
        1,
        *(w for each in settings for w in ("--set", each)),
    ]
    words += ["--row", "intensity", "--row", "intensity, gradient, adversarial"]
    script("loss_ablation", *words)
    files = sorted(path.stem for path in (tmp_path / "out").glob("*.json"))
    assert files == ["intensity", "intensity-gradient-adversarial", "settings"]
    result = read_result(tmp_path / "out" / "intensity.json")
    assert result.seeds == [0, 1]
    assert (
        "--set model.loss.gradient=0 --set model.loss.adversarial=0 --set model.loss.flow=0" in result.command
    )
    assert (
        f"| intensity | {result.metrics['micro_auc'].mean:.3f} ± " in (tmp_path / "out/README.md").read_text()
    )
    # What is there already is not made again.
    capsys.readouterr()
    script("loss_ablation", *words)
    assert "seed" not in capsys.readouterr().out.partition("|")[0]
    with pytest.raises(SystemExit):
        script("loss_ablation", *words, "--set", "training.epochs=2")
    assert "choose another --out" in capsys.readouterr().err


def test_the_curve_has_a_point_for_each_snapshot_and_grows(script, tiny_root, tiny_cache, tmp_path, capsys):
    run, out = RunFolder(tmp_path / "run"), tmp_path / "curve.json"
    settings = ["training.epochs=2", "training.snapshot_epochs=1", "training.keep=last"]
    bundle = fit(tiny_config(tiny_root, tiny_cache, overrides=settings), run=run)
    words = [run.path, "--data", "folder", "--root", tiny_root, "--out", out]
    script("auc_by_epoch", *words)
    record = json.loads(out.read_text())
    curve = record["curve"]
    assert [(point["epochs"], point["steps"]) for point in curve] == [(0, 0), (1, 3), (2, 6)]
    assert [point["validation_loss"] is None for point in curve] == [True, False, False]
    # The last snapshot is the bundle, and is judged as `evaluate` judges that.
    judged = evaluate(bundle, open_dataset("folder", tiny_root)).metrics
    assert curve[2]["metrics"] == {name: judged[name] for name in curve[2]["metrics"]}
    assert curve[0]["metrics"] != curve[2]["metrics"]
    assert record["command"].startswith("python benchmarks/auc_by_epoch.py ")
    capsys.readouterr()
    write_json(out, record | {"curve": [{**curve[0], "steps": -1}]})
    script("auc_by_epoch", *words)
    told = capsys.readouterr().out
    assert [line for line in told.splitlines() if line.startswith("after")] == [
        "after 1 epochs",
        "after 2 epochs",
    ]
    assert [point["steps"] for point in json.loads(out.read_text())["curve"]] == [-1, 3, 6]
    # Points of another seed are not taken for this one's.
    write_json(out, record | {"seed": 1})
    with pytest.raises(SystemExit):
        script("auc_by_epoch", *words)
    assert "holds a curve of another seed" in capsys.readouterr().err
