"""What could not be kept is told of, and no longer than it should be."""

import time
from types import SimpleNamespace

from normalcy.live.engine.orders import Counters
from normalcy.live.supervision.counting import Counting
from normalcy.live.supervision.notes import Notes


def test_what_a_person_should_look_at_is_noted_and_goes():
    notes, now = Notes(), 1000.0
    counting = Counting(SimpleNamespace(refused_since=None), notes)

    def note(topic: str) -> str | None:
        return next((each.text for each in notes.all() if each.topic == topic), None)

    counting.take(Counters(refused_since=time.time() - 60, media_failures=1))
    counting.tell(now)
    assert note("store").startswith("It has refused since ")
    assert note("media")
    counting.take(Counters(refused_since=time.time(), media_failures=1))  # a lock of a moment
    counting.tell(now + 601)
    assert (note("store"), note("media"), note("lost")) == (None, None, None)
    counting.take(Counters(lost=1, lesson_failures=1))
    counting.tell(now + 602)
    assert note("lost").startswith("1 changes")
    assert note("lessons").startswith("Some false alarms could not be taught")
    assert note("media") is None
    counting.tell(now + 602 + 601)
    assert note("lessons") is None
