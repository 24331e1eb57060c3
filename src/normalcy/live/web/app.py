"""Puts the dashboard together."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from fastapi import Depends, FastAPI
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware

from normalcy import __version__
from normalcy.live.status import Engine
from normalcy.live.store.store import Store
from normalcy.live.web import media_files, metrics, pictures, probes
from normalcy.live.web.api import routes as api
from normalcy.live.web.dashboard import Dashboard
from normalcy.live.web.gallery import Gallery
from normalcy.live.web.guard.access import require_access
from normalcy.live.web.guard.headers import StrictHeaders
from normalcy.live.web.guard.hosts import KnownHosts
from normalcy.live.web.guard.identity import Identities
from normalcy.live.web.hub import Hub
from normalcy.live.web.pages import routes as pages
from normalcy.live.web.problems import handle_problems
from normalcy.live.web.request_log import RequestLog
from normalcy.live.web.static_files import static_files
from normalcy.live.web.templating import environment

MOST_BODY_BYTES = 256 * 1024
"""The largest thing that is sent here is a form with regions."""


def create_app(engine: Engine, store: Store, media: Path) -> FastAPI:
    """The dashboard of an engine.

    Args:
        engine: What is shown and configured.
        store: Its events, and who may log in.
        media: Folder of snapshots and clips.
    """
    hub, config = Hub(engine, store), engine.config
    app = FastAPI(
        title="normalcy",
        version=__version__,
        description="Cameras, events and verdicts. Programs send `Authorization: Bearer TOKEN`.",
        # These would be open to everybody, and their pages load from elsewhere: see api/system.py.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(require_access)],
        middleware=[
            Middleware(StrictHeaders, https=config.web.https),
            Middleware(RequestLog),
            Middleware(KnownHosts, config=config),
            Middleware(RequestBodyLimitMiddleware, max_body_size=MOST_BODY_BYTES),
        ],
        lifespan=_closing(hub),
    )
    app.state.dashboard = Dashboard(
        engine, store, media, environment(), hub, Identities(store, config), config, Gallery(engine)
    )
    for router in (
        *pages.ROUTERS,
        *api.ROUTERS,
        pictures.router,
        media_files.router,
        probes.router,
        metrics.router,
    ):
        app.include_router(router)
    app.mount("/static", static_files(), name="static")
    handle_problems(app)
    return app


def _closing(hub: Hub) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        hub.close()

    return lifespan
