"""Serves the dashboard in a thread of the main process."""

import asyncio
import logging
import socket
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn

from normalcy.errors import OutputError
from normalcy.live.status import Engine
from normalcy.live.store.store import Store
from normalcy.live.web.app import create_app
from normalcy.live.web.dashboard import Dashboard
from normalcy.live.web.guard.connections import BoundedProtocol, raise_file_limit

logger = logging.getLogger(__name__)

_BACKLOG = 128
_GRACE_SECONDS = 3
"""For answers that are under way when the server stops."""


class WebServer:
    """A dashboard that listens where the configuration says, from `start` to `stop`.

    Args:
        engine: What is shown and configured.
        store: Its events, and who may log in.
        media: Folder of snapshots and clips.
    """

    def __init__(self, engine: Engine, store: Store, media: Path) -> None:
        self._web = engine.config.web
        self._app = create_app(engine, store, media)
        self._socket: socket.socket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._app,
                http=BoundedProtocol,
                # What guards the dashboard looks at plain requests; another protocol would get past it.
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                # Addresses that a client makes up would get around the limit of logins.
                proxy_headers=self._web.https,
                forwarded_allow_ips=list(self._web.trusted_proxies) if self._web.https else [],
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )

    @property
    def url(self) -> str:
        """Where it can be reached from this machine."""
        assert self._socket is not None, "the server was not started"
        host, port = self._socket.getsockname()[:2]
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def start(self) -> None:
        """Listens, and returns once it answers.

        Raises:
            OutputError: Another program listens there, or the address is none of this machine.
        """
        raise_file_limit()
        self._socket = _listen(self._web.host, self._web.port)
        if self._web.is_open_to_listeners:
            logger.warning("passwords travel unencrypted to %s: put a proxy with https in front", self.url)
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(),), name="web", daemon=True)
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.01)
        if not self._server.started:
            raise OutputError("the dashboard did not start", where=self.url, hint="The log says why")

    def stop(self) -> None:
        """Ends open streams, lets other answers finish, and stops; may be called twice."""
        if self._thread is None:
            return
        self._server.should_exit = True
        if self._loop and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._dashboard.hub.close)
        self._thread.join()
        self._thread = None
        if self._socket:
            self._socket.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _dashboard(self) -> Dashboard:
        dashboard = self._app.state.dashboard
        assert isinstance(dashboard, Dashboard)
        return dashboard

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._server.serve(sockets=[self._socket] if self._socket else None)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        hint = "Set web.host and web.port to a free address of this machine"
        raise OutputError(f"cannot listen ({error.strerror})", where=f"{host}:{port}", hint=hint) from error
