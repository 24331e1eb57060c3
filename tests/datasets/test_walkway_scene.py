"""Letters: T frames, H height, W width, C channels."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from normalcy.datasets.walkway.behaviours import BEHAVIOURS
from normalcy.datasets.walkway.render import Stage, render_video
from normalcy.datasets.walkway.script import make_script
from normalcy.datasets.walkway.sensor import LIGHT_DRIFT, sensor
from normalcy.datasets.walkway.settings import SETTING_NAMES
from normalcy.errors import ConfigError

PRINT_CHECKSUM = """
import hashlib
from normalcy.datasets.walkway.render import Stage
from normalcy.datasets.walkway.script import make_script
frame = Stage(make_script("crowd", seed=(4, 2), size_px=(64, 96), seconds=5, anomaly="cart")).frame(20)
print(hashlib.sha256(frame.image_HWC.tobytes() + frame.ids_HW.tobytes()).hexdigest())
"""


def test_same_seed_same_bytes_in_another_process():
    script = make_script("crowd", seed=(4, 2), size_px=(64, 96), seconds=5, anomaly="cart")
    frame = Stage(script).frame(20)
    expected = hashlib.sha256(frame.image_HWC.tobytes() + frame.ids_HW.tobytes()).hexdigest()
    command = [sys.executable, "-c", PRINT_CHECKSUM]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() == expected


def test_scripts_are_values():
    first, again, other = (make_script("wall", seed=seed, anomaly="fall") for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_other_seeds_give_other_frames_of_the_same_place():
    videos = [render_video(make_script("wall", seed=seed, size_px=(48, 48), seconds=3)) for seed in (1, 2)]
    assert not np.array_equal(videos[0].frames_THWC, videos[1].frames_THWC)
    empty = [np.median(video.frames_THWC.astype(float), axis=0) for video in videos]
    assert np.abs(empty[0] - empty[1]).mean() < 12


def test_a_frame_does_not_depend_on_those_before_it():
    script = make_script("corridor", seed=5, size_px=(48, 64), seconds=3, anomaly="runner")
    assert np.array_equal(Stage(script).frame(17).image_HWC, render_video(script).frames_THWC[17])


def test_drawing_leaves_numpy_s_global_state_alone():
    before = np.random.get_state()[1].copy()
    render_video(make_script("crowd", seed=1, size_px=(48, 48), seconds=2))
    assert np.array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize("setting", SETTING_NAMES)
@pytest.mark.parametrize("size_px", [(48, 48), (97, 131), (240, 320)])
def test_any_size(setting, size_px):
    frame = Stage(make_script(setting, seed=0, size_px=size_px, seconds=3)).frame(10)
    assert frame.image_HWC.shape == (*size_px, 3)
    assert frame.image_HWC.dtype == np.uint8
    assert frame.ids_HW.shape == frame.mask_HW.shape == size_px
    assert 60 < frame.image_HWC.mean() < 200


def test_720p():
    frame = Stage(make_script("wall", seed=0, size_px=(720, 1280), seconds=3)).frame(10)
    assert frame.image_HWC.shape == (720, 1280, 3)


@pytest.mark.parametrize(("fps", "seconds", "frames"), [(10, 3, 30), (25, 4, 100), (12.5, 2, 25)])
def test_length(fps, seconds, frames):
    script = make_script("wall", seed=0, size_px=(48, 48), fps=fps, seconds=seconds)
    assert script.frames == frames


def test_settings_differ_in_traffic():
    counts = {
        setting: np.mean(
            [
                len(Stage(make_script(setting, seed=seed, size_px=(48, 72))).frame(100).boxes)
                for seed in range(6)
            ]
        )
        for setting in SETTING_NAMES
    }
    assert 2 <= counts["wall"] <= 6
    assert 2 <= counts["corridor"] <= 6
    assert counts["crowd"] >= 7


def test_noise_is_fresh_in_every_frame_and_can_be_left_out():
    script = make_script("wall", seed=0, size_px=(64, 64), seconds=3)
    noisy, clean = Stage(script), Stage(script, noise=False)
    residuals = [noisy.frame(i).image_HWC.astype(float) - clean.frame(i).image_HWC for i in (0, 1)]
    assert 1.5 < residuals[0].std() < 4
    assert abs(np.corrcoef(residuals[0].ravel(), residuals[1].ravel())[0, 1]) < 0.05


def test_light_drifts_slowly_and_the_camera_shakes_slightly():
    camera = sensor((3,))
    seconds_T = np.arange(0, 120, 0.1)
    light_T = np.array([camera.gain(seconds)[1] for seconds in seconds_T])
    assert np.abs(light_T - 1).max() <= LIGHT_DRIFT
    assert np.ptp(light_T) > 0.03
    assert np.abs(np.diff(light_T)).max() < 0.005
    shake_T2 = np.array([camera.shake_px(seconds, 64) for seconds in seconds_T])
    assert 0.05 < np.abs(shake_T2).max() <= 0.2
    np.testing.assert_allclose(camera.shake_px(1.0, 128), 2 * np.array(camera.shake_px(1.0, 64)))


def test_shadows_darken_the_floor_but_belong_to_nobody():
    script = make_script("wall", seed=0, size_px=(96, 96), seconds=3, anomaly="cart")
    frame = Stage(script, noise=False).frame(20)
    empty = Stage(make_script("wall", seed=0, size_px=(96, 96), seconds=3), noise=False)
    assert frame.mask_HW.any()
    rows, columns = np.nonzero(frame.mask_HW)
    below = (
        slice(rows.max() + 2, rows.max() + 6),
        slice(int(np.median(columns)) - 4, int(np.median(columns)) + 4),
    )
    assert not frame.ids_HW[below].any()
    plain_HWC = np.max([empty.frame(i).image_HWC for i in (0, 10, 20, 29)], axis=0)
    assert frame.image_HWC[below].mean() < 0.9 * plain_HWC[below].mean()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"setting": "beach"}, "setting 'beach' is unknown"),
        ({"size_px": (40, 64)}, "size 40x64 is out of range"),
        ({"size_px": (64, 5000)}, "size 64x5000 is out of range"),
        ({"fps": 0}, "fps 0 is out of range"),
        ({"seconds": 1}, "1 s is too short"),
        ({"anomaly": "dance"}, "anomaly 'dance' is unknown"),
        ({"anomaly": "against_flow"}, "'wall' has no one-way flow"),
    ],
)
def test_mistakes_are_named(change, message):
    with pytest.raises(ConfigError, match=message):
        make_script(**{"setting": "wall", "seed": 0, **change})


def test_every_kind_has_a_behaviour():
    assert set(BEHAVIOURS) == {
        "runner",
        "cyclist",
        "cart",
        "against_flow",
        "fall",
        "loiterer",
        "abandoned_object",
    }
