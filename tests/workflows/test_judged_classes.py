import json

import numpy as np
import pytest

from normalcy.datasets import open_dataset
from normalcy.datasets.class_folder import ClassFolder
from normalcy.errors import BundleError, ConfigError, OutputError
from normalcy.evaluation.class_run import at_its_fold, judge_classes
from normalcy.export.labelled import auc_judge
from normalcy.report.classes import class_section, shown_verdicts
from normalcy.run_folder import RunFolder
from normalcy.scoring.bundle import Bundle
from normalcy.training.config import DataConfig
from normalcy.training.fit import fit
from normalcy.workflows.judge import ClassOptions, judge_run
from tiny_classes import tiny_class_config, write_tiny_classes


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Videos, caches and a run."""
    folder = tmp_path_factory.mktemp("judged-classes")
    patch = pytest.MonkeyPatch()
    patch.setattr("normalcy.datasets.class_folder.HASHES", folder / "hashes")
    root = write_tiny_classes(folder / "videos")
    fit(tiny_class_config(root, folder, overrides=["training.epochs=10"]), run=RunFolder(folder / "run"))
    yield folder
    patch.undo()


@pytest.fixture(scope="module")
def bundle(place):
    return Bundle.load(place / "run")


@pytest.fixture(scope="module")
def dataset(place, bundle):
    return at_its_fold(bundle, open_dataset("class-folder", place / "videos"))


@pytest.fixture(scope="module")
def judged(place):
    return judge_run(
        place / "run",
        "class-folder",
        place / "videos",
        command="normalcy evaluate",
        class_options=ClassOptions(features=place / "features"),
    )


def test_the_bundle_is_judged_on_the_fold_it_has_not_seen(judged, dataset):
    assert dataset.fold == 1
    names = {each.video.name for each in dataset.class_videos("test")}
    assert {video.name for video in judged.evaluation.videos} == names
    assert {each.video.name for each in judged.classes.verdicts} == names


def test_probabilities_sum_to_one_and_the_score_is_what_is_not_normal(judged):
    for each in judged.classes.verdicts:
        assert each.p_K.sum() == pytest.approx(1, abs=1e-6)
    for video in judged.evaluation.videos:
        assert np.allclose(video.raw_T, 1 - video.parts["normal"], atol=1e-6)
        assert np.allclose(video.parts["normal"] + video.parts["passing"], 1, atol=1e-6)


def test_it_tells_the_classes_apart(judged):
    assert judged.classes.result.metrics["auc"] > 0.9
    assert judged.evaluation.metrics["micro_auc"] > 0.8


def test_all_of_it_is_written_down(judged, place):
    record = json.loads((place / "run" / "metrics.json").read_text())["classes"]
    assert record["names"] == ["normal", "passing"]
    assert record["fold"] == 1
    assert record["metrics"]["accuracy"] == judged.classes.result.metrics["accuracy"]
    assert set(record["videos"]) == {each.video.name for each in judged.classes.verdicts}


def test_the_report_shows_confusion_reliability_and_attention(judged, place):
    page = (place / "run" / "report.html").read_text()
    for words in ("Confusion matrix", "Reliability diagram", "A right one", "labelled video"):
        assert words in page
    assert page.count('class="filmstrip"') == len(shown_verdicts(judged.classes))


def test_attention_has_a_value_a_frame_and_an_even_share_of_one(judged):
    for each in judged.classes.verdicts:
        assert len(each.attention_T) == len(each.index_T) == 8
        assert each.attention_T.mean() == pytest.approx(1, abs=1e-5)


def test_views_temperature_and_other_bundles_are_switches(place, bundle, dataset):
    options = {"features": place / "features"}
    plain = judge_classes([bundle], dataset, **options)
    views = judge_classes([bundle], dataset, views=2, **options)
    cold = judge_classes([bundle], dataset, temperature=False, **options)
    twice = judge_classes([bundle, bundle], dataset, **options)
    p = [np.stack([each.p_K for each in found.verdicts]) for found in (plain, views, cold, twice)]
    assert not np.allclose(p[0], p[1])
    assert not np.allclose(p[0], p[2])
    assert np.allclose(p[0], p[3])
    assert [found.how for found in (plain, views, cold, twice)] == [
        (),
        ("mean over 2 views of each video",),
        ("without temperature",),
        ("mean of 2 bundles",),
    ]


def test_a_bundle_of_another_fold_has_learned_from_these_videos(bundle, place):
    other = ClassFolder(place / "videos").at_fold(2)
    with pytest.raises(BundleError, match="has learned from 4 of 4 test videos"):
        judge_classes([bundle], other, features=place / "features")


def test_integers_are_judged_on_the_fold_that_is_unseen_too(bundle, place, dataset, monkeypatch):
    seen = []

    def raw(model, span, settings):
        seen.append(span.name)
        return np.full(len(span), span.name.startswith("passing"), float)

    monkeypatch.setattr("normalcy.export.labelled._raw", raw)
    data = DataConfig(name="class-folder", root=place / "videos", cache=place / "frames")
    judge = auc_judge(data, bundle, spec=bundle.method().clip)
    assert judge(bundle.scoring_model()) == 1.0
    assert set(seen) == {each.video.name for each in dataset.class_videos("test")}


def test_a_dataset_of_other_classes_is_refused(bundle, place, tmp_path):
    root = write_tiny_classes(tmp_path / "videos")
    (root / "passing").rename(root / "driving")
    with pytest.raises(
        BundleError, match="knows the classes normal, passing, the dataset has driving, normal"
    ):
        judge_classes([bundle], ClassFolder(root), features=place / "features")


def test_a_dataset_without_classes_is_refused(bundle, tiny_root):
    with pytest.raises(ConfigError, match="folder has no classes"):
        judge_classes([bundle], open_dataset("folder", tiny_root))


def test_other_bundles_are_of_classes_alone(tiny_run, tiny_root):
    with pytest.raises(ConfigError, match="stae knows no classes"):
        judge_run(
            tiny_run.path, "folder", tiny_root, command="", class_options=ClassOptions(others=[tiny_run.path])
        )


def test_one_fold_is_not_published(place, tmp_path):
    with pytest.raises(OutputError, match="one fold is a part of a benchmark"):
        judge_run(
            place / "run",
            "class-folder",
            place / "videos",
            command="",
            folder=tmp_path / "run",
            report=False,
            publish=tmp_path / "results",
            class_options=ClassOptions(features=place / "features"),
        )


def test_the_section_shows_a_right_and_a_wrong_one(judged):
    section = class_section(judged.classes)
    assert section.names == ("normal", "passing")
    assert [row.name for row in section.rows] == ["normal", "passing"]
    assert sum(cell.count for row in section.rows for cell in row.cells) == len(judged.classes.verdicts)
    assert all(case.frames and case.svg for case in section.cases)
