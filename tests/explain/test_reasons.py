"""Why it alarmed: places, terms and sentences."""

import numpy as np
import pytest

from normalcy.explain.nearest import nearest_frame, widened
from normalcy.explain.reasons import Box, PartReading, place_of, read_parts, sentence, where_words
from normalcy.methods import METHODS, method_definition
from normalcy.scoring.usual import UsualPart, usual_parts

USUAL = {"speed": UsualPart(median=1.0, high=3.0, highest=4.0, frames=500)}


def test_the_place_is_the_part_around_the_peak():
    map_HW = np.zeros((20, 40), np.float32)
    map_HW[2:6, 30:38] = 1.0
    map_HW[3, 33] = 1.5
    map_HW[12:18, 4:10] = 1.4  # as high, but elsewhere
    found = place_of(map_HW)
    assert found.box == pytest.approx((30 / 40, 2 / 20, 38 / 40, 6 / 20))
    assert found.mask_HW.sum() == 32


def test_what_is_less_than_half_as_high_does_not_belong():
    map_HW = np.full((10, 10), 5.0, np.float32)
    map_HW[4:6, 4:6] = 9.0
    map_HW[4, 4] = 10.0
    map_HW[6:8, 4:6] = 6.0
    assert place_of(map_HW).mask_HW.sum() == 4


def test_a_map_that_says_nothing_has_no_place():
    assert place_of(np.ones((4, 4), np.float32)) is None
    assert place_of(np.full((4, 4), np.nan, np.float32)) is None


def test_terms_are_read_against_what_is_usual():
    (unknown,) = read_parts({"other": 2.0}, USUAL)
    assert unknown == PartReading("other", 2.0, None, None)
    speed, other = read_parts({"other": 99.0, "speed": 9.0}, USUAL)
    assert (speed.name, speed.excess, speed.times, speed.beyond) == ("speed", 4.0, 3.0, 500)
    assert other.name == "other"
    (inside,) = read_parts({"speed": 3.5}, USUAL)
    assert inside.excess == pytest.approx(1.25)
    assert inside.beyond == 0


def test_what_the_score_is_not_made_of_comes_last():
    usual = {"speed": USUAL["speed"], "beside": UsualPart(median=0, high=1, highest=1, frames=500)}
    first, second = read_parts({"beside": 1000.0, "speed": 3.5}, usual, terms=("speed",))
    assert (first.name, first.counts) == ("speed", True)
    assert (second.name, second.counts) == ("beside", False)


def test_sentence_and_table_go_by_the_same_limit():
    # Rarely anything: the highest hundredth begins at 1, and yet 10 was normal.
    usual = {"dwell": UsualPart(median=0, high=1, highest=10, frames=500)}
    (inside,) = read_parts({"dwell": 4.0}, usual)
    assert (inside.limit, inside.times) == (5.0, 0.8)
    assert "no term of the score is beyond" in sentence(None, inside, words={})
    (beyond,) = read_parts({"dwell": 6.0}, usual)
    assert (beyond.excess, beyond.times) == (1.2, 1.2)
    assert "1.2x the usual limit" in sentence(None, beyond, words={})


def test_a_term_that_is_rarely_anything_does_not_win_by_a_trifle():
    usual = {"speed": USUAL["speed"], "rare": UsualPart(median=0, high=0, highest=0.9, frames=500)}
    first, second = read_parts({"rare": 0.05, "speed": 9.0}, usual)
    assert first.name == "speed"
    assert second.excess == pytest.approx(0.05 / 0.45)


def test_what_no_normal_frame_reached_stands_first():
    usual = {
        "far": UsualPart(median=0, high=1, highest=50, frames=500),
        "new": UsualPart(median=0, high=1, highest=1.5, frames=500),
    }
    assert [each.name for each in read_parts({"far": 40.0, "new": 2.0}, usual)] == ["new", "far"]


def test_a_value_that_is_none_is_not_read():
    (found,) = read_parts({"speed": float("nan")}, USUAL)
    assert found.excess is None


