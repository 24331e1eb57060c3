"""Judging a bundle from end to end, against figures worked by hand or by scikit-learn."""

import shutil

import numpy as np
import pytest
from fake_dataset import FRAMES, FakeDataset, Oracle, box_masks, label, write_levels
from sklearn.metrics import roc_auc_score

from normalcy.datasets import open_dataset
from normalcy.errors import LabelError, SkippedVideoWarning
from normalcy.evaluation.flow_floor import flow_floor
from normalcy.evaluation.frame_metrics import VideoScores
from normalcy.evaluation.protocols import METRIC_NOTES
from normalcy.evaluation.regularity import regularity_auc
from normalcy.evaluation.run import evaluate
from normalcy.methods.stae import COMPARED
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.settings import ScoringSettings
from processors import ranks_otherwise
from tiny_scene import RUNS, write_root


@pytest.fixture(scope="module")
def flow_bundle(tiny_flow_run):
    return Bundle.load(tiny_flow_run.path)


@pytest.fixture(scope="module")
def stae_bundle(tiny_run):
    return Bundle.load(tiny_run.path)


@pytest.fixture(scope="module")
def by_flow(flow_bundle, tiny_root):
    return evaluate(flow_bundle, open_dataset("folder", tiny_root))


@pytest.fixture(scope="module")
def straight_by_flow(flow_bundle, tmp_path_factory):
    """Where the square turns while it runs it moves as if it walked; here it runs straight on."""
    root = write_root(tmp_path_factory.mktemp("straight"), begin_px=-10)
    return evaluate(flow_bundle, open_dataset("folder", root))


@pytest.fixture(scope="module")
def by_stae(stae_bundle, tiny_root):
    return evaluate(stae_bundle, open_dataset("folder", tiny_root))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_levels(tmp_path_factory.mktemp("levels") / "a")


def pooled(evaluation, column="raw_T"):
    return (
        np.concatenate([video.label_T for video in evaluation.videos]),
        np.concatenate([getattr(video, column) for video in evaluation.videos]),
    )


@pytest.mark.parametrize("name", ["by_flow", "straight_by_flow"])
def test_flow_finds_the_runner(name, request):
    found = request.getfixturevalue(name)
    assert [video.name for video in found.videos] == ["calm", "runner"]
    assert [len(video.index_T) for video in found.videos] == [30, 30]
    assert found.videos[1].label_T.tolist() == [index in RUNS for index in range(30)]
    assert found.metrics["micro_auc"] > 0.99
    assert found.metrics["pixel_auc"] > 0.9
    assert found.pixel_criterion_auc > 0.9
    assert (found.events.true_events, found.events.detected) == (1, 1)
    assert found.frames_per_second > 0


@pytest.mark.parametrize("name", [pytest.param("by_flow", marks=ranks_otherwise), "straight_by_flow"])
def test_flow_ranks_the_run_above_all_else(name, request):
    found = request.getfixturevalue(name)
    assert found.metrics["micro_auc"] == 1
    assert found.parts == {"motion": 1}


def test_metrics_are_those_of_the_frames_in_the_order_of_the_tables(by_stae):
    assert list(by_stae.metrics) == list(METRIC_NOTES)
    assert by_stae.metrics["micro_auc"] == pytest.approx(roc_auc_score(*pooled(by_stae)))
    assert by_stae.metrics["micro_auc_smoothed"] == pytest.approx(
        roc_auc_score(*pooled(by_stae, "smoothed_T"))
    )
    runner = by_stae.videos[1]
    assert by_stae.metrics["macro_auc"] == pytest.approx(roc_auc_score(runner.label_T, runner.raw_T))


def test_regions_and_tracks_are_found_where_there_are_masks(by_flow, by_stae):
    for name in ("rbdc", "tbdc"):
        assert 0 < by_stae.metrics[name] <= 1
        # What moves oddly is where plain flow lights up.
        assert by_flow.metrics[name] > by_stae.metrics[name]


def test_the_papers_protocol_reads_the_errors_of_the_frames(by_stae):
    videos = [VideoScores(v.name, v.parts["frame_error"], v.label_T) for v in by_stae.videos]
    assert by_stae.metrics["paper_protocol_auc"] == pytest.approx(regularity_auc(videos))
    clips = [VideoScores(v.name, v.parts["reconstruction"], v.label_T) for v in by_stae.videos]
    assert by_stae.metrics["paper_protocol_clip_auc"] == pytest.approx(regularity_auc(clips))


def test_a_method_without_a_paper_has_no_papers_protocol(by_flow):
    assert by_flow.metrics["paper_protocol_auc"] is None


def test_the_floors_stand_beside_every_method(by_stae, by_flow):
    assert list(by_stae.floors) == ["noise", "flow-magnitude"]
    assert list(by_flow.floors) == ["noise"]
    assert by_stae.floors["noise"]["micro_auc"] == pytest.approx(0.5, abs=0.1)
    assert by_stae.floors["noise"]["paper_protocol_auc"] is not None
    assert by_stae.floors["noise"]["pixel_auc"] is None


