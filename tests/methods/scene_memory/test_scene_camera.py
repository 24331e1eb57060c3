from itertools import pairwise

import numpy as np
import pytest
from scene_memory_views import CONFIG, fitted, scored, stamps, walk

from normalcy.methods.contract import ClipScores, FrameStamp
from normalcy.methods.scene_memory.camera import Camera
from normalcy.methods.scene_memory.method import SceneMemory


def clip_scores(camera: Camera, film: list[np.ndarray], at: tuple[FrameStamp, ...]) -> ClipScores:
    (look,) = camera.memory.look([np.stack([film[stamp.index] for stamp in at])])
    return camera.scores(at, look)


def same(one: list[ClipScores], other: list[ClipScores]) -> bool:
    return all(
        np.array_equal(a.score_T, b.score_T) and np.array_equal(a.map_THW, b.map_THW)
        for a, b in zip(one, other, strict=True)
    )


def faller(frames: int = 13) -> list[np.ndarray]:
    """Somebody runs the other way, four times as fast, above where all walk."""
    return walk(frames, seed=7, step_px=-8, row=4)


def test_scores_maps_and_parts_are_of_the_two_last_frames_of_a_clip():
    first, second, *_ = scored(fitted(), walk())
    for found in (first, second):
        assert found.score_T.shape == (2,)
        assert found.map_THW.shape == (2, *CONFIG.size_px)
        assert found.score_T.dtype == found.map_THW.dtype == np.float32
        assert set(found.parts) == set(CONFIG.streams)
        assert all(part_T.shape == (2,) for part_T in found.parts.values())
        assert np.isfinite(found.map_THW).all()
        assert (found.map_THW >= 0).all()


def test_all_frames_of_the_first_clip_have_the_verdict_of_its_last():
    first, second, *_ = scored(fitted(), walk())
    assert first.score_T[0] == first.score_T[1]
    np.testing.assert_array_equal(first.map_THW[0], first.map_THW[1])
    assert second.score_T[0] != second.score_T[1]
    for part_T in first.parts.values():
        assert part_T[0] == part_T[1]


def test_a_frame_that_was_seen_keeps_its_score():
    film, camera = walk(), fitted().camera()
    clips = [clip_scores(camera, film, stamps(start)) for start in range(6)]
    for before, after in pairwise(clips[1:]):
        assert after.score_T[0] == before.score_T[1]
        np.testing.assert_array_equal(after.map_THW[0], before.map_THW[1])
        assert {name: part_T[0] for name, part_T in after.parts.items()} == {
            name: part_T[1] for name, part_T in before.parts.items()
        }


def test_a_clip_that_is_shown_again_changes_nothing():
    film, once, twice = walk(), fitted().camera(), fitted().camera()
    for camera, times in ((once, 1), (twice, 3)):
        for _ in range(times):
            clip_scores(camera, film, stamps(0))
    assert same([clip_scores(once, film, stamps(2))], [clip_scores(twice, film, stamps(2))])


def test_two_cameras_of_a_method_do_not_influence_one_another():
    method, films = fitted(), (walk(seed=4), faller())
    alone = [scored(method, film) for film in films]
    cameras = [method.camera(name) for name in ("a", "b")]
    together: list[list[ClipScores]] = [[], []]
    for start in range(0, 11, 2):
        for camera, film, found in zip(cameras, films, together, strict=True):
            found.append(clip_scores(camera, film, stamps(start)))
    assert same(together[0], alone[0])
    assert same(together[1], alone[1])
    assert not same(alone[0], alone[1])


def test_scoring_leaves_the_memory_as_it_was():
    method = fitted()
    before = {name: tensor.clone() for name, tensor in method.state_dict().items()}
    scored(method, faller())
    assert all((tensor == before[name]).all() for name, tensor in method.state_dict().items())


def test_who_runs_the_other_way_scores_higher_than_who_walks_and_the_map_shows_where():
    usual, odd = (scored(fitted(), film) for film in (walk(seed=4), faller()))
    assert min(each.score_T.min() for each in odd[2:]) > max(each.score_T.max() for each in usual)
    for found in odd[2:]:
        row, _ = np.unravel_index(found.map_THW[-1].argmax(), CONFIG.size_px)
        assert row < 28


