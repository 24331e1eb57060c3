import numpy as np
import pytest

from normalcy.methods.scene_memory.place_statistics import PlaceHistogram


def histogram(columns: int = 1, *, scenes: int = 1) -> PlaceHistogram:
    return PlaceHistogram(scenes, (1, columns), low=0.0, high=10.0, bins=10)


def counted(*bins: int, times: float) -> PlaceHistogram:
    """One row of cells; in each, one bin was counted so often."""
    made = histogram(len(bins))
    for column, place in enumerate(bins):
        made.count_SRCB[0, 0, column, place] = times
    return made


def row(values: list[float]) -> np.ndarray:
    return np.array([values], np.float32)


@pytest.mark.parametrize("q", [0.05, 0.5, 0.98])
def test_a_quantile_is_right_within_the_width_of_a_bin(q):
    values = np.random.default_rng(0).gamma(3.0, 1.0, 1000).clip(0, 10)
    made = PlaceHistogram(1, (1, 1), low=0.0, high=10.0, bins=50)
    for value in values:
        made.add(row([value]), scene=0)
    (found,) = made.quantile(q, reach=(0, 0)).ravel()
    assert found == pytest.approx(np.quantile(values, q), abs=10 / 50)


def test_a_place_is_drawn_to_the_whole_scene_by_as_much_as_it_lacks_counts():
    """Medians: 2.5 in the one, 8.5 in the other, 3 in the scene; a thousand counts are believed by half."""
    found = counted(2, 8, times=1000).quantile(0.5, reach=(0, 0))
    np.testing.assert_allclose(found.ravel(), [2.75, 5.75], rtol=1e-5)


def test_a_place_without_counts_has_the_value_of_the_whole_scene():
    made = counted(2, 8, times=500)
    made.count_SRCB[0, 0, 0] = 0
    assert made.quantile(0.5, reach=(0, 0))[0, 0, 0] == pytest.approx(8.5)


def test_neighbours_that_tell_the_same_count_as_one():
    once = counted(2, 8, times=1000).quantile(0.5, reach=(0, 0))
    alike = counted(2, 8, times=100_000).quantile(0.5, reach=(0, 0), alike=100.0)
    np.testing.assert_allclose(alike, once, rtol=1e-5)
    drawn = counted(2, 8, times=1000).quantile(0.5, reach=(0, 0), alike=1000.0)
    np.testing.assert_allclose(drawn, 3, atol=0.01)


@pytest.mark.parametrize(
    ("reach", "expected"), [(0, [1.5, 5.5, 9.5]), (1, [2.0, 5.5, 6.0]), (2, [5.5] * 3), (-1, [5.5] * 3)]
)
@pytest.mark.parametrize("along", ["columns", "rows"])
def test_neighbours_up_to_the_reach_are_counted_too(reach, expected, along):
    made = counted(1, 5, 9, times=1e6)
    reaches = (0, reach)
    if along == "rows":
        turned = PlaceHistogram(1, (3, 1), low=0.0, high=10.0, bins=10)
        turned.count_SRCB[:] = made.count_SRCB.swapaxes(1, 2)
        made, reaches = turned, (reach, 0)
    np.testing.assert_allclose(made.quantile(0.5, reach=reaches).ravel(), expected, atol=0.02)


def test_what_lies_beyond_the_range_counts_in_the_outermost_bin():
    made = histogram(4)
    made.add(row([-5, 0, 10, 1e9]), scene=0)
    assert made.count_SRCB[0, 0].argmax(axis=-1).tolist() == [0, 0, 9, 9]
    assert made.count_SRCB.sum() == 4


def test_only_the_cells_asked_for_are_counted_and_only_in_their_scene():
    made = histogram(3, scenes=2)
    made.add(row([1.5, 2.5, 3.5]), scene=1, where_RC=np.array([[True, False, True]]))
    assert np.argwhere(made.count_SRCB).tolist() == [[1, 0, 0, 1], [1, 0, 2, 3]]
    medians_SRC = made.quantile(0.5, reach=(0, 0))
    assert (medians_SRC[0] == 0).all()
    assert medians_SRC[1, 0, 1] == pytest.approx(2.0)


def test_nothing_counted_gives_the_lowest_value():
    made = PlaceHistogram(1, (2, 2), low=-3.0, high=5.0)
    np.testing.assert_array_equal(made.quantile(0.9, reach=(1, 1)), np.full((1, 2, 2), -3))


def test_counts_survive_saving():
    made, other = counted(2, 8, times=700), histogram(2)
    other.load(made.arrays())
    np.testing.assert_array_equal(other.count_SRCB, made.count_SRCB)
    other.add(row([5.5, 5.5]), scene=0)
    assert other.count_SRCB.sum() == made.count_SRCB.sum() + 2
