"""Only the names that this dashboard goes by are answered, where it listens on loopback.

A page of another site can make its own name point at 127.0.0.1 and so read what is served there without a login
(DNS rebinding). The browser still sends that other name.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from normalcy.live.config.live import LiveConfig
from normalcy.live.config.web import is_loopback
from normalcy.live.status import Engine

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class KnownHosts:
    """Refuses requests that name another host.

    Args:
        app: What is called else.
        engine: Its configuration says where the dashboard listens, and the address that people are told.
    """

    def __init__(self, app: ASGIApp, engine: Engine) -> None:
        self.app, self._engine = app, engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers 421 or passes on."""
        known = known_hosts(self._engine.config)
        if scope["type"] == "http" and known and host_of(Headers(scope=scope)) not in known:
            await PlainTextResponse("This dashboard does not go by that name.", 421)(scope, receive, send)
            return
        await self.app(scope, receive, send)


def known_hosts(config: LiveConfig) -> frozenset[str]:
    """Names that are answered; empty where all are: beyond loopback a login is required."""
    if not is_loopback(config.web.host):
        return frozenset()
    public = urlsplit(config.alerts.public_url or "").hostname
    return LOOPBACK_NAMES | {config.web.host} | ({public} if public else set())


def host_of(headers: Headers) -> str:
    """Name in the `Host` header, without its port; empty where there is none."""
    try:
        return urlsplit("//" + headers.get("host", "")).hostname or ""
    except ValueError:
        return ""
