"""Scoring the test videos of a dataset: every frame beside its own label and its own mask."""

import numpy as np
import pytest
from fake_dataset import ABNORMAL, FRAMES, FakeDataset, FakeRegions, Oracle, box_masks, label, write_levels

from normalcy.errors import (
    DamagedVideoWarning,
    DatasetIncomplete,
    InputError,
    LabelError,
    SkippedVideoWarning,
)
from normalcy.evaluation import scored_dataset
from normalcy.evaluation.frame_metrics import VideoScores, micro_auc
from normalcy.evaluation.scored_dataset import score_dataset
from normalcy.scoring.settings import ScoringSettings

SETTINGS = ScoringSettings()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_levels(tmp_path_factory.mktemp("levels") / "whole")


@pytest.fixture(scope="module")
def holed(tmp_path_factory):
    """The same without frames 3 and 12, which cannot be read."""
    return write_levels(tmp_path_factory.mktemp("levels") / "holed", damaged=(3, 12))


def score(dataset, *, model=None, **options):
    return score_dataset(model or Oracle(), dataset, settings=SETTINGS, calibration=None, **options)


def auc(scored) -> float | None:
    return micro_auc([VideoScores(video.name, video.raw_T, video.label_T) for video in scored.labelled])


def test_each_frame_meets_its_own_label(pictures):
    scored = score(FakeDataset(pictures, {"a": pictures}, {"a": label()}))
    (video,) = scored.videos
    assert video.index_T.tolist() == list(range(FRAMES))
    assert video.pts_seconds_T == pytest.approx(np.arange(FRAMES) / 10)
    assert np.array_equal(video.raw_T, label())
    assert np.array_equal(video.label_T, label())
    assert auc(scored) == 1
    assert scored.frames_per_second > 0
    assert scored.left_out == ()


def test_labels_that_are_four_frames_late_cost_what_they_should(pictures):
    """Of 10 abnormal frames 6 score 1, of 20 normal ones 4 do: AUC = (1 + 0.6 - 0.2) / 2."""
    late = score(FakeDataset(pictures, {"a": pictures}, {"a": label(shift=4)}))
    assert auc(late) == pytest.approx(0.7)


def test_missing_frames_do_not_shift_the_labels(holed):
    dataset = FakeDataset(holed, {"a": holed}, {"a": label()})
    with pytest.warns(DamagedVideoWarning, match=r"003.png cannot be read, frames lost: 2"):
        scored = score(dataset)
    (video,) = scored.videos
    there = [index for index in range(FRAMES) if index not in (3, 12)]
    assert video.index_T.tolist() == there
    assert np.array_equal(video.label_T, label()[there])
    assert auc(scored) == 1


@pytest.mark.parametrize("factor", [1, 3])
def test_a_perfect_map_is_perfect_by_pixel(pictures, factor):
    masks = {"a": box_masks(label(), factor=factor)}
    scored = score(FakeDataset(pictures, {"a": pictures}, {"a": label()}, masks))
    assert scored.pixels.auc() == pytest.approx(1, abs=1e-3 if factor == 1 else 0.02)
    assert scored.pixels.criterion_auc() == 1


def test_a_map_that_lights_up_elsewhere_is_no_find(pictures):
    """Where the frame is abnormal the box is dark and the rest of the same size is lit."""
    masks = np.zeros_like(box_masks(label()))
    masks[label(), :8, :12] = True
    scored = score(FakeDataset(pictures, {"a": pictures}, {"a": label()}, {"a": masks}))
    lit_and_normal = 10 * 8 * 12 / (FRAMES * 16 * 24 - 10 * 8 * 12)
    assert scored.pixels.auc() == pytest.approx((1 - lit_and_normal) / 2)


@pytest.mark.parametrize(("box", "found"), [((0.0, 0.0, 1.0, 1.0), 1), ((0.0, 0.0, 0.3, 0.3), 0)])
def test_regions_that_the_dataset_knows_go_before_its_masks(pictures, box, found):
    """The map lights up in the lower right quarter, where the masks are."""
    known = {"a": label()}, {"a": box_masks(label())}
    assert score(FakeDataset(pictures, {"a": pictures}, *known)).pixels.region_aucs() == (1, 1)
    dataset = FakeRegions(pictures, {"a": pictures}, *known, box=box)
    assert score(dataset).pixels.region_aucs() == (found, found)


def test_missing_frames_do_not_shift_the_regions(holed):
    known = {"a": label()}, {"a": box_masks(label())}
    with pytest.warns(DamagedVideoWarning):
        scored = score(FakeRegions(holed, {"a": holed}, *known))
    assert scored.pixels.region_aucs() == (1, 1)


