"""Templates, and what each of them may use."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from normalcy import __version__
from normalcy.live.store.events import count_events
from normalcy.live.store.records import EventFilter
from normalcy.live.web import words
from normalcy.live.web.dashboard import Dashboard
from normalcy.live.web.guard.identity import Identity
from normalcy.live.web.sources import shown_source

THEMES: Final = ("light", "dark")
_FILTERS: Final[Mapping[str, Callable[..., str]]] = {
    "bytes": words.bytes_words,
    "figure": words.figure,
    "iso": words.iso,
    "rate": words.rate_words,
    "shown_source": shown_source,
    "span": words.span_words,
}
_WORDS: Final[Mapping[str, object]] = {
    "states": words.SHOWN_STATES,
    "shown_state": words.shown_state,
    "state_words": words.STATE_WORDS,
    "state_tones": words.STATE_TONES,
    "stage_words": words.STAGE_WORDS,
    "stage_tones": words.STAGE_TONES,
    "node_words": words.NODE_WORDS,
    "node_tones": words.NODE_TONES,
    "drop_words": words.DROP_WORDS,
    "scene_words": words.SCENE_WORDS,
    "kind_words": words.KIND_WORDS,
    "severity_words": words.SEVERITY_WORDS,
    "verdict_words": words.VERDICT_WORDS,
    "message_words": words.MESSAGE_WORDS,
}


def environment() -> Environment:
    """Loads templates of this package; what is not defined is an error, and everything is escaped."""
    loaded = Environment(
        loader=PackageLoader("normalcy.live.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    loaded.filters.update(_FILTERS)
    loaded.filters["when"] = _when
    loaded.globals.update(_WORDS)
    loaded.globals["version"] = __version__
    return loaded


def render(
    request: Request, board: Dashboard, template: str, *, status_code: int = 200, **context: Any
) -> HTMLResponse:
    """A page, or a part of one, for whoever asks."""
    identity = getattr(request.state, "identity", None)
    theme = request.cookies.get("theme", "")
    shared = {
        "identity": identity,
        "requires_login": board.identities.requires_login,
        "theme": theme if theme in THEMES else "",
        "path": request.url.path,
        "zone": board.zone,
        "now": time.time(),
        "title_of": board.title,
        "own_node": board.engine.node,
        "address_of": board.address_of,
        "unreviewed": lambda: _unreviewed(board, identity),
    }
    page = board.pages.get_template(template).render({**shared, **context})
    return HTMLResponse(page, status_code)


def is_part(request: Request) -> bool:
    """Whether htmx asks, for a part of a page; without it (JavaScript is off, or not there yet) a page is wanted."""
    return "hx-request" in request.headers


def _unreviewed(board: Dashboard, identity: Identity | None) -> int:
    if identity is None:
        return 0
    with board.store.reading() as session:
        return count_events(session, EventFilter(verdict="none", kind="anomaly"))


@pass_context
def _when(context: Context, at: float) -> str:
    return words.when_words(at, zone=context["zone"], now=context["now"])
