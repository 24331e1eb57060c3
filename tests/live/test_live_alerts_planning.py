"""What is sent next, what is kept back, and how long a receiver is left alone."""

from itertools import count

import pytest

from normalcy.live.alerts.backoff import RetryRule
from normalcy.live.alerts.delivery import STUBBORN_ATTEMPTS, DeliveryError, Trouble
from normalcy.live.alerts.planning import Known, Plan, needed_keys, plan
from normalcy.live.store.records import Message

_ids = count(1)


def message(incident, kind="event.opened", *, severity="notice", camera="door", created_at=100.0, attempts=0):
    return Message(
        id=next(_ids),
        key=f"{incident}:{kind}:mqtt",
        camera=camera,
        receiver="mqtt",
        kind=kind,
        severity=severity,
        payload={},
        created_at=created_at,
        attempts=attempts,
        event_id=incident,
    )


def known(**changed):
    return Known(**{"states": {}, "sent": {}, "limit": 3} | changed)


def test_alerts_go_before_notices_and_each_in_order():
    notices = [message("a"), message("b")]
    alerts = [message("c", severity="alert"), message("d", severity="alert")]
    assert plan([*notices, *alerts], known()).send == alerts[0]
    assert plan([*notices, alerts[1]], known()).send == alerts[1]
    assert plan(notices[::-1], known()).send == notices[0]


def test_what_failed_over_and_over_lets_the_others_go_first():
    upsetting = message("a", severity="alert", attempts=STUBBORN_ATTEMPTS)
    patient = message("b", severity="alert", attempts=STUBBORN_ATTEMPTS - 1)
    notice = message("c")
    assert plan([upsetting, notice], known()).send == notice
    assert plan([upsetting, notice, patient], known()).send == patient
    assert plan([upsetting], known()).send == upsetting


def test_an_end_is_told_to_who_knows_of_the_beginning():
    ends = message("a", "event.closed")
    assert needed_keys([ends]) == {"a:event.opened:mqtt", "a:event.escalated:mqtt"}
    assert plan([ends], known(states={"a:event.opened:mqtt": "sent"})) == Plan(send=ends)


@pytest.mark.parametrize("state", ["held", "dead", None])
def test_an_end_is_not_told_to_who_does_not_know_of_the_beginning(state):
    ends = message("a", "event.closed")
    states = {} if state is None else {"a:event.opened:mqtt": state}
    assert plan([ends], known(states=states)).untold == [ends]


def test_a_notice_that_was_kept_back_and_becomes_an_alert_is_told():
    worse = message("a", "event.escalated", severity="alert")
    assert plan([worse], known(states={"a:event.opened:mqtt": "held"})).send == worse


def test_beyond_the_limit_messages_of_that_camera_are_held():
    of_door = [message(str(number)) for number in range(5)]
    of_yard = message("y", camera="yard")
    made = plan([*of_door, of_yard], known(sent={("door", "notice"): 3}))
    assert made.send == of_yard
    assert made.held == of_door
    assert plan(of_door, known(sent={("door", "notice"): 2})) == Plan(send=of_door[0])


def test_a_flood_of_notices_keeps_no_alert_back():
    alert = message("a", severity="alert")
    flooded = {("door", "notice"): 50}
    assert plan([alert, message("b")], known(sent=flooded)).send == alert
    assert plan([alert], known(sent={("door", "alert"): 3})).held == [alert]


def test_ends_do_not_count_and_are_not_held():
    ends = message("a", "event.closed")
    states = {"a:event.opened:mqtt": "sent"}
    assert plan([ends], known(states=states, sent={("door", "notice"): 3})).send == ends


def test_what_is_too_old_is_given_up_where_nothing_arrives():
    tried, fresh, untried = message("a", attempts=1), message("b", created_at=999.0), message("c")
    made = plan([tried, fresh, untried], known(oldest_at=500.0))
    assert made == Plan(send=fresh, dead=[tried, untried])
    assert plan([tried], known()).send == tried


RULE = RetryRule(first_seconds=1.0, most_seconds=300.0)


def test_waits_double_up_to_a_limit_and_differ():
    away = DeliveryError("no answer")
    longest = [RULE.wait_seconds(away, failures=each, random=lambda: 1.0) for each in (1, 2, 3, 9, 10, 9999)]
    assert longest == [1.0, 2.0, 4.0, 256.0, 300.0, 300.0]
    assert RULE.wait_seconds(away, failures=3, random=lambda: 0.0) == 2.0


def test_what_somebody_has_to_mend_is_tried_seldom():
    wrong = DeliveryError("no such page", trouble=Trouble.MISCONFIGURED)
    assert RULE.wait_seconds(wrong, failures=1, random=lambda: 1.0) == 300.0


def test_a_receiver_is_left_alone_for_as_long_as_it_asks_within_reason():
    asked = DeliveryError("busy", retry_after_seconds=500.0)
    assert RULE.wait_seconds(asked, failures=1, random=lambda: 0.0) == 500.0
    unreasonable = DeliveryError("busy", retry_after_seconds=1e9)
    assert RULE.wait_seconds(unreasonable, failures=1, random=lambda: 0.0) == 3600.0
