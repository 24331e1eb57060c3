"""A memory that is fitted takes more in, and lets go of it again, without being fitted anew."""

import copy

import numpy as np
import pytest
from scene_memory_views import COLUMNS, CONFIG, ROWS, everywhere, fitted, going, scored, stamps, view, walk

from normalcy.layers.public_weights import LITE0_PACKAGE
from normalcy.methods.scene_memory.method import SceneMemory
from normalcy.methods.scene_memory.streams.speed import Speed
from normalcy.methods.scene_memory.streams.velocity import Velocity


def known() -> SceneMemory:
    """The fitted method, whose looks tell things apart."""
    pytest.importorskip(LITE0_PACKAGE)
    return fitted(public=True)


ONCE = np.ones((ROWS, COLUMNS), np.float32)


def striped_run() -> list[np.ndarray]:
    """Somebody in stripes, fast."""
    film = walk(17, seed=3, step_px=7)
    stripes_HW = np.where(np.arange(20)[:, None] // 4 % 2, 250, 5).repeat(12, axis=1).astype(np.uint8)
    for t, frame_3HW in enumerate(film):
        column = (6 + t * 7) % (CONFIG.size_px[1] - 12)
        frame_3HW[:, 24:44, column : column + 12] = stripes_HW
    return film


RUN = striped_run()


def amended(film, *, times: float, where=..., start_seconds: float = 0.0, method=None) -> SceneMemory:
    """A copy of the fitted method that was told of a film."""
    method = method or copy.deepcopy(known())
    times_RC = np.zeros((ROWS, COLUMNS), np.float32)
    times_RC[where] = times
    camera = method.camera("told")
    for start in range(0, len(film) - 2, 2):
        (look,) = method.look([np.stack(film[start : start + 3])])
        camera.amend(stamps(start), look, times_RC=times_RC, start_seconds=start_seconds)
    method.settle()
    return method


def peak(method: SceneMemory, film) -> float:
    return max(float(each.score_T.max()) for each in scored(method, film))


def examples_of(method: SceneMemory):
    return method.memory.streams["appearance"].examples


def counts(method: SceneMemory) -> dict[str, np.ndarray]:
    return {name: tensor.numpy().copy() for name, tensor in method.state_dict().items() if "count_" in name}


def test_what_was_told_to_be_normal_is_less_surprising():
    before = peak(known(), RUN)
    after = amended(RUN, times=50)
    assert peak(after, RUN) < 0.8 * before
    assert "told" in {origin.video for origin in examples_of(after).origins}


def test_what_is_forgotten_is_surprising_again():
    told = amended(RUN, times=50)
    after = amended(RUN, times=-50, method=copy.deepcopy(told))
    assert "told" not in {origin.video for origin in examples_of(after).origins}
    for name, count in counts(known()).items():
        np.testing.assert_allclose(counts(after)[name], count, atol=1e-3)
    assert peak(after, RUN) > max(0.9 * peak(known(), RUN), 1.2 * peak(told, RUN))


def test_more_is_never_taken_out_than_was_counted():
    for count in counts(amended(RUN, times=-50)).values():
        assert (count >= 0).all()


def test_zero_times_changes_nothing():
    after = amended(RUN, times=0)
    for name, tensor in known().state_dict().items():
        np.testing.assert_array_equal(after.state_dict()[name], tensor, err_msg=name)


def test_frames_before_the_start_change_nothing():
    whole, late = amended(RUN, times=5), amended(RUN, times=5, start_seconds=1.0)
    counted = {name: [counts(each)[name].sum() for each in (known(), late, whole)] for name in counts(whole)}
    assert all(before <= after <= most for before, after, most in counted.values())
    assert any(before < after < most for before, after, most in counted.values())
    assert all(origin.seconds >= 1.0 for origin in examples_of(late).origins if origin.video == "told")


def test_only_the_region_counts():
    left = amended(RUN, times=50, where=np.s_[:, :6])
    for origin in examples_of(left).origins:
        assert origin.video != "told" or origin.column < 6
    velocity = left.memory.streams["velocity"].count_SKRC - known().memory.streams["velocity"].count_SKRC
    assert velocity[..., :6].sum() > 0
    assert velocity[..., 6:].sum() == 0


@pytest.mark.parametrize("stream", [Speed(CONFIG, scenes=1), Velocity(CONFIG, scenes=1)])
def test_amending_once_is_remembering(stream):
    remembers, amends = copy.deepcopy(stream), copy.deepcopy(stream)
    remembers.remember(going(12, 3), None)
    amends.amend(going(12, 3), None, ONCE)
    for name, array in remembers.arrays().items():
        np.testing.assert_array_equal(amends.arrays()[name], array)


def test_the_strangest_places_are_apart_and_say_which_normal_look_they_are_nearest_to():
    appearance = known().memory.streams["appearance"]
    look_RCF = np.tile(examples_of(known()).mean_D, (ROWS, COLUMNS, 1))
    spread_F = np.linalg.norm(examples_of(known()).whitening_DF, axis=1)
    look_RCF[2, 3] += 400 / spread_F.max()
    look_RCF[5, 9] += 50 / spread_F.max()
    seen = view(look_RCF=look_RCF, strange_HW=everywhere(20))
    found = appearance.nearest(seen, count=2)
    assert [(each.row, each.column) for each in found] == [(2, 3), (5, 9)]
    assert found[0].score > found[1].score > 0
    examples = examples_of(known())
    for each in found:
        (origin,) = examples.nearest(examples.whiten(look_RCF[each.row, each.column][None]))
        assert each.origin == origin
    assert appearance.nearest(view(), count=2) == []
    assert appearance.nearest(view(look_RCF=look_RCF), count=2) == []


def test_a_camera_names_the_places_of_the_last_frame_of_a_clip():
    method, film = known(), walk(3, seed=3)
    (look,) = method.look([np.stack(film)])
    found = method.camera("x").nearest(stamps(0), look, count=3)
    assert 1 <= len(found) <= 3
    assert {each.origin.video for each in found} <= {"walk 0", "walk 1"}
    without = SceneMemory(CONFIG.model_copy(update={"streams": ("speed",)}))
    (look,) = without.look([np.stack(film)])
    assert without.camera("x").nearest(stamps(0), look, count=3) == []
