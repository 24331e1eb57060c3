"""From the outbox to the receivers and back: the state of the alerts process.

Each receiver has a channel with a thread of its own, so that one that hangs delays no other. This side alone talks to
the store. What arrived is remembered until it is written down, however long the database is locked or the disk full,
and is not sent again by this process. A process that is killed in between leaves a message that is sent once more, with
the same key.
"""

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from sqlalchemy.orm import Session

from normalcy.live.alerts.backoff import RetryRule
from normalcy.live.alerts.channel import Channel, Outcome
from normalcy.live.alerts.control import CameraBoard
from normalcy.live.alerts.delivery import Delivery, Receiver
from normalcy.live.alerts.planning import LIMIT_SECONDS, Known, Plan, needed_keys, plan
from normalcy.live.alerts.questions import held_count, media_of, news_sent, states_of, waiting_for_nobody
from normalcy.live.alerts.receivers import build_receiver
from normalcy.live.alerts.settling import log_outcome, log_plan, mark_for_nobody, mark_outcome, mark_plan
from normalcy.live.config.live import LiveConfig
from normalcy.live.store.outbox import due_messages
from normalcy.live.store.records import Message
from normalcy.live.store.store import Store, StoreError

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
"""The outbox is looked at so often without being asked to: for what is due again."""
_LOOKED_AT = 200
_AT_ONCE = 10
"""So few messages are given to a channel at once: an alert that comes meanwhile does not wait for long."""


class Sender:
    """Sends what is due. All of it is called from one thread.

    Args:
        store: Of events and the outbox.
        config: In force.
        media: Folder of events' pictures.
        ring: Wakes whoever calls `turn`; called from other threads.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        store: Store,
        config: LiveConfig,
        *,
        media: Path,
        ring: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._media, self._ring, self._clock = store, media, ring, clock
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
        return not self._unmarked and not any(channel.under_way for channel in self._all_channels())

    def configure(self, config: LiveConfig) -> None:
        """Takes up a new configuration: receivers that did not change go on undisturbed."""
        before, self._config = self._config, config
        for name in list(self._channels):
            if _settings(name, before) != _settings(name, config):
                channel = self._channels.pop(name)
                channel.close()
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
        return build_receiver(name, config, board=self.board, recovered=recovered)

    def _all_channels(self) -> list[Channel]:
        return [*self._channels.values(), *self._retired]

    def _collect(self) -> None:
        for channel in self._all_channels():
            for outcome in channel.collect():
                self._unmarked.append(outcome)
                log_outcome(channel.name, outcome, give_up_seconds=self._give_up_seconds)
        self._retired = [channel for channel in self._retired if channel.under_way]

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
        with self._store.reading() as session:
            nobodys = waiting_for_nobody(session, self._channels.keys())
            for channel in ready:
                made = self._plan(session, channel)
                plans.append((channel.name, made))
                if made.send:
                    channel.submit(self._deliveries(session, made.send))
        settled = [(name, made) for name, made in plans if made.settled]
        if settled or nobodys:
            self._write_down(settled, nobodys)
            self._ring()  # there may be more than was looked at

    def _plan(self, session: Session, channel: Channel) -> Plan:
        now = self._clock()
        taken = self._taken()
        looked_at = due_messages(session, now=now, limit=_LOOKED_AT, receivers=[channel.name])
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
            oldest_at=now - self._give_up_seconds,
            is_failing=channel.is_failing,
        )
        return plan(due, known, most=_AT_ONCE)

    def _taken(self) -> set[int]:
        """Messages that are under way, also through channels of before, or arrived and are not written down."""
        under_way = {each for channel in self._all_channels() for each in channel.under_way}
        return under_way | {outcome.delivery.id for outcome in self._unmarked}

    def _deliveries(self, session: Session, messages: Sequence[Message]) -> list[Delivery]:
        media = media_of(session, {each.event_id for each in messages if each.event_id})
        return [
            Delivery(
                id=message.id,
                key=message.key,
                payload=_payload(session, message),
                created_at=message.created_at,
                snapshot=self._snapshot(media.get(message.event_id or "")),
            )
            for message in messages
        ]

    def _snapshot(self, folder: str | None) -> Path | None:
        return None if folder is None else self._media / folder / "snapshot.jpg"

    def _write_down(self, plans: Sequence[tuple[str, Plan]], nobodys: Sequence[int]) -> None:
        with self._store.transaction() as session:
            mark_for_nobody(session, nobodys)
            for _, made in plans:
                mark_plan(session, made, config=self._config, now=self._clock())
        for name, made in plans:
            log_plan(name, made)
        if nobodys:
            logger.warning("%d messages waited for receivers that are not configured any more", len(nobodys))

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
