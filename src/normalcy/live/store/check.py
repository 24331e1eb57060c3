"""The store and the disk held against each other, and mended where they differ.

A process that was killed may leave media that no event names, or files that it had not finished; a disk that lost
something, or somebody who tidied up, leaves events without their media. None of it stops the engine.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Row, select, text, update

from normalcy.live.store.media import event_folder, stored_bytes
from normalcy.live.store.models import EventRow
from normalcy.live.store.nodes import nodes_elsewhere
from normalcy.live.store.store import Store, StoreError
from normalcy.live.store.strays import stray_media

SETTLED_SECONDS = 3600.0
"""What changed less long ago may still be in the works of a running engine."""

FindingKind = Literal[
    "damaged", "open", "media gone", "media size", "unreadable", "temporary", "orphan", "foreign"
]


_Event = Row[str, str, float, str, int, str]
"""id, state, ended_at, media, media_bytes, node"""


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        kind: `damaged` database; `open` event that nobody owns; event whose `media` are `gone`, of another `size`, or
            `unreadable`; `temporary` file, half-written; `orphan`: media that no event names; `foreign` file: not ours.
        what: In words.
        is_mended: Whether it was mended.
    """

    kind: FindingKind
    what: str
    is_mended: bool = False


@dataclass(frozen=True)
class StoreCheck:
    """What a check came to: how many events there are, and what was found."""

    events: int
    findings: tuple[Finding, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing is left to be mended; foreign files do no harm."""
        return all(finding.is_mended or finding.kind == "foreign" for finding in self.findings)


@dataclass(frozen=True)
class _Fault:
    kind: FindingKind
    what: str
    mend: Callable[[], None] | None = None


def check_store(
    store: Store,
    media: Path,
    *,
    repair: bool = False,
    settled_seconds: float = SETTLED_SECONDS,
    node: str = "",
) -> StoreCheck:
    """Looks for what does not fit together.

    Args:
        store: The event store.
        media: Folder of the media.
        repair: Mend it: rows follow the disk, media without an event are deleted. A damaged database cannot be mended.
        settled_seconds: What changed less long ago is passed over; 0 where no engine runs.
        node: Name of the node whose folder it is, where there are several: events of others have their media elsewhere.

    Raises:
        StoreError: The store is locked or out of reach.
    """
    damages = [Finding("damaged", said) for said in _damages(store)]
    if damages:
        return StoreCheck(events=0, findings=tuple(damages))
    settled_at = time.time() - settled_seconds
    events = _events(store)
    own = [event for event in events if event.node == node] if node else events
    open_at = (
        min(settled_at, time.time() - SETTLED_SECONDS) if node else settled_at
    )  # another node may go on with it
    faults = [
        *_event_faults(store, media, own, settled_at, open_at),
        *_media_faults(media, _may_be_here(store, events, node) if node else events, settled_at),
    ]
    return StoreCheck(len(events), tuple(_found(fault, repair=repair) for fault in faults))


def _found(fault: _Fault, *, repair: bool) -> Finding:
    if not repair or fault.mend is None:
        return Finding(fault.kind, fault.what)
    try:
        fault.mend()
    except OSError as error:
        return Finding(fault.kind, f"{fault.what}; it cannot be deleted ({error.strerror})")
    return Finding(fault.kind, fault.what, is_mended=True)


def _damages(store: Store) -> list[str]:
    """What SQLite itself finds; PostgreSQL looks after itself."""
    if store.engine.dialect.name != "sqlite":
        return []
    try:
        with store.reading() as session:
            said = session.scalars(text("PRAGMA integrity_check(20)")).all()
    except StoreError as error:
        if error.transient:
            raise
        return [str(error)]
    return [str(each) for each in said if each != "ok"]


def _events(store: Store) -> list[_Event]:
    columns = (
        EventRow.id,
        EventRow.state,
        EventRow.ended_at,
        EventRow.media,
        EventRow.media_bytes,
        EventRow.node,
    )
    with store.reading() as session:
        return list(session.execute(select(*columns).order_by(EventRow.started_at)).all())


def _event_faults(
    store: Store, media: Path, events: list[_Event], settled_at: float, open_at: float
) -> Iterator[_Fault]:
    for event in (each for each in events if each.ended_at <= settled_at):
        if event.state == "open" and event.ended_at <= open_at:
            mend = _correction(store, event, state="closed", interrupted=True)
            yield _Fault("open", f"event {event.id} is open, and nobody goes on with it", mend)
        if not event.media:
            continue
        folder = event_folder(media, event.media)
        size_bytes = stored_bytes(folder) if folder else 0
        if size_bytes is None:
            yield _Fault("unreadable", f"event {event.id} has media that cannot be read, {event.media}")
        elif size_bytes == 0:
            mend = _correction(store, event, media="", media_bytes=0)
            yield _Fault("media gone", f"event {event.id} has lost its media, {event.media}", mend)
        elif size_bytes != event.media_bytes:
            what = f"event {event.id} has media of {size_bytes} bytes, expected {event.media_bytes}"
            yield _Fault("media size", what, _correction(store, event, media_bytes=size_bytes))


def _may_be_here(store: Store, events: list[_Event], node: str) -> list[_Event]:
    """Events whose pictures may be in the folder of a node: it may go on with what another one began."""
    with store.reading() as session:
        elsewhere = set(session.scalars(nodes_elsewhere(node)))
    return [event for event in events if event.node not in elsewhere or event.state == "open"]


def _correction(store: Store, event: _Event, **values: Any) -> Callable[[], None]:
    """Corrects the row, unless it became another one since it was looked at."""
    seen = (EventRow.id == event.id, EventRow.state == event.state, EventRow.ended_at == event.ended_at)

    def correct() -> None:
        with store.transaction() as session:
            session.execute(update(EventRow).where(*seen).values(**values))

    return correct


def _media_faults(media: Path, events: list[_Event], settled_at: float) -> Iterator[_Fault]:
    claimed = {event.media for event in events if event.media}
    for stray in stray_media(media, claimed, settled_at=settled_at):
        yield _Fault(stray.kind, stray.what, stray.delete if stray.is_ours else None)
