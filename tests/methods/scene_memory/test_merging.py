"""Memories of parts that are merged: what is exact is exact to the last bit, what is drawn is drawn evenly."""

from collections.abc import Iterable
from functools import cache

import numpy as np
import pytest
from scene_memory_views import fitted, stamps, walk

from normalcy.errors import BundleError
from normalcy.methods.contract import Look
from normalcy.methods.scene_memory.arrays import counted_together
from normalcy.methods.scene_memory.examples import Candidates, Examples, Origin
from normalcy.methods.scene_memory.memory import Memory
from normalcy.methods.scene_memory.streams.appearance import Appearance
from normalcy.methods.scene_memory.streams.dwell import Dwell

FILMS = range(3)
FRAMES = 27
WIDTH = 4


@cache
def looks(film: int) -> list[Look]:
    """What each clip of a film shows."""
    frames = walk(FRAMES, seed=film, step_px=1 + film)
    return fitted().look([np.stack(frames[start : start + 3]) for start in range(0, FRAMES - 2, 2)])


def remember(memory: Memory, films: Iterable[int], *, start_seconds: float = 0.0) -> Memory:
    for film in films:
        camera = memory.camera(f"walk {film}")
        for number, look in enumerate(looks(film)):
            camera.remember(stamps(2 * number), look, start_seconds=start_seconds)
    return memory


@pytest.fixture(scope="module")
def in_one_piece() -> Memory:
    memory = remember(fitted().memory.part(0), FILMS)
    memory.settle()
    return memory


@pytest.fixture(scope="module")
def merged() -> Memory:
    survey = fitted().memory
    memory = survey.part(0)
    for number, films in enumerate((FILMS[:1], FILMS[1:])):
        memory.merge(remember(survey.part(1 + number), films).collected())
    memory.settle()
    return memory


@pytest.mark.parametrize("stream", ["speed", "velocity", "residual", "shape", "dwell", "stillness"])
def test_streams_that_count_are_those_of_a_memory_in_one_piece(in_one_piece, merged, stream):
    whole, of_parts = in_one_piece.streams[stream].arrays(), merged.streams[stream].arrays()
    counts = [name for name in whole if "count" in name]
    assert counts
    assert all(whole[name].sum() > 0 for name in counts)
    for name, array in whole.items():
        np.testing.assert_array_equal(of_parts[name], array)


def test_looks_are_remembered_of_all_parts_and_no_more_than_there_is_room_for(merged):
    appearance = merged.streams["appearance"]
    assert isinstance(appearance, Appearance)
    assert len(appearance.examples.example_NF) <= merged.config.appearance.examples
    assert {origin.video for origin in appearance.examples.origins} == {f"walk {film}" for film in FILMS}
    drawn = appearance.collected()
    assert len(drawn["look_ND"]) == merged.config.appearance.candidates < drawn["offered"]


def test_a_part_shares_the_survey_and_draws_by_its_number():
    survey = fitted().memory
    part = survey.part(3)
    assert part.scenes is survey.scenes
    np.testing.assert_array_equal(part.motion.pace_R, survey.motion.pace_R)
    np.testing.assert_array_equal(part.streams["velocity"].pace_R, survey.motion.pace_R)
    assert not any(each.any() for name, each in part.arrays().items() if "count" in name)
    drawn = [remember(survey.part(number), FILMS[2:]).collected() for number in (3, 3, 4)]
    same, other = (
        np.array_equal(drawn[0]["appearance.look_ND"], each["appearance.look_ND"]) for each in drawn[1:]
    )
    assert same
    assert not other


def test_a_part_in_which_nothing_was_to_be_seen_changes_nothing(merged):
    before = {name: array.copy() for name, array in merged.arrays().items()}
    merged.merge(fitted().memory.part(9).collected())
    merged.settle()
    for name, array in merged.arrays().items():
        np.testing.assert_array_equal(array, before[name])


def test_frames_of_the_run_in_are_seen_and_not_counted():
    # Presence is known after two seconds: of the last one only because the others were seen.
    for start_seconds, frames in ((0.0, 7), (2.35, 3)):
        dwell = remember(fitted().memory.part(0), [0], start_seconds=start_seconds).streams["dwell"]
        assert isinstance(dwell, Dwell)
        assert dwell.seen.count_SRCB[0, 0, 0].sum() == frames


