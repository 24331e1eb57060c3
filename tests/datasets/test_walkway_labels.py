"""Letters: T frames, K tracks, H height, W width."""

import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays

from normalcy.datasets.walkway.actors import ANOMALY_KINDS
from normalcy.datasets.walkway.annotations import Annotations, load, packed, save, unpacked
from normalcy.datasets.walkway.behaviours import LEFT_BEHIND_M, LOITER_AFTER_SECONDS
from normalcy.datasets.walkway.render import LEAST_IN_VIEW, render_video
from normalcy.datasets.walkway.script import make_script
from normalcy.errors import LabelError

SECONDS, FPS, SIZE_PX = 12.0, 10.0, (48, 72)


@cache
def scripted(kind, seed=0):
    setting = "corridor" if kind == "against_flow" else "wall"
    return make_script(setting, seed=seed, size_px=SIZE_PX, fps=FPS, seconds=SECONDS, anomaly=kind)


@cache
def rendered(kind, seed=0):
    return render_video(scripted(kind, seed))


def the_abnormal(kind, seed=0):
    return next(actor for actor in scripted(kind, seed).actors if actor.kind == kind)


def abnormal_ids(annotations, frame):
    return annotations.track_ids_K[annotations.abnormal_TK[frame]]


@pytest.mark.parametrize("setting", ["wall", "corridor", "crowd"])
def test_normal_video_has_no_labels(setting):
    video = render_video(make_script(setting, seed=1, size_px=SIZE_PX, seconds=4))
    assert not video.labels_T.any()
    assert not video.masks_THW.any()
    assert video.annotations.spans() == []
    assert set(video.annotations.kinds_K) == {"walker"}


@pytest.mark.parametrize("kind", ANOMALY_KINDS)
def test_labels_and_masks_agree(kind):
    video = rendered(kind)
    annotations = video.annotations
    assert video.labels_T.any()
    assert not video.labels_T.all()
    assert np.array_equal(video.labels_T, annotations.abnormal_TK.any(axis=1))
    for frame, (label, mask_HW, ids_HW) in enumerate(
        zip(video.labels_T, video.masks_THW, video.ids_THW, strict=True)
    ):
        visible_HW = np.isin(ids_HW, abnormal_ids(annotations, frame))
        assert np.array_equal(mask_HW, visible_HW)
        assert label or not mask_HW.any()


@pytest.mark.parametrize("kind", ANOMALY_KINDS)
def test_the_abnormal_track_carries_its_kind_and_the_start_is_normal(kind):
    video = rendered(kind)
    spans = video.annotations.spans()
    assert {span.kind for span in spans} == {kind}
    assert spans[0].first_frame >= 0.2 * SECONDS * FPS
    assert sum(span.last_frame - span.first_frame + 1 for span in spans) >= 10
    for span in spans:
        assert video.labels_T[span.first_frame : span.last_frame + 1].all()


def test_frames_of_each_kind_by_hand():
    abnormal_TK = np.array([[0, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 0, 0]], np.bool_)
    annotations = Annotations(
        size_px=(2, 4),
        track_ids_K=np.arange(1, 6, dtype=np.uint16),
        kinds_K=("walker", "runner", "cart", "runner", "loiterer"),
        boxes_TK4=np.zeros((4, 5, 4), np.int16),
        abnormal_TK=abnormal_TK,
        packed_TP=np.zeros((4, 1), np.uint8),
    )
    kinds = {kind: kind_T.tolist() for kind, kind_T in annotations.kinds().items()}
    assert kinds == {"cart": [False, False, True, True], "runner": [False, True, True, False]}


@pytest.mark.parametrize("kind", ANOMALY_KINDS)
def test_true_regions_are_the_boxes_of_the_abnormal(kind):
    video = rendered(kind)
    for frame, found in enumerate(video.annotations.regions()):
        assert found.tracks == tuple(abnormal_ids(video.annotations, frame))
        assert len(found.boxes_N4) == len(found.tracks)
        assert (found.boxes_N4 >= 0).all()
        assert (found.boxes_N4 <= 1).all()
        if len(found.tracks) == 1 and (mask_HW := video.masks_THW[frame]).any():
            left, top, right, bottom = found.boxes_N4[0] * (*SIZE_PX[::-1], *SIZE_PX[::-1])
            rows, columns = mask_HW.nonzero()
            assert left - 0.01 <= columns.min() < columns.max() + 1 <= right + 0.01
            assert top - 0.01 <= rows.min() < rows.max() + 1 <= bottom + 0.01


