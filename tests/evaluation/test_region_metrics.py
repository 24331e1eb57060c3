"""Region- and track-based criteria: cases worked by hand."""

import numpy as np
import pytest

from normalcy.datasets.base import TrueRegions
from normalcy.errors import LabelError
from normalcy.evaluation.region_metrics import RegionCriterion, area_to_one
from normalcy.evaluation.true_regions import overlaps, regions

SIZE = (40, 60)


def picture(*boxes):
    """A map of boxes (top, bottom, left, right, height)."""
    map_HW = np.zeros(SIZE, np.float32)
    for top, bottom, left, right, level in boxes:
        map_HW[top:bottom, left:right] = level
    return map_HW


def mask(*boxes):
    return picture(*((*box, 1) for box in boxes)) > 0


THING = (10, 20, 10, 20)
ELSEWHERE = (25, 35, 40, 50)


def judged(*frames, **options):
    criterion = RegionCriterion(**options)
    criterion.begin_video()
    for index, (map_HW, mask_HW) in enumerate(frames):
        criterion.update(map_HW, mask_HW, index=index)
    return criterion.aucs()


def test_a_perfect_map_finds_all_without_false_regions():
    frames = [(picture((*THING, 1.0)), mask(THING)), (picture((*THING, 0.5)), mask(THING))]
    assert judged(*frames) == (1.0, 1.0)


def test_a_map_that_lights_up_elsewhere_finds_nothing():
    assert judged((picture((*ELSEWHERE, 1.0)), mask(THING))) == (0, 0)


def test_false_regions_that_come_first_cost_all():
    # The higher region of each frame is false, the lower one true: nothing is found before one false region a frame.
    frames = [(picture((*ELSEWHERE, 1.0), (*THING, 0.5)), mask(THING))] * 4
    assert judged(*frames) == (0, 0)


def test_false_regions_in_one_frame_of_four():
    quiet = (picture((*ELSEWHERE, 1.0)), mask())
    found = (picture((*THING, 0.5)), mask(THING))
    # Nothing is found before a quarter of a false region a frame, and all of it from there on.
    assert judged(quiet, found, found, found) == pytest.approx((0.75, 0.75))


def test_what_overlaps_too_little_is_false():
    shifted = picture((10, 20, 18, 28, 1.0))  # 20 of 180 pixels shared: .111
    assert judged((shifted, mask(THING))) == (1, 1)
    assert judged((shifted, mask(THING)), beta=0.12) == (0, 0)


def test_a_track_is_found_by_a_tenth_of_its_regions():
    found, missed = (picture((*THING, 1.0)), mask(THING)), (picture(), mask(THING))
    once_in_ten = judged(found, *[missed] * 9)
    assert once_in_ten.rbdc == pytest.approx(0.1)
    assert once_in_ten.tbdc == 1
    once_in_eleven = judged(found, *[missed] * 10)
    assert once_in_eleven.rbdc == pytest.approx(1 / 11)
    assert once_in_eleven.tbdc == 0


def test_what_moves_is_one_track_and_what_jumps_are_two():
    def box(left):
        return (10, 20, left, left + 10)

    moving = [(picture((*box(left), 1.0)), mask(box(left))) for left in (0, 4, 8)]
    jumping = [(picture((*box(0), 1.0)), mask(box(0))), (picture(), mask(box(40)))]
    assert judged(*moving).tbdc == 1
    # The first of two tracks is found.
    assert judged(*jumping).tbdc == pytest.approx(0.5)


def test_things_that_meet_keep_their_tracks_apart():
    def two(a, b):
        return mask((5, 15, a, a + 8), (25, 35, b, b + 8))

    # Only the upper thing is ever found.
    frames = [(picture((5, 15, a, a + 8, 1.0)), two(a, 50 - a)) for a in range(0, 40, 4)]
    found = judged(*frames)
    assert found.rbdc == pytest.approx(0.5)
    assert found.tbdc == pytest.approx(0.5)


def test_a_new_video_begins_new_tracks():
    criterion = RegionCriterion()
    for level in (1.0, 0.0):
        criterion.begin_video()
        criterion.update(picture((*THING, level)), mask(THING), index=0)
    assert criterion.aucs().tbdc == pytest.approx(0.5)


