"""The state that goes from chunk to chunk: small, whole, and nothing else is read."""

import io
import os
import pickle
from collections import deque
from dataclasses import replace

import numpy as np
import pytest

from normalcy.archive import states
from normalcy.archive.chunk import without_map
from normalcy.archive.handover import Handover, NotHandedOver
from normalcy.methods.contract import FrameStamp
from normalcy.methods.scene_memory.smoothing import TrimmedMean
from normalcy.scoring.model import TorchModel
from normalcy.scoring.pipeline import clip_scores
from normalcy.scoring.settings import ScoringSettings
from normalcy.scoring.track import ScoreTrack
from normalcy.scoring.types import Clip
from small_methods import small


def clips_of(spec, count, seed=0):
    rng = np.random.default_rng(seed)
    step = max(1, spec.length_frames - 1)
    for number in range(count):
        first = number * step
        stamps = tuple(FrameStamp(first + t, (first + t) / 10) for t in range(spec.length_frames))
        images = rng.integers(0, 256, (spec.length_frames, spec.channels, *spec.size_px), np.uint8)
        yield Clip(np.ascontiguousarray(images), stamps, stamps[1:], "door")


def begun(model) -> Handover:
    settings = ScoringSettings(threshold=-1.0)  # everything is an event
    track = ScoreTrack(model.spec, source_id="door", settings=settings, calibration=None)
    return Handover(track, model.camera("door"), "witness")


def scores(model, state, clips):
    found = []
    for clip in clips:
        each = clip_scores(model.infer([clip.clip_TCHW])[0], clip=clip, camera=state.camera)
        found += [frame.smoothed for frame in state.track.update(clip, without_map(each)).frames]
    return found


@pytest.fixture(params=["flow-magnitude", "cnn-lstm", "scene-memory"], scope="module")
def model(request):
    return TorchModel(small(request.param))


def test_a_state_goes_on_as_if_nothing_had_been(model):
    clips = list(clips_of(model.spec, 6))
    whole = begun(model)
    expected = scores(model, whole, clips)
    first = begun(model)
    got = scores(model, first, clips[:3])
    new = begun(model)
    second = Handover.from_bytes(first.to_bytes(), track=new.track, camera=new.camera)
    assert second.witness == "witness"
    assert got + scores(model, second, clips[3:]) == expected
    assert second.track.flush() == whole.track.flush()


def test_what_is_shared_is_not_written(model):
    state = begun(model)
    scores(model, state, clips_of(model.spec, 2))
    new = begun(model)
    found = Handover.from_bytes(state.to_bytes(), track=new.track, camera=new.camera)
    assert found.track.rule is new.track.rule
    if hasattr(new.camera, "memory"):
        assert found.camera.memory is new.camera.memory
        assert found.camera is not new.camera


def test_a_state_does_not_grow(model):
    state = begun(model)
    sizes = []
    for _ in range(2):
        scores(model, state, clips_of(model.spec, 12))
        sizes.append(len(state.to_bytes()))
    assert sizes[1] == pytest.approx(sizes[0], rel=0.02)


@pytest.mark.parametrize("what", [os.system, eval, np.load, print])
def test_anything_else_is_refused(model, what):
    class Bad:
        def __reduce__(self):
            return what, ("1",)

    new = begun(model)
    with pytest.raises(NotHandedOver, match="is not known here"):
        Handover.from_bytes(pickle.dumps(Bad()), track=new.track, camera=new.camera)
    with pytest.raises(NotHandedOver, match="cannot be read"):
        Handover.from_bytes(b"rubbish", track=new.track, camera=new.camera)
    with pytest.raises(NotHandedOver, match="a tuple is no state"):
        Handover.from_bytes(pickle.dumps(("x",)), track=new.track, camera=new.camera)


def test_a_camera_of_a_kind_that_nobody_knows_is_not_written():
    model = TorchModel(small("flow-magnitude"))

    class Strange:
        _kept = 1

    with pytest.raises(NotHandedOver, match="cannot be"):
        replace(begun(model), camera=Strange()).to_bytes()


class Calls:
    def __init__(self, what, *arguments):
        self._call = what, arguments

    def __reduce__(self):
        return self._call


def refused(state, data, match="is not known here") -> None:
    with pytest.raises(NotHandedOver, match=match):
        Handover.from_bytes(data, track=state.track, camera=state.camera)


def test_no_array_is_made_of_addresses(model):
    """A set hashes what it holds; an array of objects made of any bytes holds what lies at any address."""
    state = begun(model)
    array = Calls(np.ndarray, (1,), Calls(np.dtype, "O"), b"A" * 8)
    refused(state, pickle.dumps(Calls(set, [array])))
    refused(state, pickle.dumps(array))
    file = io.BytesIO()
    np.save(file, np.array([{}], object), allow_pickle=True)
    refused(state, pickle.dumps(Calls(states._array, file.getvalue())), match="allow_pickle")


@pytest.mark.parametrize("model", ["scene-memory"], indirect=True)
def test_what_is_shared_is_never_changed(model):
    state = begun(model)
    before = dict(vars(state.camera.memory))

    def named(name: str) -> bytes:
        return b"\x80\x04\x8c" + bytes([len(name)]) + name.encode() + b"Q"

    memory, rule = named("camera.memory"), named("track.rule")[2:]
    change = b"}\x8c\x06config\x8c\x01xs"
    refused(state, memory + change + b"b.")  # BUILD
    refused(state, memory + b"\x8c\x01x)R.", match="only makers are called")
    refused(state, memory + b"]\x8c\x01xa" + b"\x81.")  # NEWOBJ
    refused(state, memory + b"\x8c\x01x" + rule + b"s.", match="cannot be read")  # SETITEM
    refused(state, memory + b".", match="a Shared is no state")
    assert vars(state.camera.memory) == before


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"_last": [1.0]}, "cannot be a list"),
        ({"_last": deque([np.zeros(3)])}, "cannot be a deque"),
        ({"_last": deque(), "more": 1}, "with other fields"),
        ({}, "with other fields"),
    ],
)
def test_an_object_has_the_fields_of_its_class(model, fields, match):
    mean = TrimmedMean(5)
    vars(mean).clear()
    vars(mean).update(fields)
    refused(begun(model), states.written(mean, {}), match)


@pytest.mark.parametrize("model", ["scene-memory"], indirect=True)
def test_what_is_shared_stands_only_in_its_own_place(model):
    state = begun(model)
    mean = TrimmedMean(5)
    mean._last = state.camera.memory
    refused(state, states.written(mean, {"camera.memory": state.camera.memory}), "does not belong there")
    mean._last = deque([state.camera.memory])
    refused(state, states.written(mean, {"camera.memory": state.camera.memory}), "cannot be a deque")
