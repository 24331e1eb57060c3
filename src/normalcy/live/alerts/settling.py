"""What became of messages, written into the outbox."""

import logging
from collections.abc import Sequence

from sqlalchemy.orm import Session

from normalcy.live.alerts.channel import Outcome
from normalcy.live.alerts.delivery import Trouble
from normalcy.live.alerts.messages import held_message
from normalcy.live.alerts.planning import LIMIT_SECONDS, NEWS, Plan
from normalcy.live.config.live import LiveConfig
from normalcy.live.store.outbox import AT_ONCE, enqueue, mark_dead, mark_failed, mark_held, mark_sent
from normalcy.live.store.records import Message

logger = logging.getLogger(__name__)

_SUMMARY_DELAY_SECONDS = 60.0
"""A summary of a window that is long over waits for so long: more may be kept back of it."""
_LEAST_FAILING_SECONDS = 3600.0
_LEAST_REFUSALS = 3
UNTOLD = "the receiver was not told of its beginning"
NOBODY = "the receiver is not configured any more"


def mark_outcome(session: Session, outcome: Outcome, *, give_up_seconds: float) -> None:
    """Writes what became of an attempt.

    While a receiver is away its messages stay due, so that they keep their order: the channel waits, not they.
    """
    delivery, error = outcome.delivery, outcome.error
    if error is None:
        mark_sent(session, delivery.id, at=outcome.at)
        return
    is_refused = error.trouble is Trouble.REFUSED
    due_at = outcome.at + outcome.wait_seconds if is_refused else AT_ONCE
    mark_failed(
        session,
        delivery.id,
        error=str(error),
        at=outcome.at,
        due_at=due_at,
        is_refusal=outcome.is_refusal,
    )
    if is_given_up(outcome, give_up_seconds=give_up_seconds):
        mark_dead(session, delivery.id, error=str(error))


def is_given_up(outcome: Outcome, *, give_up_seconds: float) -> bool:
    """Whether a message that failed is not tried again."""
    if outcome.error is None or outcome.delivery.created_at >= outcome.at - give_up_seconds:
        return False
    if outcome.error.trouble is Trouble.REFUSED:
        return outcome.delivery.refusals + int(outcome.is_refusal) >= _LEAST_REFUSALS
    return has_failed_long(outcome.failing_seconds, give_up_seconds=give_up_seconds)


def has_failed_long(failing_seconds: float, *, give_up_seconds: float) -> bool:
    """Whether old messages to a receiver may be given up.

    That they are old is not enough: a clock that is set forward, as at the start of a machine without one that goes
    on, makes all of them old at once.
    """
    return failing_seconds >= min(give_up_seconds, _LEAST_FAILING_SECONDS)


def mark_plan(session: Session, plan: Plan, *, config: LiveConfig, now: float) -> None:
    """Writes which messages are not sent, and for each window of the rate limit one message that says how many."""
    limit = config.alerts.per_camera_per_hour
    for message in plan.held:
        mark_held(session, message.id, f"more than {limit} an hour of this camera")
        _enqueue_summary(session, message, config=config, now=now)
    for message in plan.untold:
        mark_held(session, message.id, UNTOLD)
    for message in plan.dead:
        mark_dead(session, message.id, error=f"given up after {config.alerts.give_up_hours:g} h")


def mark_orphans(session: Session, message_ids: Sequence[int]) -> None:
    """Gives up what waits for receivers that are gone."""
    for message_id in message_ids:
        mark_dead(session, message_id, error=NOBODY)


def log_outcome(name: str, outcome: Outcome, *, give_up_seconds: float) -> None:
    """Says what became of an attempt."""
    key, error = outcome.delivery.key, outcome.error
    if error is None:
        waited_seconds = outcome.at - outcome.delivery.created_at
        logger.info("%s: sent %s, %.3f s after it was written", name, key, waited_seconds)
    elif is_given_up(outcome, give_up_seconds=give_up_seconds):
        logger.error("%s: gave %s up: %s", name, key, error)
    else:
        wait = outcome.wait_seconds
        logger.warning("%s: could not send %s: %s; next attempt in %.1f s", name, key, error, wait)


def log_plan(name: str, plan: Plan) -> None:
    """Says what is kept back or given up without an attempt."""
    for message in plan.held:
        logger.warning("%s: rate limit of camera %s keeps %s back", name, message.camera, message.key)
    for message in plan.dead:
        logger.error("%s: gave %s up: too old", name, message.key)


def _enqueue_summary(session: Session, message: Message, *, config: LiveConfig, now: float) -> None:
    assert message.kind in NEWS
    since = message.created_at // LIMIT_SECONDS * LIMIT_SECONDS
    until = since + LIMIT_SECONDS
    summary = held_message(message.camera, message.receiver, since=since, until=until, config=config)
    due_at = max(until, now + _SUMMARY_DELAY_SECONDS)
    enqueue(session, summary, at=due_at, due_at=due_at)
