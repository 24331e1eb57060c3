import numpy as np
import pytest

from normalcy.explain import drawing
from normalcy.explain.heatmap import MapScale
from normalcy.explain.layout import HEADER_PX, Layout
from normalcy.explain.painter import FramePainter
from normalcy.scoring.types import FrameScore


def frame_score(*, index=0, smoothed=0.2, alarmed=False, per_day=3.0, map_HW=None):
    return FrameScore("camera", index, index / 10, smoothed, smoothed, per_day, alarmed, True, {}, map_HW)


def picture(height=240, width=320, channels=1, value=120):
    return np.full((height, width, channels), value, np.uint8)


def panel(canvas_HWC, painter, place):
    left, top = painter.layout.panel_corner_px(place)
    height, width = painter.layout.panel_size_px
    return canvas_HWC[top : top + height, left : left + width]


@pytest.mark.parametrize(
    ("size", "panel_size"),
    [
        ((240, 360), (240, 360)),
        ((64, 64), (240, 240)),
        ((1080, 1920), (360, 640)),
        ((480, 640), (480, 640)),
        ((320, 180), (426, 240)),
        ((1920, 1080), (480, 270)),
        ((100, 1000), (240, 2400)),
    ],
)
def test_panels_keep_proportions_and_are_readable(size, panel_size):
    layout = Layout.for_image(picture(*size))
    assert layout.panel_size_px == panel_size
    assert layout.panel_height_px >= 240
    assert layout.width_px % 2 == 0
    assert layout.height_px % 2 == 0
    assert layout.panel_corner_px(2)[0] + layout.panel_width_px <= layout.width_px


@pytest.mark.parametrize("channels", [1, 3])
def test_panels_show_frame_heat_map_and_both(channels):
    image_HWC = picture(channels=channels)
    map_HW = np.zeros((24, 32), np.float32)
    map_HW[12:18, 16:24] = 1.0
    painter = FramePainter(image_HWC, threshold=1.0, scale=MapScale(high=1.0))
    canvas_HWC = painter.paint(image_HWC, frame_score(map_HW=map_HW))
    frame, heat, both = (panel(canvas_HWC, painter, place) for place in range(3))
    assert (frame[40:] == 120).all()
    assert heat[150, 200].min() > 150  # pale yellow
    assert heat[60, 60].max() < 10
    np.testing.assert_array_equal(both[60, 60], (120, 120, 120))
    assert both[150, 200, 0] > both[150, 200, 2] + 20


def test_a_frame_without_a_map_is_shown_plainly():
    painter = FramePainter(picture(), threshold=1.0)
    canvas_HWC = painter.paint(picture(), frame_score())
    assert (panel(canvas_HWC, painter, 1)[40:] == drawing.SURFACE).all()
    np.testing.assert_array_equal(panel(canvas_HWC, painter, 2)[40:], panel(canvas_HWC, painter, 0)[40:])


@pytest.mark.parametrize(("alarmed", "colour"), [(True, drawing.ALARM), (False, drawing.FAINT)])
def test_the_border_and_the_word_tell_the_alarm(alarmed, colour):
    painter = FramePainter(picture(), threshold=1.0)
    canvas_HWC = painter.paint(picture(), frame_score(alarmed=alarmed))
    middle = HEADER_PX + painter.layout.panel_height_px // 2
    for at in ((middle, 1), (middle, painter.layout.width_px - 3), (HEADER_PX + 1, 300)):
        np.testing.assert_array_equal(canvas_HWC[at], colour)
    pill = canvas_HWC[painter.layout.status_top_px + 8 : painter.layout.status_top_px + 32, 10:92]
    assert bool((pill == drawing.ALARM).all(axis=2).sum() > 800) is alarmed


def test_truth_key_is_there_only_with_labels():
    def status(labels_T):
        painter = FramePainter(picture(), threshold=1.0, labels_T=labels_T)
        canvas_HWC = painter.paint(picture(), frame_score())
        top = painter.layout.status_top_px
        return canvas_HWC[top : top + 40, -110:]

    assert (status(None) == drawing.BACKGROUND).all()
    assert not (status(np.zeros(3, bool)) == drawing.BACKGROUND).all()


def test_labels_are_looked_up_by_index_and_missing_ones_are_unknown():
    labels_T = np.array([False, True])
    painter = FramePainter(picture(), threshold=1.0, labels_T=labels_T, duration_seconds=1.0)
    for index in (0, 1, 2):
        canvas_HWC = painter.paint(picture(), frame_score(index=index))
    row = canvas_HWC[painter.layout.trace_top_px + 50]
    assert 0 < (row != drawing.SURFACE).any(axis=1).sum() < 12


def test_the_frame_is_never_written_to_and_painting_is_causal():
    image_HWC = picture()
    image_HWC.setflags(write=False)
    maps = [np.full((8, 8), value, np.float32) for value in (1.0, 5.0)]
    one, other = (FramePainter(image_HWC, threshold=1.0) for _ in range(2))
    first = one.paint(image_HWC, frame_score(map_HW=maps[0]))
    one.paint(image_HWC, frame_score(index=1, map_HW=maps[1]))
    np.testing.assert_array_equal(first, other.paint(image_HWC, frame_score(map_HW=maps[0])))


@pytest.mark.parametrize("threshold", [0.0, 1e-7, 0.0123, 5.0, 123456.0, float("inf")])
@pytest.mark.parametrize("per_day", [float("nan"), 0.0001, 3.4, 86400.0])
def test_every_number_can_be_written(threshold, per_day):
    painter = FramePainter(picture(), threshold=threshold, title="a very long title " * 20)
    canvas_HWC = painter.paint(picture(), frame_score(per_day=per_day))
    clock = canvas_HWC[:HEADER_PX, -120:-70]
    assert (clock == drawing.BACKGROUND).all()  # the title stops before the clock


def test_a_frame_of_another_size_is_scaled_to_the_panels():
    painter = FramePainter(picture(), threshold=1.0)
    canvas_HWC = painter.paint(picture(480, 640, 3), frame_score())
    assert (panel(canvas_HWC, painter, 0)[40:] == 120).all()
