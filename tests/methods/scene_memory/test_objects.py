"""The detector that a user gives, and the stream of what it finds."""

import copy
import importlib.util
import sys

import numpy as np
import pytest
from scene_memory_views import COLUMNS, CONFIG, ROWS, fitted, scored, view, walk

from normalcy.errors import ConfigError
from normalcy.methods.scene_memory.detector import Detector, decoded
from normalcy.methods.scene_memory.method import SceneMemory
from normalcy.methods.scene_memory.settings import STREAMS, ObjectSettings, SceneMemoryConfig
from normalcy.methods.scene_memory.streams.objects import Objects
from yolox import FOUND, another_model, bright_squares

SIZE_PX = (64, 96)
pytest.importorskip("openvino")


def picture(*squares: tuple[int, int], size_px=SIZE_PX, side: int = 8, colour=(0, 0, 255)) -> np.ndarray:
    """A dark picture with squares of a colour, red first; corners in pixels."""
    image_HW3 = np.zeros((*size_px, 3), np.uint8)
    for top, left in squares:
        image_HW3[top : top + side, left : left + side] = colour
    return image_HW3


@pytest.fixture
def file(tmp_path):
    return bright_squares(tmp_path / "detector.onnx", size_px=SIZE_PX)


@pytest.fixture
def detector(file):
    made = Detector(ObjectSettings())
    made.take(file)
    return made


def test_predictions_on_a_grid_become_boxes():
    """The third cell of the second row of the finest of grids of 2 x 3, 1 x 1 and none."""
    predicted_AD = np.zeros((7, 7), np.float32)
    predicted_AD[5] = 0.25, 0.5, np.log(2), np.log(4), 0.8, 0.1, 0.5
    edges_A4, confidence_A = decoded(predicted_AD, (16, 24))
    centre_x, centre_y = (2 + 0.25) * 8, (1 + 0.5) * 8
    np.testing.assert_allclose(edges_A4[5], [centre_x - 8, centre_y - 16, centre_x + 8, centre_y + 16])
    np.testing.assert_allclose(confidence_A, [0, 0, 0, 0, 0, 0.4, 0])
    # The only cell of stride 16 lies in the corner.
    np.testing.assert_allclose(edges_A4[6], [-8, -8, 8, 8])


def test_an_object_is_found_where_it_is(detector):
    found_N4 = detector.boxes(picture((24, 40)))
    np.testing.assert_allclose(found_N4, [[44 - 8, 28 - 8, 44 + 8, 28 + 8]], atol=1e-3)
    assert detector.boxes(picture()).shape == (0, 4)


def test_boxes_are_in_pixels_of_the_picture_whatever_its_size(detector):
    found_N4 = detector.boxes(picture((48, 80), size_px=(128, 192), side=16))
    np.testing.assert_allclose(found_N4, [[88 - 16, 56 - 16, 88 + 16, 56 + 16]], atol=1e-3)
    # Of other proportions: what is left over of the detector's input is even ground.
    found_N4 = detector.boxes(picture((24, 24), size_px=(64, 64)))
    np.testing.assert_allclose(found_N4, [[28 - 8, 28 - 8, 28 + 8, 28 + 8]], atol=1e-3)


def test_the_detector_sees_blue_first(tmp_path, detector):
    red = picture((24, 40), colour=(255, 0, 0))
    assert len(detector.boxes(red)) == 0
    of_red = Detector(ObjectSettings())
    of_red.take(bright_squares(tmp_path / "red.onnx", size_px=SIZE_PX, channel=2))
    assert len(of_red.boxes(red)) == 1


def test_of_boxes_that_overlap_one_is_kept(tmp_path, detector):
    assert len(detector.boxes(picture((24, 40), (24, 48)))) == 2  # A third in common.
    assert len(detector.boxes(picture((24, 40), (24, 64)))) == 2
    large = Detector(ObjectSettings())
    large.take(bright_squares(tmp_path / "large.onnx", size_px=SIZE_PX, side_px=40))
    assert len(large.boxes(picture((24, 40), (24, 48)))) == 1


def test_unsure_boxes_are_left_out(file):
    strict = Detector(ObjectSettings(least_confidence=FOUND + 0.05))
    strict.take(file)
    assert len(strict.boxes(picture((24, 40)))) == 0


def test_the_file_is_part_of_the_weights(detector, file):
    assert detector.file_U.tobytes() == file.read_bytes()
    other = Detector(ObjectSettings())
    other.make_room({"file_U": detector.file_U.shape})
    other.load(detector.arrays())
    for each in (other, copy.deepcopy(detector)):
        np.testing.assert_array_equal(each.boxes(picture((24, 40))), detector.boxes(picture((24, 40))))


