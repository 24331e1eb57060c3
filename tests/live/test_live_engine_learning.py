"""What people said is read beside the scoring: after what was written before, and only of the same detector."""

import threading
from dataclasses import replace

import pytest
from live_captures import until
from live_databases import an_event

from normalcy.live.engine import learning as learn
from normalcy.live.engine.learning import Learned, Learning
from normalcy.live.engine.recorder import Recorder
from normalcy.live.store.events import insert_event, set_media

pytest_plugins = ["live_databases"]

DETECTOR = "0123456789abcdef"
MARKED = an_event(1, detector=DETECTOR, verdict="false_alarm", peak_score=7.0, media="yard/1")


class Bell:
    def release(self) -> None:
        pass


@pytest.fixture
def recorder(sqlite_store):
    made = Recorder(sqlite_store, bell=Bell())
    made.start()
    yield made
    made.stop(10)


def store(recorder, *events):
    for event in events:
        recorder.record(lambda session, event=event: insert_event(session, event))


def read(learning, camera="yard", detector=DETECTOR) -> Learned:
    found: list[Learned] = []
    until(lambda: found.extend(learning.news({camera: detector})) or found)
    assert len(found) == 1
    return found[0]


def test_what_was_written_before_it_was_asked_for_is_read(recorder, tmp_path):
    learning = Learning(recorder, tmp_path)
    (tmp_path / "yard/1").mkdir(parents=True)
    (tmp_path / "yard/1/clip.mp4").write_bytes(b"x")
    gate = replace(MARKED, id=f"{2:032x}", region="gate", peak_score=9.0)
    store(recorder, MARKED, gate)
    learning.ask("yard")
    learned = read(learning)
    assert learned.false_alarms == {"": [7.0], "gate": [9.0]}
    assert learned.lessons == (), "its clip is not there yet"
    recorder.record(
        lambda session: set_media(session, MARKED.id, media="yard/1", media_bytes=1, clip_offset_seconds=2.5)
    )
    learning.ask("yard")
    (lesson,) = read(learning).lessons
    assert (lesson.event, lesson.start_seconds) == (MARKED.id, 2.5)


def test_scores_of_another_detector_say_nothing(recorder, tmp_path):
    learning = Learning(recorder, tmp_path)
    store(recorder, replace(MARKED, clip_offset_seconds=1.0))
    (tmp_path / "yard/1").mkdir(parents=True)
    (tmp_path / "yard/1/clip.mp4").write_bytes(b"x")
    learning.ask("yard")
    learned = read(learning, detector="another")
    assert (learned.false_alarms, learned.lessons) == ({}, ())


def test_many_false_alarms_of_another_detector_do_not_hide_those_of_this_one(recorder, tmp_path, monkeypatch):
    monkeypatch.setattr(learn, "_MOST_EVENTS", 3)
    learning = Learning(recorder, tmp_path)
    (tmp_path / "yard/1").mkdir(parents=True)
    (tmp_path / "yard/1/clip.mp4").write_bytes(b"x")
    store(recorder, replace(MARKED, clip_offset_seconds=1.0))
    for number in range(2, 6):
        newer = {"id": f"{number:032x}", "detector": "another", "started_at": MARKED.started_at + number}
        store(recorder, replace(MARKED, **newer))
    learning.ask("yard")
    assert [each.event for each in read(learning).lessons] == [MARKED.id]


def test_a_store_that_hangs_holds_up_nobody_and_much_that_was_asked_is_read_once(recorder, tmp_path):
    go, learning = threading.Event(), Learning(recorder, tmp_path)
    recorder.record(lambda session: go.wait(30))
    for _ in range(100):
        learning.ask("yard")
    assert learning.news({"yard": DETECTOR}) == []
    store(recorder, MARKED)
    learning.ask("yard")
    assert learning.news({"yard": DETECTOR}) == []
    go.set()
    found: list[Learned] = []
    until(lambda: found.extend(learning.news({"yard": DETECTOR})) or len(found) == 2)
    assert found[-1].false_alarms == {"": [7.0]}


def test_where_too_much_waits_it_is_read_once_there_is_room(tmp_path):
    class Full:
        has_room, jobs = False, 0

        def record_if_room(self, job):
            self.jobs += 1

    recorder = Full()
    learning = Learning(recorder, tmp_path)
    learning.ask("yard")
    learning.news({"yard": DETECTOR})
    assert recorder.jobs == 0
    recorder.has_room = True
    learning.news({"yard": DETECTOR})
    assert recorder.jobs == 1


def test_a_camera_that_is_gone_is_not_read_of(recorder, tmp_path):
    learning = Learning(recorder, tmp_path)
    learning.ask("gone")
    learning.ask("yard")
    assert read(learning).camera == "yard"
