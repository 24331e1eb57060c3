import copy

import cv2
import numpy as np
import pytest
import torch
from scene_memory_views import (
    COLUMNS,
    CONFIG,
    ROWS,
    everywhere,
    fitted,
    going,
    picture,
    scored,
    stamps,
    view,
    walk,
)

from normalcy.methods.scene_memory.examples import Origin
from normalcy.methods.scene_memory.method import SceneMemory
from normalcy.methods.scene_memory.motion import Motion


def fused(method: SceneMemory, **values: float) -> float:
    every = dict.fromkeys(CONFIG.streams, 1.0) | values
    maps = {name: np.full((ROWS, COLUMNS), value, np.float32) for name, value in every.items()}
    score, map_RC = method.memory.fuse(every, maps)
    np.testing.assert_allclose(map_RC, score, rtol=1e-4)
    return score


def restored(method: SceneMemory) -> SceneMemory:
    """The method as it comes back from its bundle."""
    other, weights = SceneMemory(method.config).eval(), method.state_dict()
    other.make_room({name: tuple(tensor.shape) for name, tensor in weights.items()})
    other.load_state_dict(weights)
    return other


def clips(count: int) -> list[np.ndarray]:
    film = walk(count + 2, seed=5)
    return [np.stack(film[start : start + 3]) for start in range(count)]


def test_looks_of_a_batch_are_those_of_each_clip():
    together = fitted().look(clips(3))
    assert len(together) == 3
    for found, clip in zip(together, clips(3), strict=True):
        (alone,) = fitted().look([clip])
        assert set(found) == set(alone) == {"thumb_THW3", "flow_Thw2", "residual_TRC2", "look_RCF"}
        for name in alone:
            np.testing.assert_array_equal(found[name], alone[name])


def test_opencv_has_its_threads_back_after_looking(monkeypatch):
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        seen = []
        flow = Motion.flow
        monkeypatch.setattr(Motion, "flow", lambda *each: seen.append(cv2.getNumThreads()) or flow(*each))
        fitted().look(clips(3))
        assert set(seen) == {1}
        assert cv2.getNumThreads() == 2
        seen.clear()
        fitted().look(clips(1))
        assert set(seen) == {2}
        monkeypatch.setattr(Motion, "flow", lambda *each: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            fitted().look(clips(3))
        assert cv2.getNumThreads() == 2
    finally:
        cv2.setNumThreads(before)


def test_a_new_scene_begins_with_what_was_counted_row_by_row():
    method = restored(fitted())
    speeds = method.memory.arrays()["streams.speed.usual.seen.count_SRCB"]
    dwell = method.memory.arrays()["streams.dwell.seen.count_SRCB"]
    dwell.fill(0)
    dwell[0, 2, 1, 3] = 4.0 * dwell.shape[2]  # a bench
    still_HWC = picture(*method.config.size_px, seed=9).astype(np.uint8)
    film = np.repeat(still_HWC.transpose(2, 0, 1)[None], 20, axis=0)
    seconds_T = np.arange(20) / 10
    known = method.memory.scenes.count
    assert method.memory.open_scenes([(film, seconds_T)]) == 1
    assert method.memory.scenes.count == known + 1
    new = method.memory.arrays()["streams.dwell.seen.count_SRCB"][-1]
    expected = np.zeros_like(new)
    expected[2, :, 3] = 4.0
    np.testing.assert_allclose(new, expected)
    np.testing.assert_allclose(
        method.memory.arrays()["streams.speed.usual.seen.count_SRCB"][-1], speeds.sum(axis=0)
    )
    assert method.memory.open_scenes([(film, seconds_T)]) == 0  # by now it is known


def test_without_appearance_no_look_is_taken():
    method = SceneMemory(CONFIG.model_copy(update={"streams": ("speed", "dwell")}))
    (look,) = method.look(clips(1))
    assert set(look) == {"thumb_THW3", "flow_Thw2"}
    method.begin_training()
    assert set(method.camera().scores(stamps(0), look).parts) == {"speed", "dwell"}


@pytest.mark.parametrize("name", CONFIG.streams)
def test_the_score_rises_with_each_part(name):
    method = fitted()
    centre, spread = method.memory.fusion.terms.scale(name)
    scores = [fused(method, **{name: np.exp(centre + spread * z)}) for z in (0, 1, 3, 10)]
    assert (np.diff(scores) > 0).all()


def test_parts_without_anything_in_them_have_a_finite_score():
    assert np.isfinite(fused(fitted(), **dict.fromkeys(CONFIG.streams, 0.0)))


def test_a_stream_that_says_nothing_as_on_held_out_video_adds_no_more_than_its_usual_surprise():
    method = SceneMemory(CONFIG)
    method.observe_parts({"stillness": np.zeros(100, np.float32)}, seconds=10)
    # Two pairs of witnesses and three others.
    assert fused(method, stillness=0.0) == pytest.approx(np.cbrt(5) * np.log(2), abs=0.1)


def test_one_part_far_out_outweighs_all_that_are_a_little_high():
    """Five deviations of one against one of each."""
    method = SceneMemory(CONFIG)
    little = fused(method, **dict.fromkeys(CONFIG.streams, np.e))
    assert fused(method, speed=np.exp(5)) > little


def test_parts_are_in_deviations_of_held_out_video():
    method = SceneMemory(CONFIG)
    normal = np.exp(np.random.default_rng(0).normal(3, 0.5, 1000))
    method.observe_parts(dict.fromkeys(CONFIG.streams, normal), seconds=1e6)
    plain = SceneMemory(CONFIG)
    for deviations in (-1, 0, 2):
        shifted = dict.fromkeys(CONFIG.streams, np.exp(3 + 0.5 * deviations))
        assert fused(method, **shifted) == pytest.approx(
            fused(plain, **dict.fromkeys(CONFIG.streams, np.exp(deviations))), rel=0.1
        )


def test_footage_of_two_scenes_makes_room_for_both_in_every_stream():
    method = SceneMemory(CONFIG)
    times = np.arange(9) / 10
    method.survey([(np.stack(walk(9, ground=ground)), times) for ground in (0, 8)])
    assert method.memory.scenes.count == 2
    assert len(method.memory.streams["dwell"].usual_SRC) == 2
    assert len(method.memory.streams["velocity"].count_SKRC) == 2
    for ground, scene in ((0, 0), (8, 1)):
        camera = method.camera()
        scored(method, walk(3, ground=ground), camera=camera)
        assert camera._background.scene == scene


def test_a_survey_gives_velocity_the_pace_of_the_rows():
    method = fitted()
    motion = method.memory.motion
    np.testing.assert_array_equal(method.memory.streams["velocity"].pace_R, motion.pace_R)
    assert not np.array_equal(motion.pace_R, SceneMemory(CONFIG).memory.motion.pace_R)


def test_a_method_comes_back_from_its_weights_with_other_numbers_of_scenes_and_examples():
    method = SceneMemory(CONFIG)
    times = np.arange(9) / 10
    method.survey([(np.stack(walk(9, ground=ground)), times) for ground in (0, 8, 9)])
    examples = method.memory.streams["appearance"].examples
    examples.add(torch.randn(6, 8).numpy(), [Origin("somewhere", n, 0.0, 0, n) for n in range(6)])
    other = restored(method)
    assert other.memory.scenes.count == 3
    assert other.memory.streams["appearance"].examples.origins == examples.origins
    for name, tensor in method.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor)