def test_a_file_that_is_no_detector_is_named(tmp_path):
    wrong = {
        "empty.onnx": b"",
        "text.onnx": b"no model at all",
        "missing.onnx": None,
    }
    for name, content in wrong.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(ConfigError, match=r"cannot be read|is no ONNX model") as raised:
            Detector(ObjectSettings()).take(tmp_path / name)
        assert raised.value.where == str(tmp_path / name)
    with pytest.raises(ConfigError, match="is no YOLOX"):
        Detector(ObjectSettings()).take(another_model(tmp_path / "other.onnx"))


def test_without_what_runs_it_the_error_says_what_to_install(file, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "openvino" else find(name))
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ConfigError, match=r"pip install 'normalcy\[runtime\]'"):
        Detector(ObjectSettings()).take(file)


def boxes(*edges: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(edges, np.float32).reshape(-1, 4)


def moving(speed: float) -> np.ndarray:
    velocity_RC2 = np.zeros((ROWS, COLUMNS, 2), np.float32)
    velocity_RC2[..., 0] = speed
    return velocity_RC2


def learned(**seen) -> Objects:
    """Objects of 16 pixels that stand in row 5 and go 20 pixels a second."""
    stream = Objects(CONFIG, scenes=1)
    usual = {"boxes_N4": boxes((16, 32, 32, 48)), "velocity_RC2": moving(20)}
    for _ in range(200):
        stream.remember(view(**(usual | seen)), stream.begin())
    stream.settle()
    return stream


def judged(stream: Objects, *edges, speed: float = 20.0) -> np.ndarray:
    seen = view(boxes_N4=boxes(*edges), velocity_RC2=moving(speed))
    return stream.judge(seen, stream.begin())


def test_an_object_as_large_and_as_fast_as_usual_is_about_one():
    map_RC = judged(learned(), (48, 32, 64, 48))
    assert map_RC.max() == pytest.approx(1, rel=0.1)
    assert np.argwhere(map_RC > 0).tolist() == [[4, 6], [4, 7], [5, 6], [5, 7]]


@pytest.mark.parametrize(
    ("edges", "speed", "expected"),
    [((40, 16, 72, 48), 20, 2), ((48, 32, 64, 48), 60, 3), ((40, 16, 72, 48), 100, 5)],
)
def test_it_is_as_strange_as_the_more_unusual_of_size_and_speed(edges, speed, expected):
    assert judged(learned(), edges, speed=speed).max() == pytest.approx(expected, rel=0.1)


def test_without_objects_nothing_is_strange_and_between_looks_the_map_stays():
    stream, state = learned(), None
    state = stream.begin()
    assert stream.judge(view(boxes_N4=boxes()), state).max() == 0
    before_RC = stream.judge(view(boxes_N4=boxes((48, 32, 64, 48))), state)
    np.testing.assert_array_equal(stream.judge(view(boxes_N4=None), state), before_RC)


def test_an_object_is_told_once_where_it_stands_and_can_be_taken_back():
    stream = learned()
    counts = stream.size.seen.count_SRCB.sum(axis=(0, 2, 3))
    assert np.flatnonzero(counts).tolist() == [5]
    assert counts[5] == 200
    seen = view(boxes_N4=boxes((16, 32, 32, 48)), velocity_RC2=moving(20))
    stream.amend(seen, stream.begin(), np.full((ROWS, COLUMNS), -200, np.float32))
    assert stream.size.seen.count_SRCB.sum() == 0


def test_boxes_beyond_the_picture_are_cut_to_it():
    map_RC = judged(learned(), (-30, -30, 10, 10), (90, 60, 150, 150))
    assert map_RC.shape == (ROWS, COLUMNS)
    assert map_RC[0, 0] > 0
    assert map_RC[-1, -1] > 0


def configured(file) -> SceneMemoryConfig:
    return SceneMemoryConfig(
        look_every_frames=2,
        size_px=SIZE_PX,
        streams=("speed", "objects"),
        objects=ObjectSettings(detector=file),
    )


def test_the_stream_is_watched_only_where_it_is_named():
    assert "objects" not in STREAMS
    assert "objects" not in fitted().memory.streams
    assert fitted().memory.detector is None


def test_the_method_watches_objects_and_comes_back_from_its_weights_alone(file):
    method = SceneMemory(configured(file)).eval()
    method.begin_training()
    film = walk(17)
    method.survey([(np.stack(film), np.arange(17) / 10)])
    (look,) = method.look([np.stack(film[:3])])
    assert look["boxes_N4"].shape[1] == 4
    method.settle()
    restored = SceneMemory(configured(None)).eval()
    weights = method.state_dict()
    restored.make_room({name: tuple(tensor.shape) for name, tensor in weights.items()})
    restored.load_state_dict(weights)
    for one, other in zip(scored(method, film), scored(restored, film), strict=True):
        assert set(one.parts) == {"speed", "objects"}
        np.testing.assert_array_equal(one.score_T, other.score_T)


def test_without_a_detector_the_error_says_how_to_give_one():
    with pytest.raises(ConfigError, match="Name an ONNX file of YOLOX") as raised:
        SceneMemory(configured(None)).begin_training()
    assert raised.value.where == "model.objects.detector"
