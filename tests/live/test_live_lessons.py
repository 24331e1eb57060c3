"""False alarms teach a memory: for one camera, from its clips, and not for good."""

from dataclasses import replace

import numpy as np
import pytest
from live_engine import calibration, detector_of, watched

from fake_models import BrightnessModel, spec_of
from normalcy.live.engine import lessons
from normalcy.live.engine.lessons import MOST_LESSONS, Lesson, Teaching, lessons_of
from normalcy.live.engine.school import School
from normalcy.live.store.records import EventRecord
from normalcy.methods.contract import TeachableCamera
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.pipeline import SourceScorer
from normalcy.scoring.settings import ScoringSettings
from normalcy.video.reader import ReadOptions, open_video
from tiny_scene import RUNS, scene, write_scene


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    images_THWC, _ = scene(30, seed=7, runs=RUNS)
    return write_scene(tmp_path_factory.mktemp("lessons") / "clip.mp4", images_THWC)


@pytest.fixture(scope="module")
def model(tiny_memory_run):
    return Bundle.load(tiny_memory_run.path).scoring_model()


class JudgedBy:
    """The model, with another camera."""

    def __init__(self, model, camera):
        self.spec, self.infer, self._camera = model.spec, model.infer, camera

    def camera(self, source_id):
        return self._camera


def scores(model, camera, video):
    scorer = SourceScorer(
        JudgedBy(model, camera), settings=ScoringSettings(), calibration=None, source_id="x"
    )
    options = ReadOptions(size_px=model.spec.size_px, grey=model.spec.channels == 1)
    with open_video(video, options) as frames:
        return np.array([verdict.raw for verdict in scorer.run(frames)])


def taught(model, *lessons):
    teaching = Teaching(model, model.camera("door"), lessons)
    while teaching.step():
        pass
    return teaching


def lesson(clip, *, box=None, start_seconds=0.0):
    return Lesson("e", clip, box, start_seconds)


def test_what_was_a_false_alarm_scores_lower_afterwards(model, runner):
    before = scores(model, model.camera("door"), runner)
    after = scores(model, taught(model, lesson(runner)).camera, runner)
    assert after[list(RUNS)].max() < 0.7 * before[list(RUNS)].max()


def test_other_cameras_and_the_detector_know_nothing_of_it(model, runner):
    before = scores(model, model.camera("yard"), runner)
    taught(model, lesson(runner))
    assert scores(model, model.camera("yard"), runner) == pytest.approx(before)


def test_only_the_place_of_the_event_is_learned(model, runner):
    before = scores(model, model.camera("door"), runner)
    corner = taught(model, lesson(runner, box=(0.0, 0.0, 0.1, 0.1)))
    everywhere = taught(model, lesson(runner))
    frames = list(RUNS)
    lower_there = scores(model, everywhere.camera, runner)[frames].max()
    assert lower_there < scores(model, corner.camera, runner)[frames].max() <= before[frames].max() + 1e-4


def test_without_lessons_the_camera_is_the_detectors(model):
    camera = model.camera("door")
    teaching = Teaching(model, camera, ())
    assert not teaching.step()
    assert teaching.camera is camera
    assert isinstance(camera, TeachableCamera)


def test_a_clip_that_cannot_be_read_costs_only_itself(model, runner, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"\0" * 100)
    teaching = taught(model, lesson(broken), lesson(runner))
    assert len(teaching.failures) == 1
    assert "broken.mp4" in teaching.failures[0]
    before = scores(model, model.camera("door"), runner)
    assert scores(model, teaching.camera, runner)[list(RUNS)].max() < 0.7 * before[list(RUNS)].max()


def event(number, media):
    return EventRecord(
        id=f"{number:032x}",
        camera="door",
        severity="notice",
        state="closed",
        started_at=float(number),
        alarmed_at=float(number),
        ended_at=number + 2.0,
        peak_at=float(number),
        peak_score=1.0,
        threshold=0.5,
        media=media,
        clip_offset_seconds=None if number == 9 else 1.5,
    )


def test_lessons_are_the_newest_false_alarms_with_clips_the_oldest_first(tmp_path):
    events = []
    for number in range(MOST_LESSONS + 5, 0, -1):
        (tmp_path / str(number)).mkdir()
        if number != 7:
            (tmp_path / str(number) / "clip.mp4").write_bytes(b"x")
        events.append(event(number, str(number)))
    found = lessons_of([*events, event(0, "")], tmp_path)
    assert [int(each.event, 16) for each in found] == [
        n for n in range(4, MOST_LESSONS + 6) if n not in (7, 9)
    ]
    assert {each.start_seconds for each in found} == {1.5}