def test_the_outline_runs_around_the_place():
    map_HW = np.zeros((10, 20), np.float32)
    map_HW[2:5, 4:9] = 1
    corners = place_of(map_HW).outline
    assert set(corners) == {(4.5 / 20, 0.25), (4.5 / 20, 0.45), (8.5 / 20, 0.25), (8.5 / 20, 0.45)}


def test_a_term_below_zero_is_no_multiple_of_its_limit():
    (found,) = read_parts({"z": 8.0}, {"z": UsualPart(median=-1.0, high=1.0, highest=2.0, frames=10)})
    assert found.times is None
    assert found.excess == pytest.approx(4.5)
    told = sentence(None, found, words={})
    assert told == "In the picture, something is unlike normal video: more than in any of 10 normal frames."


def test_usual_parts():
    found = usual_parts({"a": np.arange(101.0), "b": [np.nan, 2.0], "c": [np.nan]})
    assert found["a"] == UsualPart(median=50, high=99, highest=100, frames=101)
    assert found["b"].frames == 1
    assert "c" not in found


def test_a_term_that_never_varies_is_measured_by_its_own_size():
    still = UsualPart(median=2.0, high=2.0, highest=2.0, frames=9)
    assert still.excess(2.0) == 0
    assert still.excess(2.002) == pytest.approx(1)
    assert UsualPart(median=0.0, high=0.0, highest=0.0, frames=9).excess(1.0) > 1


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ((0, 0, 0.2, 0.2), "at the upper left"),
        ((0.4, 0, 0.6, 0.2), "at the top"),
        ((0.8, 0.4, 1, 0.6), "on the right"),
        ((0.4, 0.8, 0.6, 1), "at the bottom"),
        ((0, 0, 1, 1), "all over the picture"),
        ((0.1, 0.1, 0.8, 0.8), "in the middle"),
    ],
)
def test_places_in_words(box, words):
    assert where_words(Box(*box)) == words


def test_sentences():
    words = {"speed": "moves faster than is usual here", "": "moves faster than is usual"}
    (fast,) = read_parts({"speed": 9.0}, USUAL)
    box = Box(0.4, 0.8, 0.6, 1)
    assert sentence(box, fast, words=words) == (
        "At the bottom, something moves faster than is usual here: "
        "3.0x the usual limit, more than in any of 500 normal frames."
    )
    (barely,) = read_parts({"speed": 3.1}, USUAL)
    assert sentence(box, barely, words=words).endswith("usual here, a little beyond what is usual.")
    (inside,) = read_parts({"speed": 2.0}, USUAL)
    assert sentence(box, inside, words=words) == (
        "At the bottom, much is a little unusual at once: "
        "no term of the score is beyond its usual limit by itself."
    )
    (wild,) = read_parts({"speed": 4000.0}, USUAL)
    assert "over 100x the usual limit" in sentence(box, wild, words=words)
    assert sentence(None, None, words=words) == "In the picture, something moves faster than is usual."


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_words_that_follow_something(method):
    definition = method_definition(method)
    if definition.training == "classify":
        return  # classes are words already
    assert definition.part_words
    assert all(words and words[0].islower() and words[-1] != "." for words in definition.part_words.values())


def test_the_most_alike_is_looked_for_at_the_place():
    def frame(level, elsewhere):
        image = np.full((20, 20, 3), elsewhere, np.uint8)
        image[5:10, 5:10] = level
        return image

    box = Box(0.25, 0.25, 0.5, 0.5)
    normal = [("a", 0.0, frame(10, 200)), ("b", 1.0, frame(120, 200)), ("c", 2.0, frame(60, 0))]
    found = nearest_frame(frame(118, 200), box, normal)
    assert (found.video, found.seconds) == ("b", 1.0)
    assert nearest_frame(frame(118, 200), box, []) is None


def test_boxes_stay_within_the_picture():
    assert widened(Box(0.0, 0.4, 0.4, 0.8)) == pytest.approx((0.0, 0.3, 0.5, 0.9))
