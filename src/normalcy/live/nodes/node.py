"""One node of a fleet: says that it lives, takes cameras, lets them go, and knows who has the others.

A thread of its own talks to the database, so that nothing that is slow there holds the supervisor up. What it knows is
read by others without waiting. A node that cannot reach the database keeps what it has: whether it still has it, the
database says afterwards (`store.leases.holds`), in the transaction that writes what was seen meanwhile.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

from sqlalchemy.orm import Session

from normalcy import __version__
from normalcy.errors import NormalcyError, RunFolderBusy
from normalcy.live.config.fleet import FleetConfig
from normalcy.live.nodes.identity import NodeIdentity
from normalcy.live.nodes.picture import FleetPicture, Taken
from normalcy.live.nodes.shares import has_to_let_go, room_of
from normalcy.live.nodes.statuses import Statuses
from normalcy.live.store import nodes
from normalcy.live.store.claim import DatabaseClaim, claim_database
from normalcy.live.store.leases import add_cameras, give_back, give_back_all, own_leases, read_leases, take
from normalcy.live.store.outbox import open_outages
from normalcy.live.store.records import Lease
from normalcy.live.store.store import Store

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_ANSWER_SECONDS = 3.0
"""The database has so long for an answer: a node that waits longer is not heard meanwhile."""
_LEAVE_SECONDS = 30.0
"""A camera that was to be let go is given back by then, whether or not all that was seen is written."""
_MARGIN_SECONDS = 1.0
_UNREADY_SECONDS = 60.0
"""A node whose detectors are not open for so long lets others have its cameras."""


@dataclass(frozen=True)
class Offer:
    """What the supervisor says of this node.

    Attributes:
        cameras: That it could watch: those of the configuration that are switched on.
        ready: Whether its detectors are open.
        address: Of its dashboard.
        status: For the dashboards of others.
        busy: Cameras on which something goes on: others are let go first.
    """

    cameras: frozenset[str] = frozenset()
    ready: bool = False
    address: str = ""
    status: Mapping[str, Any] = field(default_factory=dict)
    busy: frozenset[str] = frozenset()


class Node:
    """This engine among others.

    Args:
        store: A store of its own: nobody else's work keeps it waiting for a connection.
        identity: Who it is.
        config: Of the fleet.
        clock: Monotonic, in seconds.

    Attributes:
        picture: The fleet as it was read last.
        failure: Why this node may not go on; none as long as it may.
        statuses: What the others say of themselves.
        judged: Cameras of whose events people said something, on the dashboard of any node.
    """

    def __init__(
        self,
        store: Store,
        *,
        identity: NodeIdentity,
        config: FleetConfig,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self.identity, self._config, self._clock = store, identity, config, clock
        self._offer, self._lock = Offer(), threading.Lock()
        self._claim: DatabaseClaim | None = None
        self._taken: dict[str, Taken] = {}
        self._leaving: dict[str, tuple[Lease, float]] = {}
        self._known_cameras: frozenset[str] = frozenset()
        self._untold: list[Lease] = []
        self._was_ready = False
        self._ready_since = self._unready_since = clock()
        self._beaten = self._heard = self._steady_since = self._same_since = self._let_go_at = clock()
        self._members: frozenset[str] = frozenset()
        self._verdict = 0
        self._ending = self._is_away = False
        self.picture, self.failure = FleetPicture(), ""
        self.statuses = Statuses(store)
        self.judged: SimpleQueue[str] = SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="node", daemon=True)

    # -- life

    def join(self, *, told_to_stop: threading.Event | None = None) -> None:
        """Becomes a node of the fleet.

        Raises:
            RunFolderBusy: An engine has the database for itself, or another node is called like this one.
            StoreError: The database cannot be reached.
        """
        try:
            self._join(told_to_stop or threading.Event())
        except BaseException:
            self._let_go_of_database()
            raise
        self._beaten = self._heard = self._steady_since = self._clock()

    def _join(self, told_to_stop: threading.Event) -> None:
        self._claim = claim_database(self._store, told_to_stop=told_to_stop, is_shared=True)
        deadline = self._clock() + self._config.lease_seconds + _LOOK_SECONDS
        while not self._registered():
            if self._clock() >= deadline or told_to_stop.is_set():
                raise RunFolderBusy(
                    f"another node is called {self.identity.name!r}",
                    where=self._store.name,
                    hint="Give each a name of its own, by fleet.node",
                )
            logger.warning("another node is called %s; waiting for it to end", self.identity.name)
            told_to_stop.wait(_LOOK_SECONDS)

    def start(self) -> None:
        """Begins to live."""
        self._thread.start()

    def end(self) -> None:
        """Takes nothing any more, and keeps what it has for now."""
        self._ending = True

    def give_all_back(self) -> None:
        """Lets others have all cameras at once: everything that was seen is written."""
        try:
            with self._store.transaction() as session:
                nodes.keep_short(session, _ANSWER_SECONDS)
                give_back_all(session, self.identity.token)
        except NormalcyError as error:
            logger.warning("the others will have the cameras of this node only after a while: %s", error)

    def leave(self) -> None:
        """Gives everything back, and is no node any more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        try:
            with self._store.transaction() as session:
                nodes.keep_short(session, _ANSWER_SECONDS)
                nodes.stop(session, self.identity.token)
        except NormalcyError as error:
            logger.warning("the others will notice only after a while that this node ends: %s", error)
        self._let_go_of_database()

    def _let_go_of_database(self) -> None:
        if self._claim is not None:
            self._claim.release()
            self._claim = None
        self._store.close()

    # -- asked by the supervisor

    def offer(self, offer: Offer) -> None:
        """What it can do from now on."""
        with self._lock:
            self._offer = offer

    @property
    def taken(self) -> dict[str, Taken]:
        """Cameras that it watches; one that it lets go is none of them."""
        with self._lock:
            return {name: each for name, each in self._taken.items() if name not in self._leaving}

    def left(self, lease: Lease) -> None:
        """All that was seen on a camera is written: others may have it."""
        with self._lock:
            if (leaving := self._leaving.get(lease.camera)) and leaving[0] == lease:
                self._leaving[lease.camera] = lease, self._clock()

    @property
    def is_sure(self) -> bool:
        """Whether nobody else can have taken its cameras by now."""
        return self._clock() - self._heard < self._config.lease_seconds - _MARGIN_SECONDS

    @property
    def has_others(self) -> bool:
        """Whether there is another node that can watch cameras."""
        members = self.picture.members(frozenset(), self._config.lease_seconds)
        return any(each.name != self.identity.name for each in members)

    def owner(self, camera: str) -> str:
        """Name of the node that watches a camera; empty where none does that is alive."""
        held = self.picture.leases.get(camera)
        return held.node if held is not None and held.is_heard else ""

    # -- the thread

    def _run(self) -> None:
        while not self._stopping.wait(min(_LOOK_SECONDS, self._config.heartbeat_seconds)):
            self.turn()

    def turn(self) -> None:
        """Says that it lives where it is time to, looks at the others, takes and lets go."""
        started = self._clock()
        try:
            self._require_claim()
            if not self._look(started):
                self._fail(
                    f"another life of {self.identity.name!r} has taken this one's place, or it was forgotten"
                )
                return
            self._decide(started)
        except RunFolderBusy as error:
            self._fail(str(error))
        except NormalcyError as error:
            self._say_away(error)
        except Exception:
            logger.exception("a defect of the node; it goes on")
        else:
            self._say_back()

    def _registered(self) -> bool:
        with self._store.transaction() as session:
            nodes.keep_short(session, _ANSWER_SECONDS)
            self._verdict = nodes.newest_verdict(session)
            return nodes.register(
                session,
                name=self.identity.name,
                token=self.identity.token,
                folder=self.identity.folder,
                capacity=self._config.capacity,
                lease_seconds=self._config.lease_seconds,
            )

    def _require_claim(self) -> None:
        if self._claim is not None and self._claim.is_held:
            return
        if self._claim is not None:
            self._claim.release()
            self._claim = None
        self._claim = claim_database(self._store, wait_seconds=0.0, is_shared=True)

    def _look(self, now: float) -> bool:
        """Reads the fleet, and beats where it is time to; False where this life was ended by another."""
        with self._lock:
            offer = self._offer
        is_due = now - self._beaten >= self._config.heartbeat_seconds or offer.ready != self._was_ready
        lives, judged = True, set[str]()
        with self._store.transaction() as session:
            nodes.keep_short(session, _ANSWER_SECONDS)
            own_silence = nodes.silence_of(session, self.identity.token)
            if is_due:
                lives = self._beats(session, offer)
            found = nodes.read_nodes(session)
            leases = read_leases(session, lease_seconds=self._config.lease_seconds)
            if (verdict := nodes.newest_verdict(session)) != self._verdict:
                judged, self._verdict = nodes.judged_since(session, self._verdict), verdict
        if not lives or own_silence is None:
            return False
        if own_silence > self._config.lease_seconds / 2:
            self._steady_since = now  # so the others may have been kept from saying that they live as well
        if is_due:
            self._beaten = self._heard = now
            self._ready_since = now if offer.ready and not self._was_ready else self._ready_since
            self._was_ready = offer.ready
        self._take_up(FleetPicture(tuple(found), leases, now))
        for camera in judged:
            self.judged.put(camera)
        return True

    def _beats(self, session: Session, offer: Offer) -> bool:
        return nodes.beat(
            session,
            token=self.identity.token,
            ready=offer.ready and not self._ending,
            address=offer.address,
            version=__version__,
            status=offer.status,
        )

    def _take_up(self, picture: FleetPicture) -> None:
        """Cameras that somebody else has by now are lost."""
        mine = own_leases(picture.leases, self.identity.token)
        with self._lock:
            # Taken, but nobody here was told: the connection broke at that moment. They are taken anew.
            self._untold = [lease for name, lease in mine.items() if name not in self._taken]
            for name in [each for each, taken in self._taken.items() if mine.get(each) != taken.lease]:
                logger.warning("camera %s is watched by another node now", name)
                del self._taken[name]
                self._leaving.pop(name, None)
        living = frozenset(each.name for each in picture.living(self._config.lease_seconds) if each.ready)
        if living != self._members:
            logger.info("nodes that watch cameras: %s", ", ".join(sorted(living)) or "none")
            self._members, self._same_since = living, picture.at
        self.picture = picture

    # -- taking and letting go

    def _decide(self, now: float) -> None:
        with self._lock:
            offer, leaving = self._offer, dict(self._leaving)
        self._make_rows(offer.cameras)
        self._give_back([*self._untold, *(lease for lease, due in leaving.values() if now >= due)])
        if self._ending:
            return
        self._drop_unwanted(offer, now)
        self._unready_since = now if offer.ready else self._unready_since
        if now - self._unready_since >= _UNREADY_SECONDS:
            self._drop_all(now)
        # A node that is not ready yet is none of the members: it takes nothing, and nothing is kept for it. Of those
        # that start at once the first does not take everything.
        is_known = now - self._ready_since >= self._config.heartbeat_seconds
        if self.identity.name in self._members and offer.ready and is_known:
            self._take(offer, now)
            self._let_one_go(offer, now)

    def _make_rows(self, cameras: frozenset[str]) -> None:
        if cameras - self._known_cameras - self.picture.leases.keys():
            with self._store.transaction() as session:
                nodes.keep_short(session, _ANSWER_SECONDS)
                add_cameras(session, cameras)
        self._known_cameras = cameras

    def _take(self, offer: Offer, now: float) -> None:
        members = self.picture.members(offer.cameras, self._config.lease_seconds)
        room = room_of(self.identity.name, cameras=len(offer.cameras), members=members)
        of_the_silent = now - self._steady_since >= self._config.lease_seconds
        free = {
            name
            for name in offer.cameras
            if (held := self.picture.leases.get(name)) is None
            or held.token is None
            or (of_the_silent and not held.is_heard)
        }
        if room == 0 or not free:
            return
        with self._store.transaction() as session:
            nodes.keep_short(session, _ANSWER_SECONDS)
            leases = take(
                session,
                free,
                node=self.identity.name,
                token=self.identity.token,
                most=room,
                lease_seconds=self._config.lease_seconds,
                of_the_silent=of_the_silent,
            )
        outages = self._outages_of(leases)
        with self._lock:
            self._taken |= {each.camera: Taken(each, outages.get(each.camera)) for each in leases}
        if leases:
            logger.info("takes %s", ", ".join(each.camera for each in leases))

    def _outages_of(self, leases: list[Lease]) -> dict[str, float]:
        """Since when somebody was told that cameras are gone.

        Read once they are taken: nobody else adds to it then, and where it fails they are watched all the same.
        """
        if not leases:
            return {}
        try:
            with self._store.transaction() as session:
                nodes.keep_short(session, _ANSWER_SECONDS)
                return open_outages(session, cameras=[each.camera for each in leases])
        except NormalcyError as error:
            logger.warning("nobody will be told that cameras that were gone are back: %s", error)
            return {}

    def _drop_unwanted(self, offer: Offer, now: float) -> None:
        """Cameras that are not in the configuration any more, or are switched off."""
        with self._lock:
            for name in self._taken.keys() - offer.cameras - self._leaving.keys():
                self._leaving[name] = self._taken[name].lease, now + _LEAVE_SECONDS

    def _drop_all(self, now: float) -> None:
        """Nothing is scored here, so nothing has to be written first."""
        with self._lock:
            self._leaving = {name: (taken.lease, now) for name, taken in self._taken.items()}

    def _let_one_go(self, offer: Offer, now: float) -> None:
        members = self.picture.members(offer.cameras, self._config.lease_seconds)
        wait_seconds = max(self._config.lease_seconds - (now - self._same_since), 0.0)
        with self._lock:
            is_busy = bool(self._leaving) or now - self._let_go_at < self._config.heartbeat_seconds
            has_too_many = has_to_let_go(self.identity.name, cameras=len(offer.cameras), members=members)
            if wait_seconds or is_busy or not (has_too_many and self._taken):
                return
            name = max(self._taken, key=lambda each: (each not in offer.busy, each))
            self._leaving[name], self._let_go_at = (self._taken[name].lease, now + _LEAVE_SECONDS), now
        logger.info("lets %s go: another node has room for it", name)

    def _give_back(self, leases: list[Lease]) -> None:
        if not leases:
            return
        with self._store.transaction() as session:
            nodes.keep_short(session, _ANSWER_SECONDS)
            give_back(session, leases)
        self._let_go_at = self._clock()  # what was read of the fleet still counts them as this node's
        with self._lock:
            for lease in leases:
                self._leaving.pop(lease.camera, None)
                self._taken.pop(lease.camera, None)

    # -- said

    def _fail(self, why: str) -> None:
        if not self.failure:
            logger.error("this node may not go on: %s", why)
        self.failure = why

    def _say_away(self, error: NormalcyError) -> None:
        if not self._is_away:
            logger.warning("the others cannot hear this node: %s", error)
        self._is_away = True

    def _say_back(self) -> None:
        if self._is_away:
            logger.info("the others hear this node again")
        self._is_away = False
