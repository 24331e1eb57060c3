"""For whoever keeps this process alive: is it, and does it do its work."""

from dataclasses import replace

from fastapi import APIRouter, Response
from sqlalchemy import select

from normalcy.errors import NormalcyError
from normalcy.live.config.secrets import safe_text
from normalcy.live.store.outbox import outbox_counts
from normalcy.live.store.receivers import ReceiverCounts, receiver_counts
from normalcy.live.web.dashboard import Board, Dashboard

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


@router.get("/readyz")
def readyz(board: Board, response: Response) -> dict[str, str]:
    """Everything that should run does, and the database answers: without a login, and so without much work."""
    is_ready = board.engine.is_ready and database_answers(board) == "ok"
    response.status_code = 200 if is_ready else 503
    return {"status": "ready" if is_ready else "not ready"}


def database_answers(board: Dashboard) -> str:
    """`ok`, or why it does not."""
    try:
        with board.store.reading() as session:
            session.execute(select(1))
            return "ok"
    except NormalcyError as error:
        return safe_text(str(error))


def alert_counts(board: Dashboard) -> tuple[dict[str, int], str]:
    """Messages by state, and `ok`; or nothing, and why the database does not answer."""
    try:
        with board.store.reading() as session:
            return dict(outbox_counts(session)), "ok"
    except NormalcyError as error:
        return {}, safe_text(str(error))


def receivers(board: Dashboard) -> dict[str, ReceiverCounts]:
    """How it goes with each receiver; nothing where the database does not answer."""
    try:
        with board.store.reading() as session:
            found = receiver_counts(session)
    except NormalcyError:
        return {}
    return {name: replace(each, last_error=safe_text(each.last_error)) for name, each in found.items()}
