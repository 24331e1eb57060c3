"""One line of log for each request, and the last net under errors nobody expected."""

import logging
import time
import traceback

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from normalcy.live.config.secrets import safe_text

logger = logging.getLogger(__name__)

# Asked for many times a second by every open page.
_FREQUENT = ("/pictures", "/static/", "/healthz", "/readyz", "/metrics")


class RequestLog:
    """Logs method, path, status and time; no query, headers or bodies, which may hold secrets."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on, and logs how that ended."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 0

        async def noting(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self.app(scope, receive, noting)
        except ClientDisconnect:
            # Nobody is there to be answered, and nothing is wrong here.
            logger.debug("gone before its request was whole: %s", scope["path"])
        except Exception as error:
            logger.error("%s", safe_text("".join(traceback.format_exception(error))))
            if not status:
                problem = {"detail": "Something went wrong here; the log says what."}
                await JSONResponse(problem, 500)(scope, receive, noting)
        finally:
            _log(scope, status, time.perf_counter() - begun)


def _log(scope: Scope, status: int, seconds: float) -> None:
    is_frequent = scope["path"].startswith(_FREQUENT) and status < 400
    facts = {
        "method": scope["method"],
        "path": scope["path"],
        "status": status,
        "milliseconds": round(seconds * 1000, 1),
        "client": (scope.get("client") or ("",))[0],
    }
    line = " ".join(f"{key}={value!r}" if key == "path" else f"{key}={value}" for key, value in facts.items())
    logger.log(logging.DEBUG if is_frequent else logging.INFO, "%s", line, extra={"request": facts})
