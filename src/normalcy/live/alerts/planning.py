"""What is to become of the messages that are due to one receiver: decided without a database and without a clock.

Messages of one incident keep their order: the outbox gives out the first of them that waits, and no other. Alerts go
before notices, and both before what failed over and over. Beyond the rate limit, a camera's messages are held: a notice
as soon as that many messages of any kind went out within the hour, an alert only when that many alerts did. So no flood
of notices can keep an alert back.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from normalcy.live.alerts.delivery import STUBBORN_ATTEMPTS
from normalcy.live.alerts.messages import BEGINNINGS, UPDATES, incident_of, message_key
from normalcy.live.store.records import Message

NEWS = frozenset({"event.opened", "event.escalated", "camera.offline"})
"""Kinds that count for the rate limit."""
LIMIT_SECONDS = 3600.0


@dataclass(frozen=True)
class Known:
    """What planning has to know.

    Attributes:
        states: Of the messages that others build on, by key.
        sent: News of the last hour by (camera, severity).
        limit: News of one camera per hour.
        oldest_at: Messages that were created before are given up where nothing arrives.
    """

    states: Mapping[str, str]
    sent: Mapping[tuple[str, str], int]
    limit: int
    oldest_at: float = -math.inf


@dataclass
class Plan:
    """What is to become of messages; those that are not named have to wait.

    Attributes:
        send: The next one.
        held: Over the rate limit.
        untold: Updates to what the receiver was never told of.
        dead: Too old.
    """

    send: Message | None = None
    held: list[Message] = field(default_factory=list)
    untold: list[Message] = field(default_factory=list)
    dead: list[Message] = field(default_factory=list)

    @property
    def settled(self) -> bool:
        """Whether something is decided that has to be written down."""
        return bool(self.held or self.untold or self.dead)


def needed_keys(messages: Sequence[Message]) -> set[str]:
    """Keys of all that these messages build on."""
    return {key for message in messages for key in _beginnings(message)}


def plan(messages: Sequence[Message], known: Known) -> Plan:
    """Decides; only one is sent at once, so that a process that is killed can repeat no more than that."""
    made = Plan()
    for message in sorted(messages, key=_turn_of):
        states = [known.states[key] for key in _beginnings(message) if key in known.states]
        if message.created_at < known.oldest_at:
            made.dead.append(message)
        elif message.kind in UPDATES and "sent" not in states:
            made.untold.append(message)
        elif message.kind in NEWS and _is_over_limit(message, known):
            made.held.append(message)
        elif made.send is None:
            made.send = message
    return made


def _turn_of(message: Message) -> tuple[bool, bool, int]:
    return message.attempts >= STUBBORN_ATTEMPTS, message.severity != "alert", message.id


def _beginnings(message: Message) -> list[str]:
    incident = incident_of(message.key, kind=message.kind)
    kinds = BEGINNINGS.get(message.kind, ())
    return [message_key(incident, kind=kind, receiver=message.receiver) for kind in kinds]


def _is_over_limit(message: Message, known: Known) -> bool:
    alerts, notices = (known.sent.get((message.camera, severity), 0) for severity in ("alert", "notice"))
    return (alerts if message.severity == "alert" else alerts + notices) >= known.limit
