"""What has to be done about another configuration."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalcy.live.config.camera import CameraConfig
from normalcy.live.config.change import CAPTURE_KEYS, ConfigChange, change
from normalcy.live.config.live import LiveConfig

BEFORE = {
    "bundles": {"yard": {"path": "yard"}},
    "cameras": {"door": {"source": "a"}, "gate": {"source": "b"}},
}
NOTHING = {
    "added": frozenset(),
    "removed": frozenset(),
    "reopened": frozenset(),
    "retuned": frozenset(),
    "bundles": False,
    "alerts": False,
    "retention": False,
    "restart": (),
}
DOOR, GATE = frozenset({"door"}), frozenset({"gate"})
POLYGON = [[0, 0], [1, 0], [1, 1]]


def door(**settings):
    return {"cameras": BEFORE["cameras"] | {"door": {"source": "a", **settings}}}


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({}, {}),
        ({"cameras": {"door": {"source": "a"}}}, {"removed": GATE}),
        ({"cameras": {**BEFORE["cameras"], "yard": {"source": "c"}}}, {"added": frozenset({"yard"})}),
        (door(source="other"), {"reopened": DOOR}),
        (door(substream="other"), {"reopened": DOOR}),
        (door(enabled=False), {"reopened": DOOR}),
        (door(bundle="yard"), {"reopened": DOOR}),
        (door(title="Front"), {"retuned": DOOR}),
        (door(false_alarms_per_day=3), {"retuned": DOOR}),
        (door(regions=[{"name": "x", "polygon": POLYGON}]), {"retuned": DOOR}),
        (door(schedule=[{"days": ["sat"]}]), {"retuned": DOOR}),
        (door(source="other", title="Front"), {"reopened": DOOR}),
        ({"defaults": {"stride": 2}}, {"reopened": DOOR | GATE}),
        ({"defaults": {"alert_per_day": 1}}, {"retuned": DOOR | GATE}),
        ({"bundles": {"yard": {"path": "other"}}}, {"bundles": True}),
        ({"alerts": {"per_camera_per_hour": 1}}, {"alerts": True}),
        ({"events": {"cool_down_seconds": 1}}, {"alerts": True}),
        ({"timezone": "Europe/Vienna"}, {"alerts": True}),
        ({"store": {"retention": {"days": 1}}}, {"retention": True}),
        ({"store": {"url": "sqlite:///x"}}, {"restart": ("store.url",)}),
        ({"data": "x", "web": {"port": 1}}, {"restart": ("data", "web")}),
        (
            {"alerts": {"public_url": "https://cams.example"}},
            {"alerts": True, "restart": ("alerts.public_url",)},
        ),
    ],
)
def test_what_is_to_be_done(sections, expected):
    found = change(LiveConfig.model_validate(BEFORE), LiveConfig.model_validate({**BEFORE, **sections}))
    assert found == ConfigChange(**(NOTHING | expected))
    assert found.is_empty == (not expected)


def test_every_key_of_a_camera_either_reopens_or_retunes():
    """Whoever adds a key has to say which."""
    tuned = {"false_alarms_per_day", "alert_per_day", "regions", "schedule", "scene_change", "title"}
    assert tuned | CAPTURE_KEYS == set(CameraConfig.model_fields)
    assert not tuned & CAPTURE_KEYS


cameras = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.fixed_dictionaries(
        {"source": st.sampled_from(["x", "y"])},
        optional={"stride": st.integers(1, 2), "title": st.sampled_from(["", "T"]), "enabled": st.booleans()},
    ),
)
configs = st.fixed_dictionaries(
    {"bundles": st.sampled_from([{"b": {"path": "1"}}, {"b": {"path": "2"}}]), "cameras": cameras},
    optional={"web": st.just({"port": 1}), "events": st.just({"clip_fps": 3}), "data": st.just(Path("d"))},
).map(LiveConfig.model_validate)


@given(before=configs, after=configs)
def test_cameras_are_sorted_into_one_heap_each_and_nothing_is_to_be_done_twice(before, after):
    found = change(before, after)
    assert change(after, after).is_empty
    assert found.is_empty == (before.model_copy(update={"defaults": after.defaults}) == after)
    heaps = [found.added, found.removed, found.reopened, found.retuned]
    assert sum(map(len, heaps)) == len(frozenset().union(*heaps))
    assert (before.cameras.keys() | found.added) - found.removed == after.cameras.keys()
    for name in before.cameras.keys() & after.cameras.keys() - found.reopened - found.retuned:
        assert before.cameras[name] == after.cameras[name]


@given(before=configs, after=configs)
def test_what_comes_is_what_goes_on_the_way_back(before, after):
    there, back = change(before, after), change(after, before)
    assert (there.added, there.removed, there.reopened) == (back.removed, back.added, back.reopened)
