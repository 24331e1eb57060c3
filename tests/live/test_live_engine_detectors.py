"""What tells one detector from another: what makes its scores, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from normalcy.live.config.live import BundleConfig
from normalcy.live.engine.detectors import open_detector
from normalcy.scoring.bundle import Bundle


@pytest.fixture
def identity_of(tmp_path):
    def opened(bundle, name):
        bundle.save(tmp_path / name)
        config = BundleConfig(path=tmp_path / name, backend="torch", threads=1)
        return open_detector(name, config).identity

    return opened


def test_the_same_settings_weights_and_calibration_are_the_same_detector(tiny_flow_run, identity_of):
    bundle = Bundle.load(tiny_flow_run.bundle)
    shown = replace(bundle, header=bundle.header.model_copy(update={"map_scale": (0.0, 9.0)}))
    assert identity_of(bundle, "here") == identity_of(shown, "there")


def test_another_calibration_is_another_detector(tiny_flow_run, identity_of):
    bundle = Bundle.load(tiny_flow_run.bundle)
    recalibrated = replace(bundle, calibration=bundle.calibration.with_false_alarms([1e6]))
    assert identity_of(bundle, "a") != identity_of(recalibrated, "b")


def test_a_memory_that_saw_something_else_is_another_detector(tiny_memory_run, identity_of):
    bundle = Bundle.load(tiny_memory_run.bundle)
    name = next(name for name, weight in bundle.weights.items() if weight.dtype == np.float32 and weight.size)
    changed = bundle.weights[name].copy()
    changed.flat[0] += 1
    refitted = replace(bundle, weights={**bundle.weights, name: changed})
    assert identity_of(bundle, "a") != identity_of(refitted, "b")
