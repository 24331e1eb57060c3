"""Reasons of single frames, as a camera would give them."""

import numpy as np

from normalcy.explain.reasoner import Reasoner
from normalcy.scoring.usual import UsualPart

MAP_HW = np.zeros((10, 20), np.float32)
MAP_HW[8:, 16:] = 1.0


def test_a_frame_of_terms():
    usual = {
        "speed": UsualPart(median=1, high=2, highest=2, frames=50),
        "beside": UsualPart(median=0, high=1, highest=1, frames=50),
    }
    reasoner = Reasoner(usual, ("speed",), {"speed": "moves faster", "beside": "is beside the point"})
    found = reasoner.reason(MAP_HW, {"beside": 90.0, "speed": 6.0})
    assert found.sentence == (
        "At the lower right, something moves faster: 3.0x the usual limit, more than in any of 50 normal frames."
    )
    assert [part.name for part in found.parts] == ["speed", "beside"]
    assert found.place.box == (0.8, 0.8, 1.0, 1.0)
    # Nothing is kept from frame to frame.
    assert reasoner.reason(MAP_HW, {"beside": 90.0, "speed": 6.0}).sentence == found.sentence


def test_a_frame_of_classes():
    reasoner = Reasoner({}, (), {}, normal_class="normal")
    found = reasoner.reason(np.ones((4, 4), np.float32), {"normal": 0.2, "fight": 0.7, "fall": 0.1})
    assert found.sentence == "This looks like fight, with a probability of 70 %."
    assert found.place is None