def test_the_flow_floor_is_the_method_of_that_name(by_stae, by_flow):
    papers = {"paper_protocol_auc", "paper_protocol_clip_auc"}
    floor = by_stae.floors["flow-magnitude"]
    assert list(floor) == list(by_flow.metrics)
    assert all(floor[name] == value for name, value in by_flow.metrics.items() if name not in papers)


def test_flow_between_frames_further_apart_is_longer(tiny_root):
    dataset = open_dataset("folder", tiny_root)
    near, far = (
        flow_floor(dataset, videos=dataset.videos("test"), settings=ScoringSettings(), gap_frames=gap)
        for gap in (1, 2)
    )
    for one, two in zip(near.videos, far.videos, strict=True):
        assert len(one.raw_T) == len(two.raw_T)
        moving = one.raw_T > 0.5
        assert moving.any()
        assert np.median(two.raw_T[moving] / one.raw_T[moving]) > 1.3


def test_each_part_is_judged_alone(by_stae, by_flow):
    assert by_flow.parts == {"motion": by_flow.metrics["micro_auc"]}
    assert list(by_stae.parts) == ["reconstruction", "frame_error", *(choice["name"] for choice in COMPARED)]
    labels, _ = pooled(by_stae)
    for name, value in by_stae.parts.items():
        scores = np.concatenate([video.parts[name] for video in by_stae.videos])
        assert value == pytest.approx(roc_auc_score(labels, scores))


def test_labels_that_are_late_lower_a_perfect_detector_to_what_they_should(flow_bundle, pictures):
    """Of 10 abnormal frames 6 score 1, of 20 normal ones 4 do: AUC = (1 + 0.6 - 0.2) / 2."""
    found = {
        shift: evaluate(
            flow_bundle, FakeDataset(pictures, {"a": pictures}, {"a": label(shift=shift)}), model=Oracle()
        ).metrics["micro_auc"]
        for shift in (0, 4)
    }
    assert found == {0: 1, 4: pytest.approx(0.7)}


def test_another_backend_is_judged_in_place_of_the_bundles_own(flow_bundle, pictures):
    dataset = FakeDataset(pictures, {"a": pictures}, {"a": label()}, {"a": box_masks(label())})
    evaluation = evaluate(flow_bundle, dataset, model=Oracle())
    assert evaluation.parts == {"knows": 1}
    assert evaluation.metrics["pixel_auc"] == pytest.approx(1, abs=1e-3)
    assert evaluation.pixel_criterion_auc == 1


def test_without_labels_there_are_only_the_videos(stae_bundle, pictures):
    evaluation = evaluate(stae_bundle, FakeDataset(pictures, {"a": pictures}))
    assert len(evaluation.videos[0].index_T) == FRAMES
    assert (evaluation.metrics, evaluation.floors, evaluation.parts) == ({}, {}, {})
    assert evaluation.events is None
    assert evaluation.pixel_criterion_auc is None


def test_only_labelled_videos_are_judged(flow_bundle, pictures):
    dataset = FakeDataset(pictures, {"a": pictures, "b": pictures}, {"b": label()})
    evaluation = evaluate(flow_bundle, dataset, model=Oracle())
    assert len(evaluation.videos) == 2
    assert evaluation.metrics["micro_auc"] == 1
    assert evaluation.events.true_events == 1


def test_one_class_only_has_no_auc(flow_bundle, pictures):
    dataset = FakeDataset(pictures, {"a": pictures}, {"a": np.zeros(FRAMES, np.bool_)})
    evaluation = evaluate(flow_bundle, dataset, model=Oracle())
    assert evaluation.metrics["micro_auc"] is None
    assert evaluation.floors["noise"]["micro_auc"] is None
    assert evaluation.parts == {"knows": None}
    assert evaluation.events.true_events == 0


def test_labels_of_another_version_are_an_error(flow_bundle, pictures):
    with pytest.raises(LabelError, match="only 12 labels"):
        evaluate(
            flow_bundle,
            FakeDataset(pictures, {"a": pictures}, {"a": label(12, abnormal=[3])}),
            model=Oracle(),
        )


@pytest.fixture
def damaged_root(tiny_root, tmp_path):
    """With an unreadable test video, first of all, and one that flow could score but the autoencoder cannot."""
    root = shutil.copytree(tiny_root, tmp_path / "root")
    (root / "test" / "aaa.mp4").write_text("no video")
    write_levels(root / "test" / "short", frames=3)
    return root


def test_floors_are_of_the_very_videos_that_were_scored(stae_bundle, by_stae, damaged_root):
    told = []
    with pytest.warns(SkippedVideoWarning) as caught:
        evaluation = evaluate(
            stae_bundle,
            open_dataset("folder", damaged_root),
            progress=lambda what, done, total: told.append(what),
        )
    assert len(caught) == 2
    assert len(evaluation.left_out) == 2
    assert evaluation.metrics == pytest.approx(by_stae.metrics)
    assert evaluation.floors == by_stae.floors
    assert told == [
        *(f"judging, {name}" for name in ("aaa", "calm", "runner", "short")),
        "judging",
        *(f"the floor, plain optical flow, {name}" for name in ("calm", "runner")),
        "the floor, plain optical flow",
    ]
