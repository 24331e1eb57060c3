"""Who is told, whether it arrived, and a message to try it."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse

from normalcy.errors import NormalcyError
from normalcy.live.alerts import send_test
from normalcy.live.config.secrets import safe_text
from normalcy.live.web.dashboard import Board
from normalcy.live.web.guard.access import AdminOnly
from normalcy.live.web.probes import alert_counts, receivers
from normalcy.live.web.templating import render

router = APIRouter(prefix="/alerts", include_in_schema=False)


@router.get("", response_class=HTMLResponse)
def list_receivers(request: Request, board: Board) -> HTMLResponse:
    """Receivers, and messages by state; no address of a receiver is shown, since many are secrets."""
    counts, database = alert_counts(board)
    alerts = board.engine.config.alerts
    return render(
        request,
        board,
        "alerts.html",
        alerts=alerts,
        counts=counts,
        database=database,
        outcomes=receivers(board),
    )


@router.post("/test", response_class=HTMLResponse, dependencies=[AdminOnly])
def test_receiver(
    request: Request, board: Board, receiver: Annotated[str, Form(max_length=80)]
) -> HTMLResponse:
    """Sends a message to one receiver, and says what became of it."""
    try:
        outcome = send_test(board.engine.config, receiver)
    except NormalcyError as error:
        outcome = str(error)
    return render(request, board, "parts/sent.html", outcome=safe_text(outcome))
