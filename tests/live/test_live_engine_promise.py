"""The promise, live: frames that travel by shared memory, in batches with other cameras' clips, score as in a file."""

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pytest
from live_engine import detector_of, memory_for, watched

from normalcy.live.cameras.capture import CaptureJob, capture
from normalcy.live.config.camera import CameraConfig
from normalcy.live.engine.batches import Rounds
from normalcy.live.engine.scorer import CameraScorer
from normalcy.live.engine.tuning import tunings_of
from normalcy.live.events.incident import Change, IncidentRule
from normalcy.scoring.model import TorchModel
from normalcy.scoring.pipeline import SourceScorer
from normalcy.video.frame import Frame
from normalcy.video.reader import ReadOptions, open_video
from promise_cases import CASES, FRAMES, SETTINGS, TOLERANCE, calibration_between
from small_methods import small
from tiny_scene import scene, write_scene

# Each span of alarms is an incident of its own.
NO_COOL_DOWN = IncidentRule(0.0)


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    images_THWC, _ = scene(FRAMES, seed=3, runs=range(18, 30))
    return write_scene(tmp_path_factory.mktemp("live-promise") / "scene.mp4", images_THWC)


@dataclass
class Subject:
    """A method, the frames of a file, and what file mode says of them."""

    detector: object
    frames: list[Frame]
    verdicts: list
    events: list


def subject_of(case, footage) -> Subject:
    method = small(case.partition(",")[0], **CASES[case])
    model = TorchModel(method)
    options = ReadOptions(size_px=model.spec.size_px, grey=model.spec.channels == 1)
    with open_video(footage, options, source_id="cam") as video:
        frames = list(video)
    method.observe([np.stack([frame.image_HWC.transpose(2, 0, 1) for frame in frames])])
    untuned = SourceScorer(model, settings=SETTINGS, calibration=None, source_id="cam")
    calibration = calibration_between([verdict.smoothed for verdict in untuned.run(frames)])
    scorer = SourceScorer(model, settings=SETTINGS, calibration=calibration, source_id="cam")
    verdicts = list(scorer.run(frames))
    assert scorer.events
    detector = detector_of(model, settings=SETTINGS, calibration=calibration)
    return Subject(detector, frames, verdicts, scorer.events)


@pytest.fixture(scope="module", params=list(CASES))
def subject(request, footage):
    return subject_of(request.param, footage)


def assert_same_verdicts(found, subject):
    assert [each.index for each in found] == [each.index for each in subject.verdicts]
    for ours, theirs in zip(found, subject.verdicts, strict=True):
        assert ours.own == theirs.own
        assert ours.alarmed == theirs.alarmed, ours.index
        assert ours.raw == pytest.approx(theirs.raw, abs=TOLERANCE)
        assert ours.smoothed == pytest.approx(theirs.smoothed, abs=TOLERANCE)


def other(frames):
    """The same frames with other pictures."""
    return [
        Frame(np.ascontiguousarray(255 - each.image_HWC[:, ::-1]), each.index, each.pts_seconds, "other")
        for each in frames
    ]


def test_a_file_scores_the_same_through_shared_memory_beside_another_camera(subject):
    rounds = Rounds()
    with (
        watched(subject.detector, rule=NO_COOL_DOWN) as ours,
        watched(subject.detector) as beside,
    ):
        cameras = {id(each.camera): each for each in (ours, beside)}
        for frame, odd in zip(subject.frames, other(subject.frames), strict=True):
            ours.write(frame)
            if frame.index >= 5:
                beside.write(odd)
            for ready, found in rounds.scored(rounds.next_round([ours.camera, beside.camera])):
                cameras[id(ready.camera)].take(ready.clip, found)
        ours.memory.capture.ended[0] = 1
        ours.work()
        ours.steps.extend(ours.camera.finish().steps)
        assert_same_verdicts(ours.frames, subject)
        closed = [step.event for step in ours.changes(Change.CLOSED)]
        assert len(ours.changes(Change.OPENED)) == len(closed) == len(subject.events)
        for event, known in zip(closed, subject.events, strict=True):
            wall = (ours.wall_offset + known.start_seconds, ours.wall_offset + known.end_seconds)
            assert (event.started_at, event.ended_at) == pytest.approx(wall, abs=1e-3)
            assert event.peak_score == pytest.approx(known.peak_score, abs=TOLERANCE)
            assert event.peak_at == pytest.approx(ours.wall_offset + known.peak_seconds, abs=1e-3)


@contextmanager
def captured(job):
    """A capture as it runs in its process."""
    stop = threading.Event()
    words = {"doorbell": threading.Semaphore(0), "stop": stop}
    thread = threading.Thread(target=capture, args=(job,), kwargs=words, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)


@pytest.mark.parametrize("name", ["stae", "scene-memory"])
def test_a_file_that_is_captured_scores_the_same(name, footage):
    subject = subject_of(name, footage)
    model = subject.detector.model
    config = CameraConfig(source=str(footage), natural_speed=False)
    tunings = tunings_of(config, subject.detector.bundle, size_px=model.spec.size_px, false_alarms={})
    scorer, found = CameraScorer("cam", model=model, tunings=tunings), []
    memory = memory_for(model, slots=4)

    def settle(clip):
        (look,) = model.infer([clip.clip_TCHW])
        (verdict,) = scorer.settle(clip, scorer.scores(clip, look))
        found.extend(verdict.update.frames)

    end = time.monotonic() + 60
    with captured(CaptureJob("cam", config, memory.name, model.spec, 5.0)):
        while not memory.capture.ended[0] or memory.waiting:
            assert time.monotonic() < end
            if (frame := memory.read()) is None:
                time.sleep(0.002)
            elif (clip := scorer.push(frame)) is not None:
                settle(clip)
    if (clip := scorer.last_clip()) is not None:
        settle(clip)
    assert memory.engine.dropped.sum() == 0
    assert_same_verdicts(found, subject)
    memory.close()
    memory.unlink()
