import json

import pytest
import yaml

from normalcy.errors import BundleError, ConfigError, RunFolderExists
from normalcy.workflows.pipeline import PipelineSettings, Skipped, read_pipeline, run_pipeline
from tiny_scene import RUNS, TINY_STAE, scene, write_root, write_scene


@pytest.fixture
def root(tmp_path):
    return write_root(tmp_path / "root")


@pytest.fixture
def file(tmp_path, root):
    path = tmp_path / "pipeline.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "method": "stae",
                "data": {"name": "folder", "root": str(root), "cache": str(tmp_path / "cache")},
                "pipeline": {"out": str(tmp_path / "run"), "report": False, "demo": {"seconds": 2.0}},
            }
        )
    )
    return path


def go(file, *, overrides=(), **options):
    config, settings = read_pipeline(file, [*TINY_STAE, *overrides])
    return run_pipeline(config, settings, **options)


def statuses(results):
    return [f"{each.stage} {each.status}" for each in results]


ALL_DONE = ["train done", "evaluate done", "optimise not available", "demo done"]
NOTHING_DONE = ["train unchanged", "evaluate unchanged", "optimise not available", "demo unchanged"]


def test_all_stages_run_and_then_none(file, tmp_path):
    told = []
    results = go(file, on_stage=told.append)
    assert statuses(results) == ALL_DONE
    assert told == results
    for name in ("bundle", "metrics.json", "scores.parquet", "demo/events.json"):
        assert (tmp_path / "run" / name).exists()
    assert statuses(go(file)) == NOTHING_DONE


def test_changed_settings_train_anew_and_everything_follows(file):
    go(file)
    with pytest.raises(RunFolderExists):
        go(file, overrides=["training.epochs=2"])
    again = go(file, overrides=["training.epochs=2"], overwrite=True)
    assert statuses(again) == ALL_DONE


def test_a_bundle_that_somebody_else_fitted_is_not_taken_for_its_own(file):
    from normalcy.run_folder import RunFolder
    from normalcy.training.fit import fit

    go(file)
    config, settings = read_pipeline(file, [*TINY_STAE, "seed=5"])
    fit(config, run=RunFolder(settings.out), overwrite=True)
    assert statuses(go(file, overwrite=True)) == ALL_DONE


def test_a_new_test_video_is_judged_without_training(file, root):
    go(file)
    write_scene(root / "test" / "again.mp4", scene(30, seed=9, runs=RUNS)[0])
    assert statuses(go(file))[:2] == ["train unchanged", "evaluate done"]


def test_what_is_gone_is_made_again(file, tmp_path):
    go(file)
    (tmp_path / "run" / "metrics.json").unlink()
    assert statuses(go(file)) == [
        "train unchanged",
        "evaluate done",
        "optimise not available",
        "demo unchanged",
    ]


def test_a_damaged_book_costs_work_and_nothing_else(file, tmp_path):
    go(file)
    (tmp_path / "run" / "pipeline.json").write_text("[")
    assert statuses(go(file, overwrite=True)) == ALL_DONE


def test_stages_may_be_left_out(file):
    go(file)
    left_out = go(file, skipped=Skipped(training=True, optimisation=True, demo=True))
    assert statuses(left_out) == ["train skipped", "evaluate unchanged", "optimise skipped", "demo skipped"]


def test_training_cannot_be_left_out_without_a_bundle(file):
    with pytest.raises(BundleError, match="holds no bundle, and training is left out"):
        go(file, skipped=Skipped(training=True))


def test_without_test_videos_there_is_nothing_to_judge(file, root):
    import shutil

    shutil.rmtree(root / "test")
    (root / "labels.csv").unlink()
    results = go(file)
    assert statuses(results)[:2] == ["train done", "evaluate skipped"]
    assert "no test videos" in results[1].why
    assert results[3].status == "done"


def test_an_optimiser_hooks_in(file, tmp_path):
    calls = []

    def optimiser(bundle, platform, progress):
        calls.append(platform)
        path = bundle.parent / "fast.bin"
        path.write_bytes(b"fast")
        return {"model": path}

    assert statuses(go(file, optimiser=optimiser))[2] == "optimise done"
    assert statuses(go(file, optimiser=optimiser))[2] == "optimise unchanged"
    config, settings = read_pipeline(file, TINY_STAE)
    edge = settings.model_copy(update={"platform": "edge"})
    assert statuses(run_pipeline(config, edge, optimiser=optimiser))[2] == "optimise done"
    assert calls == ["cpu", "edge"]


def test_training_that_was_cut_off_is_resumed(file):
    def interrupt(what, done, total):
        if what.startswith("training, epoch 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(file, progress=interrupt)
    assert statuses(go(file, resume=True)) == ALL_DONE


def test_a_demo_that_cannot_be_read_says_so_and_is_tried_again(file):
    config, settings = read_pipeline(file, TINY_STAE)
    broken = settings.model_copy(update={"demo": settings.demo.model_copy(update={"source": "nowhere.mp4"})})
    result = run_pipeline(config, broken)[3]
    assert result.status == "failed"
    assert "nowhere.mp4" in result.why
    assert run_pipeline(config, settings)[3].status == "done"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("data: {name: folder, root: x}", "names no method"),
        ("method: stae", "names no data"),
        ("method: stae\ndata: {name: folder}", "names no data"),
        ("method: stae\ndata: {name: folder, root: x}\npipeline: {ouut: x}", "out"),
        ("method: stae\ndata: {name: folder, root: x}\npipeline: {platform: phone}", "platform"),
        ("method: stae\ndata: {name: folder, root: x}\nmodell: {}", "model"),
    ],
)
def test_mistakes_in_the_file_are_named(tmp_path, text, what):
    path = tmp_path / "pipeline.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=what):
        read_pipeline(path)


def test_what_was_written_is_kept_relative_to_the_run(file, tmp_path):
    go(file)
    book = json.loads((tmp_path / "run" / "pipeline.json").read_text())
    assert book["train"]["files"] == {"bundle": "bundle"}
    assert PipelineSettings().platform == "cpu"
