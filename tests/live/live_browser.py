"""A real browser on dashboards of its own. PYTEST_DONT_REWRITE

A test module takes the fixtures with `pytest_plugins = ["live_web", "live_browser"]`, and `pytestmark = needs_browser`.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from live_web import FakeEngine, Site

from normalcy.live.web.server import WebServer

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
Browser, Page, expect = sync_api.Browser, sync_api.Page, sync_api.expect

CHROMIUM = shutil.which("chromium")
PATIENCE_MS = 30_000
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_api.sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield opened
        opened.close()


class Visit:
    """A page of a dashboard of its own, and what went wrong on it."""

    def __init__(self, site: Site, browser: Browser, engine: FakeEngine, **options: object) -> None:
        self.site, self.engine = site, engine
        self.problems: list[str] = []
        self._server = WebServer(engine, site.store, site.media)
        self._server.start()
        self._host = urlsplit(self._server.url).netloc
        self._context = browser.new_context(base_url=self._server.url, **options)
        self._context.set_default_timeout(PATIENCE_MS)
        self.page = self._context.new_page()
        self.page.on(
            "console", lambda message: message.type == "error" and self.problems.append(message.text)
        )
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", self._note)

    def _note(self, request: sync_api.Request) -> None:
        if urlsplit(request.url).netloc != self._host and not request.url.startswith(("blob:", "data:")):
            self.problems.append(f"asked {request.url}")

    def close(self) -> None:
        self._context.close()
        self._server.stop()
        assert self.problems == []


def until(page: Page, holds: Callable[[], bool]) -> None:
    """Waits for what a page comes to; Playwright's own way evaluates text, which these pages forbid."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not holds():
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)


@pytest.fixture
def visit(site: Site, browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Opens a dashboard; at the end no page may have had an error, or have asked another host."""
    opened: list[Visit] = []

    def start(engine: FakeEngine | None = None, **options: object) -> Visit:
        opened.append(
            Visit(site, browser, engine or site.engine(web={"port": 0, "picture_fps": 20}), **options)
        )
        return opened[-1]

    yield start
    for each in opened:
        each.close()
