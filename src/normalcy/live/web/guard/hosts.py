"""Only the names that this dashboard goes by are answered, where it listens on loopback, and nobody else's visitors.

A page of another site can make its own name point at 127.0.0.1 and so read what is served there without a login
(DNS rebinding). The browser still sends that other name. A proxy on this machine would make every visitor local, so
what comes through one is refused as long as no login is required.
"""

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from normalcy.live.config.live import LiveConfig
from normalcy.live.config.web import is_loopback

LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_BY_PROXY: Final = (
    "This came through a proxy, and no login is required: set alerts.public_url to the address that people use, "
    "and web.https where the proxy encrypts, then restart."
)
_ANOTHER_NAME: Final = (
    "This dashboard does not go by that name. Behind a proxy set alerts.public_url to the address that people use, "
    "then restart."
)
_PORTS: Final = {"http": 80, "https": 443}


class KnownHosts:
    """Refuses requests that name another host, or that came through a proxy where anybody is let in.

    Args:
        app: What is called else.
        config: With which the server was started: what changes in the file moves neither its address nor its login.
    """

    def __init__(self, app: ASGIApp, config: LiveConfig) -> None:
        self.app = app
        self._known = known_hosts(config)
        self._lets_anybody_in = not config.requires_login

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers 421 or 403, or passes on."""
        refusal = self._refusal(Headers(scope=scope)) if scope["type"] == "http" else None
        await (refusal or self.app)(scope, receive, send)

    def _refusal(self, headers: Headers) -> PlainTextResponse | None:
        if self._known and host_of(headers) not in self._known:
            return PlainTextResponse(_ANOTHER_NAME, 421)
        if self._lets_anybody_in and is_forwarded(headers):
            return PlainTextResponse(_BY_PROXY, 403)
        return None


def known_hosts(config: LiveConfig) -> frozenset[str]:
    """Names that are answered; empty where all are: beyond loopback a login is required."""
    if not is_loopback(config.web.host):
        return frozenset()
    return LOOPBACK_NAMES | {config.web.host} | ({config.public_host} - {""})


def is_forwarded(headers: Headers) -> bool:
    """Whether a proxy says that it passes on what somebody else asked."""
    return any(
        name in ("forwarded", "x-real-ip", "via") or name.startswith("x-forwarded-") for name in headers
    )


def netloc_of(url: str) -> str:
    """Name and port of a URL as browsers write them in `Origin` and `Host`; empty where it names none.

    >>> netloc_of("https://Cams.example:443/x"), netloc_of("http://[::1]:8042"), netloc_of("null")
    ('cams.example', '[::1]:8042', '')
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    host = f"[{host}]" if ":" in host else host
    return host if port in (None, _PORTS.get(parts.scheme)) else f"{host}:{port}"


def host_of(headers: Headers) -> str:
    """Name in the `Host` header, without its port; empty where there is none."""
    try:
        return urlsplit("//" + headers.get("host", "")).hostname or ""
    except ValueError:
        return ""