def test_missing_frames_do_not_shift_the_masks(holed):
    dataset = FakeDataset(holed, {"a": holed}, {"a": label()}, {"a": box_masks(label())})
    with pytest.warns(DamagedVideoWarning):
        scored = score(dataset)
    assert scored.pixels.auc() == pytest.approx(1, abs=1e-3)
    late = FakeDataset(holed, {"a": holed}, {"a": label()}, {"a": box_masks(label(shift=4))})
    with pytest.warns(DamagedVideoWarning):
        assert score(late).pixels.auc() < 0.9


def test_too_few_labels_are_named(pictures):
    dataset = FakeDataset(pictures, {"a": pictures}, {"a": label()[:29]})
    with pytest.raises(LabelError, match=f"{pictures}: has a frame 29, but only 29 labels"):
        score(dataset)


def test_too_few_masks_are_named(pictures):
    dataset = FakeDataset(pictures, {"a": pictures}, {"a": label()}, {"a": box_masks(label())[:29]})
    with pytest.raises(LabelError, match="a: there is no mask for frame 29"):
        score(dataset)


def test_the_labels_of_a_cut_video_may_be_more(tmp_path):
    short = write_levels(tmp_path / "short", frames=15)
    scored = score(FakeDataset(tmp_path, {"a": short}, {"a": label()}, {"a": box_masks(label())}))
    assert scored.videos[0].label_T.tolist() == label()[:15].tolist()


def test_no_labels_no_masks(pictures):
    scored = score(FakeDataset(pictures, {"a": pictures, "b": pictures}, {"b": label()}))
    assert [video.name for video in scored.videos] == ["a", "b"]
    assert [video.name for video in scored.labelled] == ["b"]
    assert scored.videos[0].label_T is None
    assert scored.pixels.auc() is None
    assert scored.pixels.criterion_auc() is None


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.mp4"
    path.write_text("no video")
    return path


def test_what_cannot_be_scored_is_left_out_and_said(pictures, text, tmp_path):
    short = write_levels(tmp_path / "short", frames=1)
    paths = {"text": text, "good": pictures, "short": short}
    with pytest.warns(SkippedVideoWarning) as caught:
        scored = score(FakeDataset(tmp_path, paths, {name: label() for name in paths}))
    assert [video.name for video in scored.videos] == ["good"]
    assert len(scored.left_out) == 2
    assert scored.left_out[1] == "short: has 1 frames, the method needs at least 2"
    assert [str(warning.message) for warning in caught] == [f"left out: {said}" for said in scored.left_out]


def test_nothing_left_to_score_is_an_error(text):
    dataset = FakeDataset(text.parent, {"text": text})
    with (
        pytest.warns(SkippedVideoWarning),
        pytest.raises(InputError, match=f"{text.parent}: none of 1 test videos could be scored"),
    ):
        score(dataset)


def test_no_test_videos_at_all(tmp_path):
    with pytest.raises(DatasetIncomplete, match="no test videos"):
        score(FakeDataset(tmp_path))


def test_only_the_videos_that_are_asked_for(pictures):
    dataset = FakeDataset(pictures, {"a": pictures, "b": pictures})
    scored = score(dataset, videos=[video for video in dataset.videos("test") if video.name == "b"])
    assert [video.name for video in scored.videos] == ["b"]


def test_a_method_in_colour_reads_colour(pictures):
    assert auc(
        score(FakeDataset(pictures, {"a": pictures}, {"a": label()}), model=Oracle(channels=3))
    ) == pytest.approx(1)


def test_progress_names_every_video(pictures):
    told = []
    score(
        FakeDataset(pictures, {"a": pictures, "b": pictures}),
        what="checking",
        progress=lambda *step: told.append(step),
    )
    assert told == [("checking, a", 0, 2), ("checking, b", 1, 2), ("checking", 2, 2)]


def test_the_stopwatch_counts_what_is_waited_for_and_nothing_else(monkeypatch):
    now = 0.0

    def work(seconds):
        nonlocal now
        now += seconds

    def items():
        for item in "abc":
            work(2)
            yield item
        work(1)

    monkeypatch.setattr(scored_dataset.time, "perf_counter", lambda: now)
    watch = scored_dataset._Stopwatch()
    assert [work(50) or item for item in watch.timed(items())] == ["a", "b", "c"]
    assert watch.seconds == 7


def test_the_oracle_of_these_tests_has_something_to_find():
    assert label().sum() == len(ABNORMAL) == 10
    assert box_masks(label()).any(axis=(1, 2)).tolist() == label().tolist()
