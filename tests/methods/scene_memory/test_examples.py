import numpy as np
import pytest

from normalcy.methods.scene_memory.examples import Candidates, Examples, Origin

WIDTH = 6
MIX = np.random.default_rng(42).normal(0, 2, (WIDTH, WIDTH))


def looks(count: int, *, seed: int = 0) -> np.ndarray:
    """Correlated looks around a mean that is not 0."""
    return (np.random.default_rng(seed).normal(0, 1, (count, WIDTH)) @ MIX + 5).astype(np.float32)


def origins(count: int, video: str = "a") -> list[Origin]:
    return [Origin(video, n, n / 10, n % 3, n % 5) for n in range(count)]


def candidates(count: int, *, limit: int = 1000, seed: int = 0) -> Candidates:
    made = Candidates(limit)
    made.add(looks(count, seed=seed), origins(count))
    return made


def learned(count: int = 200, *, limit: int = 1000, dims: int = WIDTH) -> Examples:
    examples = Examples(WIDTH, dims=dims, count=limit)
    examples.learn(candidates(count))
    return examples


def test_candidates_are_all_kept_up_to_their_limit_each_with_its_origin():
    made = candidates(30, limit=30)
    np.testing.assert_array_equal(made.kept, looks(30))
    assert made.origins == origins(30)
    made.add(looks(500, seed=1), origins(500, "b"))
    assert len(made) == len(made.kept) == len(made.origins) == 30


def test_a_kept_candidate_has_its_own_origin():
    made = Candidates(20)
    for start in range(0, 300, 50):
        numbers = np.arange(start, start + 50)
        made.add(np.repeat(numbers[:, None], WIDTH, 1), [Origin("a", int(n), 0.0, 0, 0) for n in numbers])
    assert [origin.frame for origin in made.origins] == made.kept[:, 0].tolist()
    assert len(set(made.kept[:, 0])) == 20


def test_each_tenth_of_the_footage_has_its_share_of_the_candidates():
    kept = []
    for seed in range(60):
        made = Candidates(50, seed=seed)
        made.add(np.arange(500)[:, None], origins(500))
        kept.extend(made.kept[:, 0])
    counts = np.histogram(kept, bins=10, range=(0, 500))[0]
    # 300 each; their deviation is 16.
    assert counts.sum() == 3000
    assert np.abs(counts - 300).max() < 65


