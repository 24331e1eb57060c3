"""Bounds what anybody who reaches the port can hold open: every connection is a file handle of the main process."""

import asyncio
import logging
import resource
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from normalcy.live.web.guard.addresses import is_among, network_of

logger = logging.getLogger(__name__)

MOST_CONNECTIONS: Final = 512
MOST_BY_ADDRESS: Final = 64
"""A browser holds six; a household behind one address has a few."""
REQUEST_SECONDS = 10.0
"""A request that did not come whole by then is not waited for."""
WANTED_FILES: Final = 65_536


class BoundedProtocol(H11Protocol):
    """HTTP with a limit of connections, in all and by address, and of the time that a request takes to come.

    Trusted proxies, whose one address stands for many people, have only the limit in all.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Takes the connection, or closes it at once where there are too many."""
        super().connection_made(transport)
        if self._is_too_many():
            logger.warning("too many connections, one from %s is closed", self._address)
            transport.abort()
        else:
            self._wait_for_request()

    def data_received(self, data: bytes) -> None:
        """Reads on; the clock of a request runs from its first byte to its last."""
        super().data_received(data)
        self._wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    @property
    def _address(self) -> str:
        return network_of(self.client[0]) if self.client else ""

    def _is_too_many(self) -> bool:
        if len(self.connections) > MOST_CONNECTIONS:
            return True
        if self.client is None or is_among(self.client[0], self.config.forwarded_allow_ips):
            return False
        clients = [getattr(each, "client", None) for each in self.connections]
        same = [client for client in clients if client and network_of(client[0]) == self._address]
        return len(same) > MOST_BY_ADDRESS

    def _wait_for_request(self) -> None:
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._stop_waiting()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self.transport.abort()


def raise_file_limit() -> None:
    """Allows this process as many file handles as the system lets it, and so the processes that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, WANTED_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