@pytest.mark.parametrize("kind", ANOMALY_KINDS)
def test_boxes_enclose_the_visible_pixels(kind):
    video = rendered(kind)
    annotations = video.annotations
    for column, track_id in enumerate(annotations.track_ids_K):
        for box, ids_HW in zip(annotations.boxes_TK4[:, column], video.ids_THW, strict=True):
            rows, columns = np.nonzero(ids_HW == track_id)
            if len(rows):
                assert box[0] <= columns.min() <= columns.max() < box[2]
                assert box[1] <= rows.min() <= rows.max() < box[3]
            if box[0] >= 0:
                assert (box[2:] > box[:2]).all()
                assert (box[2:] <= SIZE_PX[::-1]).all()


@pytest.mark.parametrize("kind", ["runner", "cyclist", "cart", "against_flow"])
def test_passers_are_labelled_whenever_enough_of_them_is_in_view(kind):
    video = rendered(kind)
    annotations = video.annotations
    column = annotations.kinds_K.index(kind)
    width_px = SIZE_PX[1]
    box_T4 = annotations.boxes_TK4[:, column]
    inside_T = (box_T4[:, 0] > 0) & (box_T4[:, 2] < width_px)
    absent_T = box_T4[:, 0] < 0
    assert inside_T.any()
    assert annotations.abnormal_TK[inside_T, column].all()
    assert not annotations.abnormal_TK[absent_T, column].any()
    assert 0 < LEAST_IN_VIEW < 1


def test_against_the_flow_goes_left_among_people_who_go_right():
    for actor in scripted("against_flow").actors:
        assert math.cos(actor.path.knots[0].yaw) == pytest.approx(
            -1 if actor.kind == "against_flow" else 1, abs=0.1
        )


def test_fall_is_labelled_from_its_first_moment_until_upright():
    actor, video = the_abnormal("fall"), rendered("fall")
    (span,) = video.annotations.spans()
    reclined_T = np.array([actor.moment(frame / FPS).recline for frame in range(len(video.labels_T))])
    down = np.flatnonzero(reclined_T > 0)
    assert span.first_frame in (down[0], down[0] - 1)
    assert span.last_frame in (down[-1], down[-1] + 1)
    assert (reclined_T == 1).sum() >= 5
    assert actor.path.at(actor.fall.starts) == actor.path.at(actor.fall.stands)._replace(
        seconds=actor.fall.starts
    )


def test_a_lying_body_is_seen_to_be_wide():
    actor, video = the_abnormal("fall"), rendered("fall")
    box_T4 = video.annotations.boxes_TK4[:, video.annotations.kinds_K.index("fall")].astype(float)
    moments = (actor.fall.starts - 0.4, actor.fall.lies + 0.5)
    upright, lying = (box_T4[int(seconds * FPS)] for seconds in moments)
    assert upright[2] - upright[0] < upright[3] - upright[1]
    assert lying[2] - lying[0] > 2 * (lying[3] - lying[1])


@pytest.mark.parametrize("seed", range(3))
def test_loiterer_is_labelled_after_the_stated_time_in_one_place(seed):
    actor = the_abnormal("loiterer", seed)
    label_from, label_until = actor.abnormal_seconds
    home_m = actor.path.at(label_from - LOITER_AFTER_SECONDS).x_m
    stay = np.arange(label_from - LOITER_AFTER_SECONDS, label_until, 0.1)
    assert max(abs(actor.path.at(seconds).x_m - home_m) for seconds in stay) <= 0.6
    earlier = actor.path.at(label_from - LOITER_AFTER_SECONDS - 0.5).x_m
    assert abs(earlier - home_m) == pytest.approx(0.5 * 1.4, rel=0.2)
    later = actor.path.at(label_until + 1.5).x_m
    assert abs(later - home_m) > 0.6


