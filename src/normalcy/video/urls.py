"""URLs of streams and files: how to tell one, and how to show one without its secrets."""

import re
import socket
import threading
from pathlib import Path
from urllib.parse import urlsplit

# Query values that tell one camera from another and are no secret; every other value is hidden.
SHOWN_QUERY_KEYS = frozenset(
    {"cam", "camera", "ch", "channel", "profile", "stream", "subtype", "track", "unit"}
)
LIVE_SCHEMES = frozenset(
    {"rtsp", "rtsps", "rtmp", "rtmps", "rtp", "srt", "srtp", "tcp", "udp", "mms", "mmsh"}
)

_URL = re.compile(r"^([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
# pathlib turns `rtsp://host` into `rtsp:/host`: a path that came through it is mended.
_SQUASHED = re.compile(rf"^(https?|{'|'.join(sorted(LIVE_SCHEMES))}):/(?=[^/])", re.IGNORECASE)
# Some cameras want `/user=admin_password=abc_channel=1.sdp`.
_SECRET_IN_PATH = re.compile(
    r"((?:user|username|login|password|passwd|pass|pwd|token|auth|key)=)[^&/?#]*?(?=_[a-z]+=|[&/?#]|$)",
    re.IGNORECASE,
)
HIDDEN = "***"


def as_url(source: str | Path) -> str | None:
    """The URL that a source is, or None where it is something else."""
    text = _SQUASHED.sub(r"\1://", str(source))
    return text if _URL.match(text) else None


def is_live(url: str) -> bool:
    """Whether the scheme is one that sends in real time."""
    return scheme_of(url) in LIVE_SCHEMES


def scheme_of(url: str) -> str:
    """Scheme in lower case, without a protocol that FFmpeg nests in front of it."""
    return url.partition("://")[0].lower().rpartition("+")[2]


def redact(url: str) -> str:
    """Hides user, password, and every query value that might be a secret; anything but a URL stays as it is.

    Too much is hidden rather than too little: a password may itself hold `@`, `/`, `?` or `#`.

    >>> redact("rtsp://admin:pa/ss@cam.local:554/live?channel=2&token=abc")
    'rtsp://***@cam.local:554/live?channel=2&token=***'
    """
    text = as_url(url)
    if text is None:
        return url
    scheme, _, rest = text.partition("://")
    rest = _without_user(rest)
    address, mark, query = rest.partition("#")[0].partition("?")
    address = _SECRET_IN_PATH.sub(rf"\1{HIDDEN}", address)
    return f"{scheme}://{address}{mark}{_redact_query(query)}"


def _without_user(rest: str) -> str:
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    # After a colon, the `@` that ends a password may stand behind a `/` of that password.
    may_hold_slash = ":" in authority or "://" in rest
    if not may_hold_slash and "@" not in authority:
        return rest
    secret, _, shown = rest.rpartition("@") if may_hold_slash else rest.partition("@")
    return f"{HIDDEN}@{shown}" if secret else shown


def _redact_query(query: str) -> str:
    return "&".join(_redact_pair(pair) for pair in query.split("&")) if query else ""


def _redact_pair(pair: str) -> str:
    key, equals, _ = pair.partition("=")
    if key.lower() in SHOWN_QUERY_KEYS:
        return pair
    return f"{key}={HIDDEN}" if equals else HIDDEN


def resolves_within(url: str, seconds: float) -> bool:
    """Whether looking up the host of a URL comes to an end in time, found or not.

    FFmpeg's time-outs do not interrupt a name server that is silent.
    """
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return True
    if not host:
        return True
    lookup = threading.Thread(target=_look_up, args=(host,), daemon=True)
    lookup.start()
    lookup.join(seconds)
    return not lookup.is_alive()


def _look_up(host: str) -> None:
    try:
        socket.getaddrinfo(host, None)
    except (OSError, UnicodeError):
        return
