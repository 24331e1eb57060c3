"""What the dashboard asks, answered by the real desk over a real file, store and calibration; no process is started."""

import functools
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from live_engine_folder import EngineFolder

from normalcy.errors import ConfigError, InputError
from normalcy.live.engine.orders import Counters, DetectorFacts
from normalcy.live.store.events import insert_event
from normalcy.live.store.records import EventRecord
from normalcy.live.store.scores import SECONDS, save_minute
from normalcy.live.store.verdicts import give_verdict
from normalcy.live.supervision.config_file import ConfigFile
from normalcy.live.supervision.desk import FrontDesk
from normalcy.live.supervision.past import events_at
from normalcy.live.supervision.supervisor import Supervisor
from normalcy.methods.contract import ClipSpec
from normalcy.scoring.calibration import Calibration, fit_calibration
from normalcy.scoring.events import EventDetector, EventRule
from normalcy.scoring.settings import ScoringSettings
from normalcy.scoring.track import alarm_rule
from normalcy.scoring.types import FrameStamp

HALF = [[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]]
DETECTOR = "this one"


@functools.cache
def calibration_of_days() -> Calibration:
    """Of six days of normal video, so that each rate has a threshold of its own."""
    scores_T = np.random.default_rng(0).gumbel(3.0, 0.3, 50_000)
    return fit_calibration([scores_T], frames_per_second=0.1)