def test_a_method_that_came_back_scores_as_before():
    before, after = (scored(method, walk(9, seed=4)) for method in (fitted(), restored(fitted())))
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one.score_T, other.score_T)
        np.testing.assert_array_equal(one.map_THW, other.map_THW)


def test_what_was_added_and_forgotten_stays_so_once_it_comes_back():
    method = copy.deepcopy(fitted())
    examples = method.memory.streams["appearance"].examples
    strange_1F = np.full((1, 8), 40, np.float32)
    examples.add(strange_1F, [Origin("told", 3, 0.3, 1, 2)])
    back = restored(method).memory.streams["appearance"].examples
    assert back.distance(strange_1F)[0] < 0.05
    assert back.nearest(strange_1F) == [Origin("told", 3, 0.3, 1, 2)]
    back.forget(np.array([origin.video != "told" for origin in back.origins]))
    method.memory.streams["appearance"].examples = back
    again = restored(method).memory.streams["appearance"].examples
    assert again.distance(strange_1F)[0] > 5
    assert "told" not in {origin.video for origin in again.origins}


def test_a_batch_of_clips_is_scored_as_the_first_of_as_many_cameras():
    method, batch = fitted(), clips(2)
    found = method(torch.from_numpy(np.stack(batch)).float() / 255)
    assert found.map_BTHW.shape == (2, 2, *CONFIG.size_px)
    for b, clip in enumerate(batch):
        (look,) = method.look([clip])
        expected = method.camera().scores(stamps(0), look)
        np.testing.assert_array_equal(found.score_BT[b], expected.score_T)
        np.testing.assert_array_equal(found.map_BTHW[b], expected.map_THW)
        for name, part_BT in found.parts.items():
            np.testing.assert_array_equal(part_BT[b], expected.parts[name])


def test_a_copy_scores_alike_and_remembers_for_itself():
    method = fitted()
    copied = copy.deepcopy(method)
    for one, other in zip(scored(method, walk(5)), scored(copied, walk(5)), strict=True):
        np.testing.assert_array_equal(one.score_T, other.score_T)
    before = method.memory.streams["velocity"].count_SKRC.copy()
    (look,) = copied.look(clips(1))
    copied.camera().remember(stamps(0), look)
    assert np.array_equal(method.memory.streams["velocity"].count_SKRC, before)
    assert not np.array_equal(copied.memory.streams["velocity"].count_SKRC, before)


def drawn(*, seed: int) -> np.ndarray:
    """The examples of a method that was built with a seed; there are more candidates than examples."""
    torch.manual_seed(seed)
    method = SceneMemory(CONFIG).eval()
    appearance, draw = method.memory.streams["appearance"], np.random.default_rng(0)
    width = appearance.examples.mean_D.shape[0]
    for _ in range(6):
        look_RCF = draw.normal(0, 1, (ROWS, COLUMNS, width)).astype(np.float32)
        appearance.remember(view(look_RCF=look_RCF, strange_HW=everywhere(50)), appearance.begin())
    appearance.settle()
    return appearance.examples.example_NF


def test_what_is_drawn_by_chance_depends_on_the_seed_alone():
    np.testing.assert_array_equal(drawn(seed=3), drawn(seed=3))
    assert not np.array_equal(drawn(seed=3), drawn(seed=4))


def test_a_copy_that_loads_other_weights_judges_by_them():
    velocity = fitted().memory.streams["velocity"]
    copied = copy.deepcopy(velocity)
    seen = going(30, 0)
    copied.judge(seen, copied.begin())
    other = copy.deepcopy(velocity)
    other.count_SKRC.fill(0)
    copied.load(other.arrays())
    other.settle()
    np.testing.assert_array_equal(copied.judge(seen, None), other.judge(seen, None))
    assert not np.array_equal(copied.judge(seen, None), velocity.judge(seen, None))
