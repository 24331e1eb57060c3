"""Letters: T frames, N points."""

import math

import numpy as np
import pytest

from normalcy.datasets.walkway.actors import Actor, Fall
from normalcy.datasets.walkway.behaviours import RUNNER_STRIDES_PX, Cue, runner, walker
from normalcy.datasets.walkway.camera import LANES_M, REFERENCE_DEPTH_M, WALKING_MPS, Camera
from normalcy.datasets.walkway.drawing import Stance, draw
from normalcy.datasets.walkway.paths import TURN_SECONDS, begin, stand, turn, walk
from normalcy.datasets.walkway.pose import SOLE, Moment, gait_pose, reach
from normalcy.datasets.walkway.render import render_video
from normalcy.datasets.walkway.script import VideoScript, make_script
from normalcy.datasets.walkway.shapes import ball


def cue(size_px=(64, 64), *, depth_m=REFERENCE_DEPTH_M, direction=1, seed=0):
    return Cue(Camera(size_px), np.random.default_rng(seed), 0.0, 4.0, depth_m, direction, track_id=1)


def boxes_T4(actor: Actor, *, size_px=(64, 64), fps=10.0, seconds=5.0):
    script = VideoScript("corridor", size_px, fps, round(seconds * fps), (0,), 0, (actor,))
    return render_video(script).annotations.boxes_TK4[:, 0].astype(float)


def whole(boxes_T4, width_px):
    """Boxes of the frames in which the actor touches no edge of the picture."""
    return boxes_T4[(boxes_T4[:, 0] > 0) & (boxes_T4[:, 2] < width_px)]


def pace_px(boxes_T4):
    """Slope of the middles of boxes."""
    middle_T = boxes_T4[:, [0, 2]].mean(axis=1)
    return np.polyfit(np.arange(len(middle_T)), middle_T, 1)[0]


@pytest.mark.parametrize(
    ("size_px", "fps", "expected_px"),
    [((64, 64), 10, 2.0), ((128, 128), 10, 4.0), ((64, 64), 20, 1.0), ((96, 144), 10, 3.0)],
)
def test_walker_moves_two_pixels_a_frame_in_proportion_to_size_and_rate(size_px, fps, expected_px):
    actor = walker(cue(size_px), pace_mps=WALKING_MPS)
    seen = whole(boxes_T4(actor, size_px=size_px, fps=fps, seconds=7), size_px[1])
    assert len(seen) > 15
    assert pace_px(seen) == pytest.approx(expected_px, rel=0.05)


def test_further_is_smaller_and_slower():
    near, far = LANES_M[0], LANES_M[-1]
    seen = {
        depth_m: whole(boxes_T4(walker(cue(depth_m=depth_m), pace_mps=WALKING_MPS), seconds=8), 64)
        for depth_m in (near, far)
    }
    heights = {depth_m: np.median(box[:, 3] - box[:, 1]) for depth_m, box in seen.items()}
    assert heights[near] / heights[far] == pytest.approx(far / near, rel=0.1)
    assert pace_px(seen[near]) / pace_px(seen[far]) == pytest.approx(far / near, rel=0.1)


def test_walkers_differ_in_pace_by_up_to_15_percent():
    paces = [cue(seed=seed).pace_mps() / WALKING_MPS for seed in range(200)]
    assert 0.85 <= min(paces) < 0.88
    assert 1.12 < max(paces) <= 1.15


@pytest.mark.parametrize("direction", [1, -1])
def test_runner_strides_at_the_reference_depth(direction):
    path = runner(cue(direction=direction))[0].path
    x_T = np.array([path.at(frame / 10).x_m for frame in range(15)])
    strides_px = np.diff(x_T) * Camera((64, 64)).scale(REFERENCE_DEPTH_M)
    np.testing.assert_allclose(strides_px, direction * np.array(RUNNER_STRIDES_PX * 2), atol=1e-6)
    assert RUNNER_STRIDES_PX == (5, 6, 7, 8, 7, 6, 5)


def test_runner_seen_is_three_times_as_fast_as_a_walker():
    seen = whole(boxes_T4(runner(cue((64, 192)))[0], size_px=(64, 192), seconds=3), 192)
    assert pace_px(seen[:21]) == pytest.approx(44 / 7, rel=0.08)


def test_runner_comes_back_until_the_time_is_over():
    path = runner(cue())[0].path
    assert path.end_seconds >= 4.0
    signs = np.sign(np.diff([knot.x_m for knot in path.knots]))
    assert {1.0, -1.0} <= set(signs.tolist())


def lowest_foot(moment):
    pose = gait_pose(1.0, moment)
    return min(spot[2] for spot in (*pose.ankles, *pose.toes))


def test_a_runner_bounces_and_a_walker_keeps_to_the_ground():
    phases = np.linspace(0, math.tau, 24, endpoint=False)
    running = [lowest_foot(Moment(phase=phase, swing=1, run=1)) for phase in phases]
    walking = [lowest_foot(Moment(phase=phase, swing=1)) for phase in phases]
    assert max(running) > SOLE + 0.05
    assert min(running) < SOLE + 0.01
    np.testing.assert_allclose(walking, SOLE, atol=1e-9)