@pytest.mark.parametrize("seed", range(3))
def test_object_is_labelled_once_its_carrier_has_left(seed):
    actors = scripted("abandoned_object", seed).actors
    case = the_abnormal("abandoned_object", seed)
    carrier = next(actor for actor in actors if actor.track_id == case.track_id - 1)
    label_from, _ = case.abnormal_seconds
    spot_m = carrier.path.at(carrier.luggage_until_seconds).x_m
    assert carrier.kind == "walker"
    assert case.path.start_seconds == carrier.luggage_until_seconds < label_from
    assert abs(carrier.path.at(label_from).x_m - spot_m) == pytest.approx(LEFT_BEHIND_M)
    assert abs(carrier.path.at(label_from - 0.2).x_m - spot_m) < LEFT_BEHIND_M
    assert carrier.moment(carrier.luggage_until_seconds - 0.1).with_luggage
    assert not carrier.moment(carrier.luggage_until_seconds).with_luggage


def test_abandoned_object_stays_to_the_end_and_hardly_moves():
    video = rendered("abandoned_object")
    (span,) = video.annotations.spans()
    assert span.last_frame == len(video.labels_T) - 1
    box_T4 = video.annotations.boxes_TK4[
        span.first_frame :, video.annotations.kinds_K.index("abandoned_object")
    ]
    assert np.ptp(box_T4, axis=0).max() <= 1


def test_the_nearer_one_hides_the_further_one():
    script = make_script("crowd", seed=2, size_px=SIZE_PX, seconds=4)
    depth_of = {actor.track_id: actor for actor in script.actors}
    video = render_video(script)
    annotations = video.annotations
    hidden = 0
    for frame, ids_HW in enumerate(video.ids_THW):
        for column, track_id in enumerate(annotations.track_ids_K):
            left, top, right, bottom = annotations.boxes_TK4[frame, column]
            middle = ids_HW[(2 * top + bottom) // 3, (left + right) // 2]
            if left < 0 or middle in (0, track_id):
                continue
            near, far = (depth_of[int(i)].stance(frame / FPS).z_m for i in (middle, track_id))
            hidden += near < far
    assert hidden > 5


def test_two_anomalies_follow_each_other():
    script = make_script("wall", seed=3, size_px=SIZE_PX, seconds=20, anomaly=("cyclist", "abandoned_object"))
    spans = render_video(script).annotations.spans()
    assert spans[0].kind == "cyclist"
    assert spans[-1].kind == "abandoned_object"


def test_annotations_survive_saving(tmp_path):
    annotations = rendered("cart").annotations
    path = tmp_path / "cart.labels.npz"
    save(annotations, path)
    back = load(path)
    assert back.size_px == annotations.size_px
    assert back.kinds_K == annotations.kinds_K
    assert back.spans() == annotations.spans()
    assert np.array_equal(back.track_ids_K, annotations.track_ids_K)
    assert np.array_equal(back.boxes_TK4, annotations.boxes_TK4)
    assert np.array_equal(back.labels(), rendered("cart").labels_T)
    assert np.array_equal(np.stack(list(back.masks())), rendered("cart").masks_THW)


@given(masks=arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=20)))
def test_packed_masks_come_back(masks):
    assert np.array_equal(unpacked(packed(masks), masks.shape), masks)


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "other"])
def test_damaged_labels_are_named(tmp_path, damage):
    path = tmp_path / "x.labels.npz"
    if damage == "other":
        np.savez(path, a=np.zeros(3))
    else:
        save(rendered("cart").annotations, path)
        data = path.read_bytes()
        path.write_bytes({"empty": b"", "text": b"hello", "cut": data[: len(data) // 2]}[damage])
    with pytest.raises(LabelError, match=r"x\.labels\.npz: labels cannot be read"):
        load(path)


def test_missing_labels_are_named(tmp_path):
    with pytest.raises(LabelError, match="cannot be read"):
        load(tmp_path / "none.npz")