def test_a_frame_that_was_left_out_ends_a_track():
    criterion = RegionCriterion()
    criterion.begin_video()
    criterion.update(picture((*THING, 1.0)), mask(THING), index=0)
    criterion.update(picture(), mask(THING), index=2)
    assert criterion.aucs().tbdc == pytest.approx(0.5)


def test_specks_are_no_regions():
    assert len(regions(mask((0, 1, 0, 1)))) == 0
    assert len(regions(mask((0, 2, 0, 2)))) == 1
    assert len(regions(mask((0, 1, 0, 1)), least_area=0)) == 1
    touching = mask((0, 2, 0, 2), (2, 4, 2, 4))
    assert regions(touching).tolist() == [pytest.approx([0, 0, 4 / 60, 4 / 40])]


def test_slivers_beside_a_thing_are_not_things():
    sliver = (1, 2, 50, 51)
    found = [(picture((*THING, 1.0)), mask(THING, sliver))] * 3
    assert judged(*found) == (1, 1)
    # What is small and alone is a thing, though no map can find it.
    assert judged((picture((*THING, 1.0)), mask(THING)), (picture(), mask(sliver))) == (0.5, 0.5)


def test_what_the_dataset_knows_goes_before_its_masks():
    # Somebody passes in front: the mask falls in two, the thing does not.
    behind = mask((10, 14, 10, 20), (16, 20, 10, 20))
    known = TrueRegions(np.array([[10 / 60, 10 / 40, 20 / 60, 20 / 40]], np.float32), (7,))
    upper = picture((10, 14, 10, 20, 1.0))

    def found_by(**more):
        criterion = RegionCriterion()
        for _ in range(2):  # The same number in another video is another thing.
            criterion.begin_video()
            criterion.update(upper, behind, index=0, **more)
        criterion.begin_video()
        criterion.update(picture(), behind, index=0, **more)
        return criterion.aucs()

    assert found_by(known=known) == pytest.approx((2 / 3, 2 / 3))
    assert found_by() == pytest.approx((1 / 3, 1 / 3))


def test_overlaps():
    boxes = np.array([[0, 0, 0.5, 0.5], [0.25, 0.25, 0.75, 0.75]], np.float32)
    assert overlaps(boxes, boxes).round(4).tolist() == [[1, 0.1429], [0.1429, 1]]
    nothing = np.zeros((0, 4), np.float32)
    assert overlaps(boxes, nothing).shape == (2, 0)


@pytest.mark.parametrize(
    ("false", "found", "area"),
    [
        ([0.0, 0.0], [0.3, 0.8], 0.8),  # found without a false region: at once
        ([2.0], [1.0], 0.25),  # halfway to the only point, straight from nothing
        ([0.5], [1.0], 0.75),  # stays after the last
        ([0.2, 0.6], [0.6, 0.4], 0.06 + 0.8 * 0.6),  # what was found stays found
        ([1.0, 1.0], [0.2, 0.9], 0.1),  # a point at the very end counts with the lower share
    ],
)
def test_area_from_zero_to_one(false, found, area):
    assert area_to_one(false, found) == pytest.approx(area)


def test_large_maps_wait_smaller_and_say_the_same():
    large = np.zeros((240, 360), np.float32)
    truth = np.zeros((240, 360), bool)
    truth[60:120, 90:150] = True
    large[60:120, 90:150] = 3.0
    assert judged((large, truth)) == (1, 1)


@pytest.mark.parametrize("still", [1, 3, 30])
def test_frames_whose_map_says_nothing_have_no_say_in_the_thresholds(still):
    # A bright false region in every other frame, a fainter true one in all.
    both = (picture((*ELSEWHERE, 1.0), (*THING, 0.2)), mask(THING))
    alone = (picture((*THING, 0.2)), mask(THING))
    moving = [both, alone] * 15
    area = judged(*moving, *[(picture(), mask())] * still)
    false = 15 / (30 + still)  # false regions a frame once the faint ones show
    assert area.rbdc == pytest.approx(1 - false)


def test_nothing_true_or_nothing_said_is_no_criterion():
    assert judged((picture((*THING, 1.0)), mask())) is None
    assert judged((picture(), mask(THING))) is None


def test_what_is_no_mask():
    with pytest.raises(LabelError):
        judged((picture(), picture()))