def test_speed_counts_the_seconds_between_the_frames():
    """The same frames at half the rate show somebody at half the speed."""
    (look,) = fitted().look([np.stack(walk(3))])
    speeds = [
        fitted().camera().scores(stamps(0, seconds=seconds), look).parts["speed"][-1]
        for seconds in (0.1, 0.2)
    ]
    assert speeds[0] > 0
    assert speeds[0] == pytest.approx(2 * speeds[1], rel=0.05)


def test_seconds_are_those_since_the_frame_right_before():
    (look,) = fitted().look([np.stack(walk(3))])
    uneven = (FrameStamp(0, 0.0), FrameStamp(1, 0.1), FrameStamp(2, 0.3))
    speeds = [
        fitted().camera().scores(at, look).parts["speed"][-1] for at in (uneven, stamps(0, seconds=0.2))
    ]
    assert speeds[0] == pytest.approx(speeds[1], rel=1e-4)


@pytest.mark.parametrize("jump", [0.0, -5.0])
def test_a_clock_that_stands_still_or_jumps_back_leaves_scores_finite(jump):
    at = (FrameStamp(0, 0.0), FrameStamp(1, 0.1), FrameStamp(2, 0.1 + jump))
    found = clip_scores(fitted().camera(), walk(3), at)
    assert np.isfinite(found.score_T).all()
    assert np.isfinite(found.map_THW).all()


def test_what_a_camera_remembers_says_which_video_it_is_of():
    origins = fitted().memory.streams["appearance"].examples.origins
    assert {origin.video for origin in origins} <= {"walk 0", "walk 1"}
    for origin in origins:
        assert origin.frame % 2 == 0  # looks are taken of the last frame of a clip
        assert origin.seconds == pytest.approx(origin.frame / 10)


def test_after_a_gap_watching_begins_anew():
    film, method = walk(17), fitted()
    camera, fresh = method.camera(), method.camera()
    for start in range(0, 6, 2):
        clip_scores(camera, film, stamps(start))
    later = [
        tuple(FrameStamp(stamp.index, stamp.pts_seconds + 60) for stamp in stamps(start))
        for start in range(8, 14, 2)
    ]
    after = [clip_scores(camera, film, at) for at in later]
    alone = [clip_scores(fresh, film, at) for at in later]
    for name in ("dwell", "stillness", "speed", "shape"):
        np.testing.assert_allclose(after[-1].parts[name], alone[-1].parts[name], rtol=0.1, atol=0.02)


def test_a_camera_that_turns_to_another_scene_is_judged_by_that_one():
    method = two_scenes()
    camera = method.camera()
    here, there = walk(90, ground=0), walk(90, ground=9)
    scenes = []
    for film, offset in ((here, 0), (there, 90)):
        for start in range(0, 88, 2):
            (look,) = method.look([np.stack(film[start : start + 3])])
            at = tuple(
                FrameStamp(offset + stamp.index, (offset + stamp.index) / 10) for stamp in stamps(start)
            )
            camera.scores(at, look)
            scenes.append(camera._background.scene)
    assert set(scenes[:44]) == {scenes[0]}
    assert scenes[46] == scenes[0]
    assert scenes[-1] != scenes[0]
    assert len(set(scenes)) == 2


def two_scenes() -> SceneMemory:
    """A method that knows two places."""
    method = SceneMemory(CONFIG.model_copy(update={"streams": ("speed", "dwell")})).eval()
    films = [walk(17, ground=ground) for ground in (0, 9)]
    method.survey([(np.stack(film), np.arange(17) / 10) for film in films])
    assert method.memory.scenes.count == 2
    method.settle()
    return method


def test_seconds_count_from_the_last_frame_that_was_seen():
    """Clips that leave frames out between them leave none of the time out."""
    film, method = walk(40), fitted()
    whole, sparse = method.camera(), method.camera()
    for start in range(0, 36, 2):
        clip_scores(whole, film, stamps(start))
    for start in range(0, 36, 4):
        clip_scores(sparse, film, stamps(start))
    seen = [camera._states["stillness"].seconds_seen for camera in (whole, sparse)]
    assert seen[1] == pytest.approx(seen[0] - 0.2, abs=1e-6)
