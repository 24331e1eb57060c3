import math
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from normalcy.report.curves import Curve, Marks, curves_svg


def drawn(points, *, epochs=(1, 5), **options):
    curves = [Curve.of("loss", each) for each in points]
    return ET.fromstring(curves_svg(curves, epochs=epochs, label="Loss.", **options)[0])


def with_class(root, name):
    return [node for node in root.iter() if name in node.get("class", "").split()]


def places(node):
    return [tuple(map(float, pair.split())) for pair in node.get("d")[1:].split("L")]


def test_a_curve_counts_epochs_from_one_and_knows_its_lowest():
    curve = Curve.of("loss", [(2, 0.5), (0, 3.0), (1, 0.5)])
    assert curve.epoch_E.tolist() == [1, 2, 3]
    assert curve.value_E.tolist() == [3.0, 0.5, 0.5]
    assert curve.lowest == (2, 0.5)
    assert not curve.broken


def test_a_curve_runs_from_the_first_epoch_to_the_last_between_its_values():
    (line,) = with_class(drawn([[(0, 0.0), (1, 10.0)]], epochs=(1, 5)), "curve")
    (x0, y0), (x1, y1) = places(line)
    room = 162 * 0.06 / 1.12
    assert (x0, x1) == (52, 52 + 274 / 4)
    assert (y0, y1) == (pytest.approx(172 - room, abs=0.1), pytest.approx(10 + room, abs=0.1))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_no_number_breaks_the_line_and_leaves_a_lone_value_as_a_dot(bad):
    points = [(0, 1.0), (1, 2.0), (2, bad), (3, 1.5), (4, bad)]
    root = drawn([points])
    line, dot = with_class(root, "curve")
    assert len(places(line)) == 2
    assert dot.tag == "circle"
    assert Curve.of("loss", points).broken
    assert with_class(root, "hover")[2][0].text == "epoch 3: loss has no number"


def test_an_epoch_that_is_missing_breaks_the_line_but_an_even_rhythm_does_not():
    missing = Curve.of("loss", [(0, 1.0), (1, 1.0), (2, 1.0), (5, 1.0), (6, 1.0)])
    every_fifth = Curve.of("loss", [(4, 1.0), (9, 1.0), (14, 1.0), (16, 1.0)])
    assert missing.broken
    assert not every_fifth.broken
    assert len(with_class(drawn([[(4, 1.0), (9, 1.0), (14, 1.0)]], epochs=(1, 15)), "curve")) == 1


def test_a_single_epoch_is_a_dot_in_the_middle_with_a_column_over_the_whole():
    root = drawn([[(0, 0.25)]], epochs=(1, 1))
    (dot,) = with_class(root, "dot")
    assert (dot.get("cx"), dot.get("cy")) == ("189", "91")
    (column,) = with_class(root, "hover")
    assert (column.get("x"), column.get("width")) == ("52", "274")
    assert column[0].text == "epoch 1: loss 0.25"
    assert [node.text for node in with_class(root, "tick")][-1] == "1"


@pytest.mark.parametrize("points", [[], [(0, math.nan), (1, math.nan)]])
def test_a_curve_without_numbers_draws_axes_alone(points):
    root = drawn([points], marks=Marks(line=9))
    assert with_class(root, "curve") == with_class(root, "threshold") == []
    assert Curve.of("loss", points).lowest is None
    assert len(with_class(root, "axis")) == 1


def test_a_thousand_epochs_become_two_hundred_points_with_both_ends_and_forty_columns():
    value_E = np.random.default_rng(0).random(1000)
    value_E[[1, 998]] = 1.0
    points = [(epoch, math.nan if epoch in (300, 301, 700) else value) for epoch, value in enumerate(value_E)]
    root = drawn([points], epochs=(1, 1000))
    lines = with_class(root, "curve")
    assert len(lines) == 3
    assert 150 < sum(len(places(line)) for line in lines) <= 200
    assert (places(lines[0])[0][0], places(lines[-1])[-1][0]) == (52, 326)
    told = [column[0].text for column in with_class(root, "hover")]
    assert len(told) == 40
    assert told[0].startswith("epochs 1 to 25: loss ")
    assert told[-1].endswith(f"{value_E[975:].min():.3g} to 1")


def test_wide_values_get_a_logarithmic_axis_with_round_ticks():
    curve = Curve.of("loss", [(0, 10.0), (1, 0.1)])
    drawing, axis = curves_svg([curve], epochs=(1, 2), label="Loss.")
    assert axis.logarithmic
    words = [node.text for node in with_class(ET.fromstring(drawing), "tick")]
    assert words == ["0.1", "0.3", "1", "3", "10", "1", "2"]


def test_two_curves_share_an_axis_and_keep_their_classes():
    curves = [
        Curve.of("training", [(0, 1.0), (1, 2.0)]),
        Curve.of("validation", [(0, 3.0), (1, 2.0)], css="b"),
    ]
    root = ET.fromstring(curves_svg(curves, epochs=(1, 2), label="Loss.")[0])
    (both, only) = with_class(root, "curve"), with_class(root, "b")
    assert (len(both), len(only)) == (2, 1)
    assert places(both[0])[-1] == places(both[1])[-1]
    assert with_class(root, "hover")[0][0].text == "epoch 1: training 1, validation 3"


def test_marks_ring_a_value_and_draw_a_line_at_an_epoch():
    root = drawn([[(epoch, 5.0 - epoch) for epoch in range(5)]], marks=Marks(ring=(5, 1.0), line=3))
    (ring,), (line,) = with_class(root, "lowest"), with_class(root, "threshold")
    assert float(ring.get("cx")) == 326
    assert [x for x, _ in places(line)] == [189, 189]
    assert root.get("role") == "img"
    assert root.get("aria-label") == "Loss."
