"""For whoever keeps this process alive: is it, and does it do its work."""

from fastapi import APIRouter, Response

from normalcy.errors import NormalcyError
from normalcy.live.store.outbox import outbox_counts
from normalcy.live.web.dashboard import Board, Dashboard
from normalcy.live.web.sources import safe_text

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


@router.get("/readyz")
def readyz(board: Board, response: Response) -> dict[str, str]:
    """Everything that should run does, and the database answers."""
    is_ready = board.engine.is_ready and alert_counts(board)[1] == "ok"
    response.status_code = 200 if is_ready else 503
    return {"status": "ready" if is_ready else "not ready"}


def alert_counts(board: Dashboard) -> tuple[dict[str, int], str]:
    """Messages by state, and `ok`; or nothing, and why the database does not answer."""
    try:
        with board.store.reading() as session:
            return dict(outbox_counts(session)), "ok"
    except NormalcyError as error:
        return {}, safe_text(str(error))
