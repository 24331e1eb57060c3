"""Window, model and track in a row."""

import math

import numpy as np
import pytest

from fake_models import BrightnessModel, frames_of, spec_of
from normalcy.errors import InputError, VideoTooShort
from normalcy.scoring.calibration import fit_calibration
from normalcy.scoring.pipeline import SourceScorer
from normalcy.scoring.settings import ScoringSettings

NEWEST = spec_of(3, scored=(2,))
PLAIN = ScoringSettings(smoothing_alpha=1)
# Two observed minutes; the highest level was 100, so that the alarm is on just above it.
CALIBRATION = fit_calibration([np.array([10.0, 100.0, 10.0] * 400)], frames_per_second=10)
ALARMING = ScoringSettings(smoothing_alpha=1, min_event_seconds=0, merge_gap_seconds=0.2)


def scorer_of(model, *, settings=PLAIN, calibration=None, **options):
    return SourceScorer(model, settings=settings, calibration=calibration, source_id="cam", **options)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_source_shorter_than_a_clip_is_named(count):
    with pytest.raises(VideoTooShort, match=rf"^cam: has {count} frames, the method needs at least 3$"):
        list(scorer_of(BrightnessModel(NEWEST)).run(frames_of([0] * count)))


def test_a_stride_counts_for_the_length():
    model = BrightnessModel(spec_of(3, stride=2))
    with pytest.raises(VideoTooShort, match="needs at least 5"):
        list(scorer_of(model).run(frames_of([0] * 4)))
    assert [score.raw for score in scorer_of(model).run(frames_of([1, 2, 3, 4, 5]))] == [1, 1, 3, 3, 5]


def test_one_full_clip_is_enough():
    scores = list(scorer_of(BrightnessModel(NEWEST)).run(frames_of([5, 6, 7])))
    assert [(score.index, score.raw, score.own) for score in scores] == [
        (0, 7, False),
        (1, 7, False),
        (2, 7, True),
    ]


@pytest.mark.parametrize(
    ("batch_clips", "batches"), [(1, [1] * 8), (3, [3, 3, 2]), (8, [8]), (4, [4, 4]), (20, [8])]
)
def test_batches_are_filled_and_change_nothing(batch_clips, batches):
    model = BrightnessModel(NEWEST)
    levels = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]
    scores = list(scorer_of(model, batch_clips=batch_clips).run(frames_of(levels)))
    assert model.batches == batches
    assert [score.raw for score in scores] == [4, 4, 4, 1, 5, 9, 2, 6, 5, 3]
    assert [score.index for score in scores] == list(range(10))


def test_a_camera_gets_its_verdict_before_the_next_frame_is_asked_for():
    taken = []

    def camera():
        for frame in frames_of([0] * 6):
            taken.append(frame.index)
            yield frame

    scores = scorer_of(BrightnessModel(NEWEST), batch_clips=1).run(camera())
    seen = [(score.index, taken[-1]) for score in scores]
    assert seen == [(0, 2), (1, 2), (2, 2), (3, 3), (4, 4), (5, 5)]


@pytest.mark.parametrize("batch_clips", [1, 3, 8])
def test_events_are_complete_at_the_end(batch_clips):
    levels = [0, 0, 0, 200, 210, 0, 0, 0, 0, 0, 220, 230]
    scorer = scorer_of(
        BrightnessModel(NEWEST), settings=ALARMING, calibration=CALIBRATION, batch_clips=batch_clips
    )
    alarmed = [score.index for score in scorer.run(frames_of(levels)) if score.alarmed]
    assert alarmed == [3, 4, 10, 11]
    spans = [(event.start_index, event.end_index, event.peak_index) for event in scorer.events]
    assert spans == [(3, 4, 4), (10, 11, 11)]
    first = scorer.events[0]
    assert (first.source_id, first.start_seconds, first.end_seconds) == ("cam", 0.3, 0.4)
    assert (first.peak_score, first.parts) == (210, {"level": 210})


def test_an_event_is_there_no_later_than_the_frame_that_ends_it():
    scorer = scorer_of(BrightnessModel(NEWEST), settings=ALARMING, calibration=CALIBRATION, batch_clips=1)
    known = [len(scorer.events) for _ in scorer.run(frames_of([0, 0, 0, 200, 0, 0, 0]))]
    assert known == [0, 0, 0, 0, 0, 1, 1]


def test_frames_after_the_last_hop_are_not_forgotten():
    model = BrightnessModel(NEWEST)
    scores = list(
        scorer_of(model, settings=PLAIN.model_copy(update={"hop_frames": 4})).run(frames_of(range(9)))
    )
    assert [score.raw for score in scores] == [2, 2, 2, 2, 2, 2, 6, 6, 8]
    assert [score.own for score in scores] == [False, False, True, False, False, False, True, False, True]


def test_a_score_that_is_no_number_stops_the_source():
    model = BrightnessModel(NEWEST, of=lambda level: math.nan if level == 5 else level)
    with pytest.raises(InputError, match="a frame score is nan"):
        list(scorer_of(model).run(frames_of([0, 0, 0, 5])))