def test_arms_swing_against_the_legs():
    pose = gait_pose(1.0, Moment(phase=0.0, swing=1))
    assert pose.ankles[0][0] > pose.ankles[1][0]
    assert pose.hands[0][0] < pose.hands[1][0]


def test_a_lying_body_is_long_and_low():
    upright, lying = gait_pose(1.0, Moment()), gait_pose(1.0, Moment(recline=1.0))
    assert upright.head[2] > 0.85
    assert abs(upright.head[0]) < 0.05
    assert lying.head[2] < 0.2
    assert lying.head[0] > 0.7


def test_fall_goes_down_and_comes_up_again():
    fall = Fall(starts=1.0, lies=2.0, rises=5.0, stands=6.0)
    assert [fall.recline(t) for t in (0.5, 1.0, 2.0, 4.9, 6.0)] == [0, 0, 1, 1, 0]
    assert fall.buckle(3.0) == pytest.approx(0.0, abs=1e-9)
    assert fall.buckle(1.5) > 0.3


def test_reach_keeps_the_lengths_of_both_segments():
    middle = reach((0.0, 1.0), (0.2, 0.7), 0.25, 0.24, bend=1)
    assert math.dist((0.0, 1.0), middle) == pytest.approx(0.25)
    assert math.dist(middle, (0.2, 0.7)) == pytest.approx(0.24)
    behind = reach((0.0, 1.0), (0.2, 0.7), 0.25, 0.24, bend=-1)
    assert behind[0] < middle[0]


def test_path_of_legs_turns_and_pauses():
    path = walk(begin((0.0, 5.0), seconds=1.0, toward=(2.0, 5.0)), (2.0, 5.0), speed_mps=2.0)
    path = walk(stand(path, seconds=1.0), (1.0, 5.0), speed_mps=1.0)
    assert path.at(0.0).x_m == 0.0
    assert path.at(1.5).x_m == pytest.approx(1.0)
    assert path.at(2.7).x_m == 2.0
    assert path.at(3.0 + TURN_SECONDS / 2).yaw == pytest.approx(math.pi / 2)
    assert path.at(99.0).x_m == 1.0
    assert path.at(99.0).travelled_m == pytest.approx(3.0)
    assert path.speed_mps(1.5) == pytest.approx(2.0)
    assert path.speed_mps(2.5) == 0.0


def test_no_turn_where_the_direction_is_the_same():
    path = begin((0.0, 5.0), seconds=0.0, toward=(1.0, 5.0))
    assert turn(path, math.tau) is path


def test_walkers_go_both_ways_and_in_company_where_that_is_allowed():
    script = make_script("crowd", seed=3, size_px=(64, 96), seconds=20)
    headings = [math.cos(actor.path.knots[0].yaw) for actor in script.actors]
    assert min(headings) < -0.9
    assert max(headings) > 0.9
    entries = np.sort([actor.path.start_seconds for actor in script.actors])
    assert (np.diff(entries) < 0.21).sum() >= 3


def test_one_way_corridor_is_one_way():
    for seed in range(5):
        script = make_script("corridor", seed=seed, size_px=(64, 96), seconds=20)
        assert all(math.cos(actor.path.knots[0].yaw) > 0.9 for actor in script.actors)


def test_people_do_not_walk_through_each_other():
    script = make_script("crowd", seed=1, size_px=(64, 96), seconds=10, anomaly="loiterer")
    for seconds in np.arange(0, 10, 0.5):
        places = [actor.path.at(seconds)[1:3] for actor in script.actors if actor.present(seconds)]
        for index, (x_m, z_m) in enumerate(places):
            near = [(x, z) for x, z in places[:index] if abs(x - x_m) < 0.6 and abs(z - z_m) < 0.3]
            assert not near


def test_the_picture_is_never_empty_for_long():
    video = render_video(make_script("wall", seed=2, size_px=(48, 72), seconds=10))
    assert (video.ids_THW > 0).any(axis=(1, 2)).mean() > 0.9


def test_projection_of_a_known_point():
    camera = Camera((64, 64))
    at_reference = camera.project(np.array([[1.0, 0.0, REFERENCE_DEPTH_M]]))[0]
    assert at_reference[0] == pytest.approx(32 + 100 / 7)
    assert at_reference[1] == pytest.approx(camera.floor_row(REFERENCE_DEPTH_M))
    assert camera.half_width_m(REFERENCE_DEPTH_M) == pytest.approx(32 / (100 / 7))


def test_drawing_is_cut_to_the_picture_and_none_outside():
    camera, red = Camera((64, 64)), (200.0, 0.0, 0.0)
    solids = [ball((0.0, 0.0, 1.0), 0.3, red)]
    inside = draw(solids, Stance(0.0, 5.0, 0.0), camera, shift_px=(0, 0), finer=4)
    edge = draw(solids, Stance(camera.half_width_m(5.0), 5.0, 0.0), camera, shift_px=(0, 0), finer=4)
    assert inside.in_view == 1.0
    assert 0.4 < edge.in_view < 0.6
    assert edge.left_px + edge.rgba_HWC.shape[1] == 64
    area_px = inside.rgba_HWC[..., 3].sum() / 255
    assert area_px == pytest.approx(math.pi * (0.3 * 64 / 5) ** 2, rel=0.05)
    assert draw(solids, Stance(9.0, 5.0, 0.0), camera, shift_px=(0, 0), finer=4) is None