def test_candidates_that_are_whitened_vary_alike_in_all_directions():
    examples = learned(500)
    whitened_NF = examples.whiten(looks(500))
    np.testing.assert_allclose(whitened_NF.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(np.cov(whitened_NF.T), np.eye(WIDTH), atol=0.05)


def test_fewer_directions_are_those_in_which_footage_varies_most():
    looks_ND = np.random.default_rng(0).normal(0, [9, 0.1, 4, 0.2, 0.1, 0.1], (400, WIDTH)).astype(np.float32)
    made = Candidates(1000)
    made.add(looks_ND, origins(400))
    examples = Examples(WIDTH, dims=2, count=1000)
    examples.learn(made)
    assert examples.whiten(looks_ND).shape == (400, 2)
    weights_D = np.abs(examples.whitening_DF).sum(axis=1)
    assert set(np.argsort(weights_D)[-2:]) == {0, 2}


def test_a_direction_without_variation_does_not_weigh_without_end():
    looks_ND = looks(300)
    looks_ND[:, 3] = 7
    made = Candidates(1000)
    made.add(looks_ND, origins(300))
    examples = Examples(WIDTH, dims=WIDTH, count=1000)
    examples.learn(made)
    moved = looks_ND[:1] + np.eye(WIDTH, dtype=np.float32)[3:4] * 0.01
    assert examples.distance(examples.whiten(moved))[0] < 0.2


@pytest.mark.parametrize("repeats", [1, 2, 30])
def test_looks_that_are_all_the_same_can_be_learned(repeats):
    made = Candidates(1000)
    made.add(looks(1).repeat(repeats, 0), origins(repeats))
    examples = Examples(WIDTH, dims=WIDTH, count=20)
    examples.learn(made)
    same, other = (examples.distance(examples.whiten(looks(1) + away))[0] for away in (0, 50))
    assert same == pytest.approx(0, abs=0.01)
    assert np.isfinite(other)
    assert other > 0


@pytest.mark.parametrize("limit", [1, 20, 199, 200, 500])
def test_there_are_no_more_examples_than_the_limit(limit):
    examples = learned(limit=limit)
    assert 1 <= len(examples.example_NF) == len(examples.origins) <= limit
    if limit >= 200:
        assert len(examples.example_NF) == 200


def test_clusters_leave_no_normal_look_far_away():
    few, all_of_them = learned(limit=20), learned()
    distance_Q = few.distance(few.whiten(looks(200)))
    assert distance_Q.mean() < 0.8
    assert distance_Q.mean() > all_of_them.distance(all_of_them.whiten(looks(200))).mean() + 0.05


def test_an_example_is_no_distance_from_itself():
    examples = learned(limit=20)
    assert examples.distance(examples.example_NF).max() < 0.01


def test_distance_is_to_the_nearest_example_over_the_root_of_the_directions():
    examples = learned(limit=20, dims=4)
    query_QF = examples.whiten(looks(50, seed=3) + 1)
    apart_QN = np.linalg.norm(query_QF[:, None] - examples.example_NF[None], axis=-1)
    np.testing.assert_allclose(examples.distance(query_QF), apart_QN.min(axis=1) / 2, atol=1e-3)


def test_the_nearest_example_says_where_it_comes_from():
    examples = learned()
    query_QF = examples.whiten(looks(200)[[7, 133, 7]])
    assert examples.nearest(query_QF) == [Origin("a", n, n / 10, n % 3, n % 5) for n in (7, 133, 7)]


def test_the_origin_of_a_cluster_is_the_look_nearest_to_its_centre():
    """Two clusters on a line, around 2 and 105; the looks nearest to the centres are neither first nor last."""
    places_N = np.array([0, 4, 2.1, 1.9, 105.2, 100, 110, 105], np.float32)
    made = Candidates(100)
    made.add(places_N[:, None] * np.ones((1, WIDTH), np.float32), origins(8))
    examples = Examples(WIDTH, dims=1, count=2)
    examples.learn(made)
    low, high = (examples.nearest(examples.whiten(np.full((1, WIDTH), at)))[0].frame for at in (2, 105))
    assert low in (2, 3)
    assert high in (4, 7)


def test_a_look_that_is_added_is_near_and_far_again_once_forgotten():
    examples = learned(limit=20)
    strange_1F = examples.whiten(looks(1) + 60)
    before, known = examples.distance(strange_1F)[0], examples.origins
    assert before > 3
    told = Origin("ö: told by somebody", 12, 3.5, 4, 5)
    examples.add(strange_1F, [told])
    assert examples.distance(strange_1F)[0] < 0.05
    assert examples.nearest(strange_1F) == [told]
    assert examples.origins == [*known, told]
    examples.forget(np.array([origin != told for origin in examples.origins]))
    assert examples.distance(strange_1F)[0] == pytest.approx(before)
    assert examples.origins == known


def test_examples_of_several_videos_keep_their_origins_when_some_are_forgotten():
    examples = learned(5)
    examples.add(examples.whiten(looks(3, seed=1)), origins(3, "b"))
    examples.forget(np.array([False] * 5 + [True, False, True]))
    assert examples.origins == [origins(3, "b")[0], origins(3, "b")[2]]
    assert examples.nearest(examples.whiten(looks(3, seed=1)[[2]])) == [origins(3, "b")[2]]


def test_learning_from_the_same_candidates_twice_gives_the_same_examples():
    one, other = learned(limit=20), learned(limit=20)
    np.testing.assert_array_equal(one.example_NF, other.example_NF)
    assert one.origins == other.origins


def far_looks(count: int, *, apart: float = 200.0) -> np.ndarray:
    """Looks unlike all that was learned, and unlike each other."""
    return looks(1) + apart * (1 + np.arange(count, dtype=np.float32)[:, None])


def test_looks_are_added_until_each_is_as_near_to_an_example_as_is_usual():
    examples = learned(limit=20)
    known = examples.origins
    strange_QF = examples.whiten(np.concatenate([far_looks(3), far_looks(3) + 1e-3, looks(5)]))
    told = origins(11, "told")
    added = examples.add_new(strange_QF, told)
    assert 3 <= added <= 8
    assert examples.distance(strange_QF).max() <= 1.1
    assert examples.origins[: len(known)] == known
    assert len(examples.origins) == len(known) + added
    # One of each twin, and none that was known already.
    assert {origin.frame % 3 for origin in examples.origins[len(known) :] if origin.frame < 6} == {0, 1, 2}
    assert examples.add_new(strange_QF, told) == 0


def test_memory_stays_bounded_and_what_was_told_last_stays():
    examples = learned(limit=20)
    examples.add_new(examples.whiten(far_looks(30)), origins(30, "told"))
    last_QF = examples.whiten(far_looks(6, apart=-500.0))
    examples.add_new(last_QF, origins(6, "last"))
    assert len(examples.example_NF) == len(examples.origins) == 40
    assert examples.distance(last_QF).max() <= 1.1


def test_what_gives_way_adds_least_to_earlier_examples():
    examples = learned(limit=2)
    examples.forget(np.array([True, False]))
    base_1F = examples.example_NF
    told = np.concatenate([base_1F + 10, base_1F + 20, base_1F + 21.2, base_1F + 40])
    assert examples.add_new(told, origins(4, "told")) == 4
    frames = [origin.frame for origin in examples.origins if origin.video == "told"]
    assert len(examples.example_NF) == 4
    assert sorted(frames) in ([0, 1, 3], [0, 2, 3])


def test_what_was_learned_from_looks_is_forgotten_and_nothing_else():
    examples = learned(limit=20)
    strange_QF = examples.whiten(far_looks(2))
    known, before = examples.origins, examples.distance(strange_QF)
    examples.add_new(strange_QF, origins(2, "told"))
    nowhere_N = np.zeros(22, np.bool_)
    assert examples.forget_seen(strange_QF[:1], from_there_N=nowhere_N) == 1
    np.testing.assert_allclose(examples.distance(strange_QF)[1], 0, atol=0.05)
    assert examples.forget_seen(strange_QF, from_there_N=nowhere_N[1:]) == 1
    assert examples.origins == known
    np.testing.assert_allclose(examples.distance(strange_QF), before, rtol=1e-4)
    assert examples.forget_seen(strange_QF, from_there_N=nowhere_N[2:]) == 0


def test_of_examples_from_the_same_time_and_place_those_go_that_may_be_a_centre_of_such_looks():
    examples = learned(limit=20)
    base_1F = examples.example_NF[:1]
    from_there_N = np.zeros(20, np.bool_)
    assert examples.forget_seen(base_1F + 1.0, from_there_N=from_there_N) == 0
    from_there_N[0] = True
    assert examples.forget_seen(base_1F + 1.2, from_there_N=from_there_N) == 0
    known = examples.origins
    assert examples.forget_seen(base_1F + 1.0, from_there_N=from_there_N) == 1
    assert examples.origins == known[1:]


def test_one_example_stays_whatever_is_forgotten():
    examples = learned(limit=20)
    everything_NF = examples.example_NF
    assert examples.forget_seen(everything_NF, from_there_N=np.ones(20, np.bool_)) == 19
    assert len(examples.example_NF) == len(examples.origins) == 1


def test_examples_that_were_changed_are_those_that_are_searched():
    """By learning, adding, forgetting, loading and in a copy."""
    import copy

    examples, other = learned(limit=20), learned(30)
    query_QF = examples.whiten(looks(5, seed=9))

    def true_distances(of: Examples) -> np.ndarray:
        apart_QN = np.linalg.norm(query_QF[:, None] - of.example_NF[None], axis=-1)
        return apart_QN.min(axis=1) / np.sqrt(WIDTH)

    def holds(of: Examples) -> None:
        np.testing.assert_allclose(of.distance(query_QF), true_distances(of), atol=2e-3)

    holds(examples)
    examples.add(query_QF[:1], origins(1))
    holds(examples)
    examples.forget(np.arange(21) % 2 == 0)
    holds(examples)
    copied = copy.deepcopy(examples)
    holds(copied)
    loaded = copy.deepcopy(other)
    holds(loaded)
    changed = {name: array.copy() for name, array in other.arrays().items()}
    changed["example_NF"] += 3
    loaded.load(changed)
    holds(loaded)
    copied.learn(candidates(40, seed=4))
    holds(copied)