def seen(model, clip):
    options = ReadOptions(size_px=model.spec.size_px, grey=model.spec.channels == 1)
    with open_video(clip, options) as frames:
        return list(frames)


def highest(verdicts):
    return max(verdict.raw for verdict in verdicts)


def test_a_live_camera_judges_by_what_it_was_taught_also_after_it_forgot_its_source(
    tiny_memory_run, model, runner
):
    detector = detector_of(
        model, settings=ScoringSettings(), calibration=Bundle.load(tiny_memory_run.path).calibration
    )
    school, frames = School(), seen(model, runner)
    with watched(detector) as untaught, watched(detector) as taught:
        before = highest(untaught.see(frames).frames)
        school.enrol(taught.camera, [lesson(runner)])
        while school.step():
            pass
        assert highest(taught.see(frames).frames) < 0.7 * before
        taught.generation += 1
        taught.frames.clear()
        taught.camera._scorer.forget()
        later = [replace(each, index=each.index + 100, pts_seconds=each.pts_seconds + 60) for each in frames]
        assert highest(taught.see(later).frames) < 0.7 * before


def test_a_verdict_that_is_taken_back_unteaches_and_the_same_lessons_are_not_taught_twice(
    tiny_memory_run, model, runner
):
    detector = detector_of(
        model, settings=ScoringSettings(), calibration=Bundle.load(tiny_memory_run.path).calibration
    )
    school, frames = School(), seen(model, runner)
    with watched(detector) as untaught, watched(detector) as camera:
        before = highest(untaught.see(frames).frames)
        for lessons in ([lesson(runner)], []):
            school.enrol(camera.camera, lessons)
            assert school.step()
            while school.step():
                pass
            school.enrol(camera.camera, lessons)
            assert not school.step()
        assert highest(camera.see(frames).frames) == pytest.approx(before)


def test_a_method_without_a_memory_is_not_taught(runner):
    school = School()
    model = BrightnessModel(spec_of(2))
    detector = detector_of(model, settings=ScoringSettings(), calibration=calibration(1.0))
    with watched(detector) as camera:
        school.enrol(camera.camera, [lesson(runner)])
        assert not school.step()


class Broken:
    """A model, or a camera, one of whose methods fails with what no rule of ours foresees."""

    def __init__(self, whole, **broken):
        self._whole, self._broken = whole, broken

    def __getattr__(self, name):
        return self._broken.get(name) or getattr(self._whole, name)

    def with_own_memory(self):
        return Broken(self._whole.with_own_memory(), **self._broken)


def fails(*_, **__):
    raise ZeroDivisionError("by what was seen")


def test_whatever_goes_wrong_with_a_lesson_costs_only_itself(model, runner):
    teaching = Teaching(Broken(model, infer=fails), model.camera("door"), [lesson(runner), lesson(runner)])
    while teaching.step():
        pass
    assert teaching.failures == ["by what was seen"] * 2


@pytest.mark.parametrize("method", ["settle", "beside", "with_own_memory", "anew"])
def test_a_memory_that_cannot_be_taught_ends_nothing_and_is_not_tried_for_ever(
    tiny_memory_run, model, runner, method
):
    detector = detector_of(
        model, settings=ScoringSettings(), calibration=Bundle.load(tiny_memory_run.path).calibration
    )
    school, frames = School(), seen(model, runner)
    with watched(detector) as camera:
        broken = Broken(model.camera("cam"), **{method: fails})
        if method == "with_own_memory":
            broken.with_own_memory = fails
        camera.camera.untaught = lambda: broken
        school.enrol(camera.camera, [lesson(runner)])
        while school.step():
            pass
        assert school.failures == 1
        school.enrol(camera.camera, [lesson(runner)])
        assert not school.step()
        assert len(camera.see(frames).frames) > 20, "it is scored as before"


def test_a_step_decodes_one_clip_and_not_a_whole_video(model, runner, monkeypatch):
    decoded, whole = [], lessons.open_video

    class Counted:
        def __init__(self, *words):
            self._opened = whole(*words)

        def __enter__(self):
            return (decoded.append(1) or frame for frame in self._opened.__enter__())

        def __exit__(self, *words):
            self._opened.__exit__(*words)

    monkeypatch.setattr(lessons, "open_video", Counted)
    teaching = Teaching(model, model.camera("door"), [lesson(runner)])
    assert teaching.step()
    assert len(decoded) <= model.spec.span_frames + (model.spec.hop_frames or 1)


def test_what_was_before_the_event_is_not_learned(model, runner):
    before = scores(model, model.camera("door"), runner)[list(RUNS)].max()
    late = scores(model, taught(model, lesson(runner, start_seconds=1000.0)).camera, runner)
    assert late[list(RUNS)].max() == pytest.approx(before, rel=0.05)