def test_counts_of_other_scenes_do_not_add_up():
    with pytest.raises(BundleError, match="do not add up"):
        counted_together(np.zeros((1, 2), np.float32), np.zeros((2, 2), np.float32))


def test_counts_do_not_stop_where_single_precision_does():
    much = np.full(1, 2.0**24, np.float32)
    assert counted_together(much, np.full(1, 1000, np.float32))[0] == 2.0**24 + 1000


def candidates(numbers: range, *, limit: int, seed: int = 0) -> Candidates:
    made = Candidates(limit, seed=seed)
    looks_ND = np.repeat(np.array(numbers, np.float32)[:, None], WIDTH, 1)
    made.add(looks_ND, [Origin("ab"[n % 2], n, n / 10, 0, 0) for n in numbers])
    return made


def test_draws_that_fit_are_put_together_whole_and_in_order():
    first, second = candidates(range(20), limit=50), candidates(range(20, 45), limit=50)
    first.merge(second.drawn())
    assert first.kept[:, 0].tolist() == list(range(45))
    assert [origin.frame for origin in first.origins] == list(range(45))
    assert {origin.video for origin in first.origins} == {"a", "b"}


@pytest.mark.parametrize("sizes", [(100, 400), (400, 100), (20, 480)])
def test_each_tenth_of_the_footage_has_its_share_of_a_draw_of_draws(sizes):
    kept, middle = [], sizes[0]
    for seed in range(60):
        made = candidates(range(middle), limit=50, seed=seed)
        made.merge(candidates(range(middle, 500), limit=50, seed=1000 + seed).drawn())
        assert len(made) == 50
        assert [origin.frame for origin in made.origins] == made.kept[:, 0].tolist()
        kept.extend(made.kept[:, 0])
    counts = np.histogram(kept, bins=10, range=(0, 500))[0]
    # 300 each; their deviation is 16.
    assert counts.sum() == 3000
    assert np.abs(counts - 300).max() < 65


def test_draws_from_more_looks_than_can_be_counted_one_by_one():
    made = candidates(range(500), limit=50)
    drawn = candidates(range(500, 1000), limit=50, seed=1).drawn()
    made.merge(drawn | {"offered": np.array(3 * 10**9)})
    assert len(made) == 50
    assert (made.kept[:, 0] >= 500).sum() >= 48
    made.merge(drawn | {"offered": np.array(3 * 10**9)})
    assert made.drawn()["offered"] == 500 + 6 * 10**9


def clustered(count: int, *, centres: range, seed: int) -> np.ndarray:
    """Looks around some of eight centres."""
    random = np.random.default_rng(seed)
    centres_KD = np.random.default_rng(42).normal(0, 5, (8, 16))
    return (centres_KD[random.choice(centres, count)] + random.normal(0, 1, (count, 16))).astype(np.float32)


def test_examples_of_a_draw_of_draws_judge_as_those_of_one_draw():
    def drawn(*parts: np.ndarray, seed: int) -> Candidates:
        made = Candidates(600, seed=seed)
        for part_ND in parts:
            made.add(part_ND, [Origin("a", n, n / 10, 0, 0) for n in range(len(part_ND))])
        return made

    footage = [clustered(n, centres=c, seed=n) for n, c in ((3000, range(5)), (1500, range(3, 8)))]
    whole, of_parts = drawn(*footage, seed=0), drawn(footage[0], seed=1)
    of_parts.merge(drawn(footage[1], seed=2).drawn())
    judged = [*clustered(300, centres=range(8), seed=7), *np.random.default_rng(8).normal(0, 5, (300, 16))]
    distances = []
    for candidates_of in (whole, of_parts):
        examples = Examples(16, dims=16, count=60)
        examples.learn(candidates_of)
        assert len(examples.example_NF) <= 60
        distances.append(examples.distance(examples.whiten(np.array(judged, np.float32))))
    assert np.corrcoef(distances)[0, 1] > 0.95
    assert np.median(np.abs(distances[1] / distances[0] - 1)) < 0.1
    # What is normal stays below all else.
    assert distances[1][:300].max() < np.quantile(distances[1][300:], 0.05)
