"""From the outbox to the receivers and back: the state of the alerts process.

Each receiver has a channel with a thread of its own, so that one that hangs delays no other. This side alone talks to
the store. What arrived is remembered until it is written down, however long the database is locked or the disk full,
and is not sent again by this process. A process that is killed in between leaves a message that is sent once more, with
the same key.
"""

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from normalcy.live.alerts.backoff import RetryRule
from normalcy.live.alerts.channel import Channel, Outcome
from normalcy.live.alerts.control import CameraBoard
from normalcy.live.alerts.delivery import Delivery, Receiver
from normalcy.live.alerts.planning import LIMIT_SECONDS, Known, Plan, needed_keys, plan
from normalcy.live.alerts.questions import held_count, media_of, news_sent, orphaned, states_of
from normalcy.live.alerts.receivers import build_receiver
from normalcy.live.alerts.settling import (
    has_failed_long,
    log_outcome,
    log_plan,
    mark_orphans,
    mark_outcome,
    mark_plan,
)
from normalcy.live.config.live import LiveConfig
from normalcy.live.nodes.identity import NodeIdentity
from normalcy.live.store.claims import claim, may_send
from normalcy.live.store.outbox import due_messages
from normalcy.live.store.records import Message
from normalcy.live.store.store import Store, StoreError

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
"""The outbox is looked at so often without being asked to: for what is due again."""
_LOOKED_AT = 200
"""Messages of a receiver from which the next one is chosen."""
_NEWCOMER_SECONDS = 60.0
"""A message may be written before this process is told of the receiver that it is for."""
_RETIRE_SECONDS = 2.0
"""A receiver of before has so long to say farewell: after that, its last word could come after a new one's first."""