class Rig:
    """A desk whose detector is open, on an engine that is not started."""

    def __init__(self, folder: EngineFolder) -> None:
        self.folder = folder
        self.supervisor = Supervisor(folder.config, file=ConfigFile(folder.file))
        self.desk = FrontDesk(self.supervisor)
        self.calibration, self.scoring = calibration_of_days(), ScoringSettings()
        spec = ClipSpec(1, size_px=(8, 8), channels=3)
        facts = DetectorFacts(spec, self.calibration, self.scoring, "torch", DETECTOR)
        self.supervisor.detectors["tiny"] = facts

    def configure(self, **camera) -> None:
        self.folder.write(cameras={"calm": self.folder.camera("calm", **camera)})
        self.supervisor.apply(ConfigFile(self.folder.file).config)

    def threshold(self, rate: float, peaks=()) -> float:
        calibration = self.calibration.with_false_alarms(peaks)
        settings = self.scoring.model_copy(update={"false_alarms_per_day": rate, "threshold": None})
        return alarm_rule(settings, calibration).enter_threshold

    def event(self, name: str, *, peak: float, verdict=None, region="", detector=DETECTOR) -> str:
        now = time.time()
        record = EventRecord(
            id=name,
            camera="calm",
            severity="notice",
            state="closed",
            started_at=now - 60,
            alarmed_at=now - 60,
            ended_at=now - 50,
            peak_at=now - 55,
            peak_score=peak,
            threshold=1.0,
            region=region,
            detector=detector,
        )
        with self.supervisor.store.transaction() as session:
            insert_event(session, record)
            if verdict:
                give_verdict(session, name, verdict, by="ann", at=now)
        return name

    def scores(self, at: float, scores, *, region="") -> None:
        with self.supervisor.store.transaction() as session:
            save_minute(session, "calm", int(at) // SECONDS, scores, 1.0, region=region)

    def counted(self, rate: float, region: str | None = None) -> int:
        preview = self.desk.calibration("calm", region).preview
        return {each: events for each, _, events in preview}[rate]


@pytest.fixture
def rig(tiny_flow_run, tiny_root, tmp_path) -> Iterator[Rig]:
    made = Rig(EngineFolder(tmp_path / "engine", run=tiny_flow_run.path, videos=tiny_root / "test"))
    yield made
    made.supervisor.stop()


# -- thresholds


def test_the_threshold_is_that_of_the_alarm(rig):
    rig.configure(false_alarms_per_day=5)
    view = rig.desk.calibration("calm")
    assert (view.region, view.false_alarms_per_day, view.learned) == ("", 5, 0)
    assert view.threshold == rig.threshold(5)
    assert [(rate, threshold) for rate, threshold, _ in view.preview] == [
        (rate, rig.threshold(rate)) for rate, _, _ in view.preview
    ]
    assert 5 in [rate for rate, _, _ in view.preview]


def test_false_alarms_of_the_same_detector_raise_it(rig):
    high = rig.threshold(1) * 2
    for number in range(4):
        rig.event(f"own{number}", peak=high + number, verdict="false_alarm")
    rig.event("other", peak=high * 10, verdict="false_alarm", detector="another one")
    view = rig.desk.calibration("calm")
    assert view.learned == 4
    peaks = [high + number for number in range(4)]
    assert view.threshold == rig.threshold(view.false_alarms_per_day, peaks)


def test_each_region_has_a_view_of_its_own(rig):
    regions = [
        {"name": "own", "polygon": HALF, "false_alarms_per_day": 50},
        {"name": "shared", "polygon": HALF},
        {"name": "fixed", "polygon": HALF, "threshold": 4.5},
        {"name": "street", "polygon": HALF, "mode": "ignore"},
    ]
    rig.configure(false_alarms_per_day=2, regions=regions)
    rig.event("a", peak=rig.threshold(1) * 3, verdict="false_alarm", region="own")
    views = {name: rig.desk.calibration("calm", name) for name in (None, "own", "shared", "fixed")}
    assert {name: view.region for name, view in views.items()} == {
        None: "shared",
        "own": "own",
        "shared": "shared",
        "fixed": "fixed",
    }
    assert (views["own"].false_alarms_per_day, views["own"].learned) == (50, 1)
    assert (views["shared"].false_alarms_per_day, views["shared"].learned) == (2, 0)
    assert views["fixed"].threshold == 4.5
    assert views["fixed"].described.startswith("Fixed at 4.5")
    for name in ("street", "nowhere"):
        with pytest.raises(ConfigError, match=f"it watches no region '{name}'"):
            rig.desk.calibration("calm", name)


def test_the_threshold_alone_is_that_of_the_view(rig):
    regions = [
        {"name": "own", "polygon": HALF, "false_alarms_per_day": 50},
        {"name": "fixed", "polygon": HALF, "threshold": 4.5},
    ]
    rig.configure(regions=regions)
    rig.event("a", peak=rig.threshold(1) * 3, verdict="false_alarm", region="own")
    for name in ("own", "fixed"):
        assert rig.desk.threshold("calm", name) == rig.desk.calibration("calm", name).threshold
    for camera, region in (("calm", "nowhere"), ("calm", ""), ("nobody", "")):
        with pytest.raises(ConfigError):
            rig.desk.threshold(camera, region)


def test_what_is_not_there_is_said(rig):
    with pytest.raises(ConfigError, match="there is no such camera"):
        rig.desk.calibration("nobody")
    with pytest.raises(InputError, match="there is no event 'x'"):
        rig.desk.verdict_effect("x")
    with pytest.raises(InputError, match="there is no event 'x'"):
        rig.desk.verdict_given("x")
    rig.supervisor.detectors.clear()
    with pytest.raises(ConfigError, match="its detector is not open yet"):
        rig.desk.calibration("calm")


def test_the_preview_counts_past_events(rig):
    scores, loud = np.zeros(SECONDS), rig.threshold(10) * 1.001
    scores[[5, 50]] = loud
    now = time.time()
    rig.scores(now - 3600, scores)
    assert rig.counted(10) == 2
    assert rig.counted(0.1) == 0
    assert rig.desk.calibration("calm").observed_days == pytest.approx(SECONDS / 86_400)


def test_an_alarm_that_has_not_ended_yet_is_one_event(rig):
    """Below the threshold for long, and never below the one at which it ends."""
    rule = alarm_rule(rig.scoring.model_copy(update={"false_alarms_per_day": 1}), rig.calibration)
    assert rule.exit_threshold < rule.enter_threshold
    scores = np.full(SECONDS, (rule.enter_threshold + rule.exit_threshold) / 2)
    scores[[1, 58]] = rule.enter_threshold * 1.001
    rig.scores(time.time() - 3600, scores)
    assert rig.counted(1) == 1


def test_hours_in_which_it_does_not_watch_are_not_counted(rig):
    scores = np.full(SECONDS, rig.threshold(0.1) * 2)
    noon = (time.time() - 86_400) // 86_400 * 86_400 + 12 * 3600
    rig.scores(noon, scores)
    rig.folder.write(timezone="UTC")
    rig.configure()
    assert rig.counted(1) == 1
    rig.configure(schedule=[{"start": "18:00", "end": "06:00"}])
    assert rig.counted(1) == 0
    assert rig.desk.calibration("calm").observed_days == 0
    rig.configure(schedule=[{"start": "11:00", "end": "13:00"}])
    assert rig.counted(1) == 1


@pytest.mark.parametrize("seed", range(20))
def test_counting_agrees_with_the_detector_of_events(seed):
    random = np.random.default_rng(seed)
    score_N = random.normal(size=400).astype(np.float32)
    score_N = np.convolve(score_N, np.ones(4) / 2, "same").astype(np.float32)
    score_N[random.random(400) < 0.05] = np.nan
    rule = EventRule(1.2, random.choice([0.2, 0.7, 1.2]), random.choice([0, 1, 3]), random.choice([0, 2, 10]))
    detector, found = EventDetector(rule, source_id="x"), []
    for second, score in enumerate(score_N):
        if np.isfinite(score):
            found.append(detector.update(FrameStamp(second, float(second)), score=float(score), parts={})[1])
    found.append(detector.flush())
    assert events_at(np.arange(400.0), score_N, rule) == len([each for each in found if each])


def test_what_goes_on_ends_where_there_is_nothing_for_long():
    rule = EventRule(1.0, 0.5, 0, 2)
    seconds_N = np.array([0.0, 1.0, 100.0, 101.0])
    assert events_at(seconds_N, np.full(4, 2, np.float32), rule) == 2
    assert events_at(np.arange(4.0), np.full(4, 2, np.float32), rule) == 1


# -- verdicts


def test_the_effect_of_a_verdict_names_what_would_have_stayed_silent(rig):
    rate = rig.scoring.false_alarms_per_day
    before = rig.threshold(rate)
    marked = [before * 3 + number for number in range(3)]
    for number, peak in enumerate(marked):
        rig.event(f"marked{number}", peak=peak, verdict="false_alarm")
    start = rig.threshold(rate, marked)
    peak = start * 1.0001
    after = rig.threshold(rate, [*marked, peak])
    assert before < start < peak < after  # it would silence itself, which is what is asked for
    rig.event("this", peak=peak)
    between = (start + after) / 2
    rig.event("good", peak=between, verdict="confirmed")
    rig.event("open", peak=between)
    rig.event("elsewhere", peak=between, region="yard")
    rig.event("of another", peak=between, detector="another one")
    rig.event("quiet", peak=start * 0.999)
    effect = rig.desk.verdict_effect("this")
    assert (effect.threshold_before, effect.threshold_after) == (start, after)
    assert "this" not in effect.silenced
    assert {"good", "open"} <= set(effect.silenced)
    assert not {"elsewhere", "of another", "quiet"} & set(effect.silenced)
    assert effect.silenced_confirmed == ("good",)


def test_a_verdict_that_is_given_or_of_another_detector_changes_nothing(rig):
    high = rig.threshold(1) * 5
    rig.event("given", peak=high, verdict="false_alarm")
    rig.event("of another", peak=high * 2, detector="another one")
    for name in ("given", "of another"):
        effect = rig.desk.verdict_effect(name)
        assert effect.threshold_after == effect.threshold_before
        assert effect.silenced == ()


def test_the_engine_is_told_of_a_verdict(rig, monkeypatch):
    told = []
    monkeypatch.setattr(rig.supervisor.inference, "send", told.append)
    rig.desk.verdict_given(rig.event("a", peak=3.0))
    assert [each.camera for each in told] == ["calm"]


# -- the configuration


def test_of_many_who_save_nobody_loses_anything(rig):
    def add(half: str) -> None:
        for number in range(8):
            rig.desk.change_camera("calm", lambda said, at=f"{half}{number}": add_region(said, at))

    def add_region(said, name):
        return {**said, "regions": [*said.get("regions", ()), {"name": name, "polygon": HALF}]}

    threads = [threading.Thread(target=add, args=(half,)) for half in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = {each["name"] for each in rig.desk.raw_camera("calm")["regions"]}
    assert names == {f"{half}{number}" for half in "ab" for number in range(8)}
    assert rig.desk.config.cameras == ConfigFile(rig.folder.file).config.cameras


def test_what_is_in_force_is_what_was_written_last(rig, monkeypatch):
    """One who saves is held up between the file and the engine; another one saves meanwhile."""
    apply, is_held, first = rig.supervisor.apply, threading.Event(), []

    def hold_up(config):
        if not first:
            first.append(config)
            is_held.set()
            other.join(0.3)  # waits for the one who is held up, and so is still there
        apply(config)

    monkeypatch.setattr(rig.supervisor, "apply", hold_up)
    other = threading.Thread(target=lambda: is_held.wait(10) and save("second"))

    def save(title):
        rig.desk.change_camera("calm", lambda said: {**said, "title": title})

    other.start()
    save("first")
    other.join()
    assert rig.desk.raw_camera("calm")["title"] == rig.desk.config.cameras["calm"].title == "second"


def test_a_camera_is_made_and_taken_out(rig):
    rig.desk.change_camera("new", lambda said: {**said, "source": "test-pattern"})
    assert rig.desk.config.cameras["new"].source == "test-pattern"
    rig.desk.change_camera("new", lambda _: None)
    assert list(rig.desk.config.cameras) == ["calm"]
    with pytest.raises(ConfigError, match="strid"):
        rig.desk.change_camera("calm", lambda said: {**said, "strid": 2})
    assert "strid" not in rig.desk.raw_camera("calm")


def test_without_a_file_nothing_can_be_saved(rig):
    rig.supervisor.file = None
    with pytest.raises(ConfigError, match="there is no configuration file"):
        rig.desk.change_camera("calm", lambda said: said)


def test_a_secret_that_is_not_there_concerns_its_camera_alone(rig, monkeypatch):
    monkeypatch.delenv("NOWHERE", raising=False)
    away = {"source": "rtsp://guard:${NOWHERE}@door/1"}
    rig.folder.write(cameras={"calm": rig.folder.camera("calm"), "away": away})
    rig.supervisor.apply(rig.supervisor.file.changed())
    rig.desk.change_camera("calm", lambda said: {**said, "title": "Calm"})
    assert rig.desk.config.cameras["calm"].title == "Calm"
    with pytest.raises(ConfigError, match="NOWHERE is not set"):
        rig.desk.change_camera("away", lambda said: {**said, "title": "Away"})
    rig.supervisor._tell_of_troubles(time.monotonic())
    assert "cameras.away.source: ${NOWHERE}: the environment variable NOWHERE is not set" in note(
        rig, "secrets"
    )
    rig.desk.change_camera("away", lambda said: {**said, "enabled": False})
    rig.supervisor._tell_of_troubles(time.monotonic())
    assert note(rig, "secrets") is None
    monkeypatch.setenv("NOWHERE", "hunter2")
    rig.desk.change_camera("away", lambda said: {**said, "enabled": True})
    rig.supervisor._tell_of_troubles(time.monotonic())
    assert note(rig, "secrets") is None


def note(rig: Rig, topic: str) -> str | None:
    return next((each.text for each in rig.desk.notes() if each.topic == topic), None)


def test_what_only_a_restart_takes_up_is_not_in_force_before(rig):
    elsewhere = {"url": "postgresql+psycopg://nobody@nowhere/x", "retention": {"days": 3}}
    before = rig.desk.config
    rig.folder.write(data="elsewhere", store=elsewhere, web={"enabled": False, "port": 1})
    rig.supervisor.apply(rig.supervisor.file.changed())
    after = rig.desk.config
    assert (after.data, after.store.url, after.web) == (before.data, before.store.url, before.web)
    assert after.store.retention.days == 3
    assert note(rig, "restart").startswith("data, store.url, web: ")
    for job in (rig.supervisor._inference_job(), rig.supervisor._alerts_job()):
        assert str(rig.folder.data / "events.db") in job.store_url
        assert job.config.data == before.data


def test_files_are_found_beside_the_configuration(rig, monkeypatch):
    tried = []
    monkeypatch.setattr(
        "normalcy.live.supervision.desk.probe_source", lambda source, **_: tried.append(source)
    )
    rig.desk.try_source("late.mp4")
    rig.desk.try_source("test-pattern")
    assert tried == [str(rig.folder.path / "late.mp4"), "test-pattern"]
    rig.desk.change_camera("late", lambda _: {"source": "late.mp4"})
    assert rig.desk.config.cameras["late"].source == tried[0]
    assert rig.desk.raw_camera("late")["source"] == "late.mp4"


# -- what could not be kept


def test_what_dead_processes_counted_is_kept(rig):
    rig.supervisor._on_inference(Counters(lost=1, refusals=4, media_failures=2))
    rig.supervisor._on_inference(Counters(lost=2, refusals=5, media_failures=2))
    rig.supervisor._inference_job()
    rig.supervisor._on_inference(Counters(lost=1, gave_way=3))
    rig.supervisor._recorder.refusals = 7
    total = rig.desk.counters()
    assert (total.lost, total.gave_way, total.refusals, total.media_failures) == (3, 3, 12, 2)
