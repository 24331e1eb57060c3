"""Which rows a study has."""

import pytest

from normalcy.errors import ConfigError
from normalcy.methods import METHODS, method_definition
from normalcy.workflows.study.plan import WHOLE, ablation, frame_counts

DATA = {"name": "folder", "root": "x"}


def plan(method, **options):
    return ablation(method, data=DATA, seeds=[0], **options)


STUDIED = [name for name in METHODS if method_definition(name).switches or method_definition(name).ladder]


@pytest.mark.parametrize("method", STUDIED)
def test_every_part_of_every_method_can_be_left_out_of_every_preset(method):
    for preset in method_definition(method).presets:
        rows = plan(method, preset=preset)
        whole = rows.config(WHOLE, 0)
        for row in rows.rows:
            assert (rows.config(row, 0) == whole) == (row == WHOLE), row


def test_each_rung_of_the_ladder_adds_something():
    rows = plan("ocr-gan-video").rows
    rungs = [name for name in rows if name.startswith(("frequency", "+"))]
    assert rungs == [
        "frequency split alone",
        "+ channel shuffling",
        "+ temporal attention",
        "+ temporal loss, without temporal fusion",  # the last rung lacks nothing else
    ]
    sizes = [len(rows[name]) for name in rungs]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(sizes)


def test_a_part_that_the_preset_lacks_is_no_row():
    assert list(plan("scene-memory", preset="speed-appearance").rows) == [
        WHOLE,
        "without stream speed",
        "without stream appearance",
    ]
    without = plan("scene-memory", preset="speed-appearance").config("without stream speed", 3)
    assert without.model["streams"] == ["appearance"]
    assert without.seed == 3


def test_only_what_is_asked_for():
    rows = plan("ocr-gan-video", only=["temporal fusion", "+ channel shuffling"]).rows
    assert list(rows) == [WHOLE, "+ channel shuffling", "+ temporal loss, without temporal fusion"]
    with pytest.raises(ConfigError, match="has no part 'wings'"):
        plan("ocr-gan-video", only=["wings"])


def test_overrides_hold_for_every_row():
    rows = plan("ocr-gan-video", overrides=["training.epochs=2"])
    assert {rows.config(row, 0).training.epochs for row in rows.rows} == {2}


def test_numbers_of_frames():
    rows = frame_counts("ocr-gan-video", [8, 16], data=DATA, seeds=[0, 1])
    assert rows.baseline == "8 frames"
    assert rows.config("16 frames", 1).model["clip_len_frames"] == 16
    with pytest.raises(ConfigError, match="no number of frames"):
        frame_counts("flow-magnitude", [8], data=DATA, seeds=[0])