class Sender:
    """Sends what is due. All of it is called from one thread.

    Args:
        store: Of events and the outbox.
        config: In force.
        media: Folder of events' pictures.
        ring: Wakes whoever calls `turn`; called from other threads.
        clock: Seconds since 1970.
        node: This one of several that share the outbox; none where there is no other.
    """

    def __init__(
        self,
        store: Store,
        config: LiveConfig,
        *,
        media: Path,
        ring: Callable[[], None],
        clock: Callable[[], float] = time.time,
        node: NodeIdentity | None = None,
    ) -> None:
        self._store, self._media, self._ring, self._clock, self._node = store, media, ring, clock, node
        self.board = CameraBoard()
        self._channels: dict[str, Channel] = {}
        self._retired: list[Channel] = []
        self._unmarked: list[Outcome] = []
        self._store_answers = True
        self._config = config
        self._take_up(config)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way, and everything is written down."""
        under_way = any(channel.under_way is not None for channel in self._all_channels())
        return not (under_way or self._unmarked)

    def configure(self, config: LiveConfig) -> None:
        """Takes up a new configuration: receivers that did not change go on undisturbed."""
        before, self._config = self._config, config
        for name in list(self._channels):
            if _settings(name, before) != _settings(name, config):
                channel = self._channels.pop(name)
                channel.close(wait_seconds=_RETIRE_SECONDS)
                self._retired.append(channel)
        self._take_up(config)

    def turn(self) -> float:
        """Writes down what became of messages, and gives channels what is due.

        Returns:
            In how many seconds it has to be called again, unless something rings before.
        """
        self._collect()
        troubles = [self._trouble(step) for step in (self._settle, self._dispatch)]
        self._log_store(next(filter(None, troubles), None))
        waits = [channel.wait_seconds for channel in self._channels.values()]
        return min([_LOOK_SECONDS, *(wait for wait in waits if wait > 0.0)])

    def close(self, *, wait_seconds: float) -> None:
        """Ends all channels; what is under way and does not end in time is sent again by the next process."""
        deadline = time.monotonic() + wait_seconds
        for channel in self._channels.values():
            channel.close()
        for channel in self._all_channels():
            channel.close(wait_seconds=max(0.0, deadline - time.monotonic()))
        self._collect()
        self._log_store(self._trouble(self._settle))

    def _take_up(self, config: LiveConfig) -> None:
        self.board.watch(tuple(config.cameras))
        retry = RetryRule(config.alerts.retry_first_seconds, config.alerts.retry_most_seconds)
        for name in config.alerts.receivers.keys() - self._channels.keys():
            build = partial(self._build, name, config)
            self._channels[name] = Channel(name, build, retry=retry, ring=self._ring, clock=self._clock)

    def _build(self, name: str, config: LiveConfig, recovered: Callable[[], None]) -> Receiver:
        node = self._node.name if self._node else ""
        return build_receiver(name, config, board=self.board, recovered=recovered, node=node)

    def _all_channels(self) -> list[Channel]:
        return [*self._channels.values(), *self._retired]

    def _collect(self) -> None:
        for channel in self._all_channels():
            if (outcome := channel.collect()) is not None:
                self._unmarked.append(outcome)
                log_outcome(channel.name, outcome, give_up_seconds=self._give_up_seconds)
        self._retired = [channel for channel in self._retired if channel.under_way is not None]

    def _settle(self) -> None:
        if not self._unmarked:
            return
        with self._store.transaction() as session:
            for outcome in self._unmarked:
                mark_outcome(session, outcome, give_up_seconds=self._give_up_seconds)
        self._unmarked = []

    def _dispatch(self) -> None:
        """Gives channels what is due, and writes down what is not to be sent."""
        ready = [channel for channel in self._channels.values() if channel.is_ready]
        plans: list[tuple[str, Plan]] = []
        found: list[tuple[Channel, Delivery]] = []
        with self._store.reading() as session:
            orphans = orphaned(
                session, self._channels.keys(), created_before=self._clock() - _NEWCOMER_SECONDS
            )
            for channel in ready:
                made = self._plan(session, channel)
                plans.append((channel.name, made))
                if made.send is not None:
                    found.append((channel, self._delivery(session, made.send)))
        for channel, delivery in self._claimed(found):
            channel.submit(delivery)
        settled = [(name, made) for name, made in plans if made.settled]
        if settled or orphans:
            self._write_down(settled, orphans)
            self._ring()  # there may be more than was looked at

    def _claimed(self, found: list[tuple[Channel, Delivery]]) -> list[tuple[Channel, Delivery]]:
        """Those of them that no other node sends."""
        if self._node is None or not found:
            return found
        token, lease_seconds = self._node.token, self._node.lease_seconds
        # The claim holds for a lease since the last sign of life, which may be half of one ago.
        until = time.monotonic() + lease_seconds / 2
        with self._store.transaction() as session:
            return [
                (channel, replace(delivery, until=until))
                for channel, delivery in found
                if claim(session, delivery.id, token=token, lease_seconds=lease_seconds)
            ]

    def _plan(self, session: Session, channel: Channel) -> Plan:
        now = self._clock()
        taken = self._taken()
        looked_at = due_messages(
            session, now=now, limit=_LOOKED_AT, receivers=[channel.name], where=self._mine(now)
        )
        due = [message for message in looked_at if message.id not in taken]
        if not due:
            return Plan()
        since = now - LIMIT_SECONDS
        known = Known(
            states=states_of(session, needed_keys(due)),
            sent=news_sent(
                session,
                channel.name,
                cameras={message.camera for message in due},
                since=since,
                created_since=since - self._give_up_seconds,
            ),
            limit=self._config.alerts.per_camera_per_hour,
            oldest_at=self._oldest_at(channel, now),
        )
        return plan(due, known)

    def _mine(self, now: float) -> ColumnElement[bool] | None:
        if self._node is None:
            return None
        return may_send(self._node.token, lease_seconds=self._node.lease_seconds, now=now)

    def _oldest_at(self, channel: Channel, now: float) -> float:
        give_up_seconds = self._give_up_seconds
        is_lost = has_failed_long(channel.failing_seconds, give_up_seconds=give_up_seconds)
        return now - give_up_seconds if is_lost else -math.inf

    def _taken(self) -> set[int]:
        """Messages that are under way, also through channels of before, or arrived and are not written down."""
        under_way = {channel.under_way for channel in self._all_channels() if channel.under_way is not None}
        return under_way | {outcome.delivery.id for outcome in self._unmarked}

    def _delivery(self, session: Session, message: Message) -> Delivery:
        folder = media_of(session, message.event_id) if message.event_id else None
        return Delivery(
            id=message.id,
            key=message.key,
            payload=_payload(session, message),
            created_at=message.created_at,
            attempts=message.attempts,
            refusals=message.refusals,
            snapshot=self._media / folder / "snapshot.jpg" if folder else None,
        )

    def _write_down(self, plans: Sequence[tuple[str, Plan]], orphans: Sequence[int]) -> None:
        with self._store.transaction() as session:
            mark_orphans(session, orphans)
            for _, made in plans:
                mark_plan(session, made, config=self._config, now=self._clock())
        for name, made in plans:
            log_plan(name, made)
        if orphans:
            logger.warning("%d messages waited for receivers that are not configured any more", len(orphans))

    @property
    def _give_up_seconds(self) -> float:
        return self._config.alerts.give_up_hours * 3600.0

    def _trouble(self, step: Callable[[], None]) -> StoreError | None:
        """Takes a step; the store's error where it refuses. A refused writing does not keep alerts from going out."""
        try:
            step()
        except StoreError as error:
            return error
        return None

    def _log_store(self, trouble: StoreError | None) -> None:
        """Says once that the store refuses, and once that it does not any more."""
        if trouble is not None and self._store_answers:
            logger.error("the store refuses, alerts may be late: %s", trouble)
        elif trouble is None and not self._store_answers:
            logger.info("the store answers again")
        self._store_answers = trouble is None


def _settings(name: str, config: LiveConfig) -> object:
    """All that a receiver is made from."""
    alerts = config.alerts
    retry = (alerts.retry_first_seconds, alerts.retry_most_seconds)
    return alerts.receivers.get(name), retry, config.timezone


def _payload(session: Session, message: Message) -> dict[str, object]:
    """What is sent; a summary gets the number that it tells of only now."""
    payload = dict(message.payload)
    if message.kind == "alerts.held":
        since, until = payload["since_epoch"], payload["until_epoch"]
        payload["held"] = held_count(session, message.camera, message.receiver, since=since, until=until)
    return payload
